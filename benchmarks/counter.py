"""Counts what a child has done, with its time and its memory, and reports it when the child ends."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import AsyncIterator, Iterator
from typing import NoReturn

from benchmarks.processes import Reply, reply_and_exit, resident_memory, start_watchdog


class Counted(Reply):
    """The counts."""

    finished: int
    """Tasks, or requests without tasks."""
    failed: int
    """Polls."""
    seconds: float
    cpu: float
    memory_before: int
    """Resident bytes before the first task."""
    max_memory: int
    """The maximum of resident bytes."""
    most_pending: int
    longest_stall: float
    """Seconds in which the event loop ran nothing else."""
    problem: str

    @property
    def memory(self) -> int:
        """The bytes that were added."""
        return self.max_memory - self.memory_before


class Counter:
    """Counts, and samples the memory from another thread."""

    def __init__(self, timeout: float) -> None:
        gc.collect()
        self.finished = self.failed = self.most_pending = 0
        self.longest_stall, self.problem = 0.0, ""
        self._started, self._cpu = time.monotonic(), time.process_time()
        self._memory_before = self._max_memory = resident_memory()
        start_watchdog(timeout, 0.1, self._sample, self.report_and_exit)

    def poll_failed(self, error: Exception) -> None:
        """Counts a failed poll."""
        self.failed += 1
        self.problem = f"{type(error).__name__}: {error}".removesuffix(": ")

    async def watch_event_loop(self, interval: float = 0.02) -> NoReturn:
        """Records how late the event loop runs this coroutine."""
        while True:
            started = time.monotonic()
            await asyncio.sleep(interval)
            self.longest_stall = max(self.longest_stall, time.monotonic() - started - interval)

    def report_and_exit(self) -> NoReturn:
        """Sends the counts so far, and ends the process."""
        self._sample()
        seconds, cpu = time.monotonic() - self._started, time.process_time() - self._cpu
        memory = self._memory_before, self._max_memory
        counts = self.finished, self.failed, seconds, cpu, *memory, self.most_pending, self.longest_stall
        reply_and_exit(Counted(*counts, self.problem))

    def _sample(self) -> None:
        self._max_memory = max(self._max_memory, resident_memory())


def new_ids(tasks: int) -> Iterator[str]:
    """Ids that no other process has."""
    return (f"{os.getpid()}-{number}" for number in range(tasks))


async def arriving_ids(tasks: int, seconds: float) -> AsyncIterator[str]:
    """The same, spread evenly over so many seconds."""
    started = time.monotonic()
    for number, task_id in enumerate(new_ids(tasks)):
        if (left := started + number * seconds / tasks - time.monotonic()) > 0:
            await asyncio.sleep(left)
        yield task_id
