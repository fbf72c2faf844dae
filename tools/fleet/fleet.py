"""The processes of one run: a sandbox, an engine's server, and two workers."""

from __future__ import annotations

import os
import random
import time
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tools.fleet.engine import Engine, Worker
from tools.fleet.sandbox import SandboxServer

WORKERS: Final = 2
SETTLE_TIMEOUT: Final = 20.0
IDLE_TIME: Final = 0.5
IDLE_CPU: Final = 0.03
"""A worker that uses less CPU than this in `IDLE_TIME` has started. Both in seconds."""
TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass
class Fleet:
    """An engine with two workers, whose tasks are in a sandbox."""

    engine: Engine
    sandbox: SandboxServer
    record: Path
    """Each call of `on_end` appends a line to this file."""
    rand: random.Random
    workers: list[Worker] = field(default_factory=list[Worker])
    started: int = 0
    """The number of workers that were started."""
    stop_seconds: float = 0.0
    """The longest time that a worker took from SIGTERM to its end."""
    _cpu: dict[int, float] = field(default_factory=dict[int, float])
    """The CPU seconds of each process of a worker, also of those that have ended, by process id."""

    @contextmanager
    def running(self, folder: Path) -> Generator[None]:
        """Runs all processes until the block ends."""
        with self.sandbox, self.engine.server:
            self.engine.prepare(folder, self.sandbox.url)
            try:
                self.workers.extend(self.start_worker() for _ in range(WORKERS))
                self._settle()
                yield
            finally:
                for worker in self.workers:
                    worker.kill()
                self.engine.close()

    def start_worker(self) -> Worker:
        """Starts one more worker."""
        self.started += 1
        return self.engine.start_worker(self.record)

    def replace_ended_workers(self) -> None:
        """Starts a worker for each one that has ended, as a supervisor does."""
        for place, worker in enumerate(self.workers):
            if worker.process.poll() is not None:
                self.workers[place] = self.start_worker()

    def calls(self) -> dict[str, list[float]]:
        """When `on_end` was called for each task, in seconds since 1970."""
        calls = defaultdict[str, list[float]](list)
        with suppress(FileNotFoundError):
            for line in self.record.read_text("ascii").splitlines():
                task_id, at = line.split()
                calls[task_id].append(float(at))
        return calls

    def cpu_seconds(self) -> float:
        """The CPU time of all workers and their children until now. Call it often: ended processes are not seen."""
        sessions = {worker.process.pid for worker in self.workers}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                pid, _, rest = stat.read_text("utf-8", "replace").partition(" ")
                fields = rest.rpartition(")")[2].split()
                if int(fields[3]) in sessions:
                    self._cpu[int(pid)] = (int(fields[11]) + int(fields[12])) / TICKS
        return sum(self._cpu.values())

    def _settle(self) -> None:
        """Waits until the workers have started: until they use no CPU."""
        deadline = time.monotonic() + SETTLE_TIMEOUT
        before = float("-inf")
        while time.monotonic() < deadline:
            now = self.cpu_seconds()
            if 0 < now < before + IDLE_CPU:
                return
            before = now
            time.sleep(IDLE_TIME)
