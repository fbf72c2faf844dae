"""What the harness needs from an engine, such as Celery on RabbitMQ."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol, Self

from meshapi_video import PollPolicy
from tools.fleet.servers import Server

STOP_TIMEOUT: Final = 30.0
"""Seconds that a worker has for a warm shutdown."""
POLL_DELAY: Final = "FLEET_POLL_DELAY"
"""The environment variable with the seconds between two polls of a task. Workers inherit it."""


def poll_policy() -> PollPolicy:
    """The policy for the waits of a worker."""
    delay = float(os.environ.get(POLL_DELAY, "1"))
    return PollPolicy(initial_delay=delay, multiplier=1, max_delay=2 * delay)


def record_end(record: Path, task_id: str) -> None:
    """Appends the line of one call of `on_end`, in one write, because other processes append to this file, too."""
    descriptor = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, f"{task_id} {time.time()}\n".encode("ascii"))
    finally:
        os.close(descriptor)


class Worker:
    """A worker process, perhaps with child processes, in a process group of its own."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """`process` was started with `start_new_session=True`."""
        self.process = process

    @classmethod
    def start(cls, *command: str, log: Path, environment: Mapping[str, str] | None = None) -> Self:
        """Starts a worker with these environment variables besides those of this process.

        Its output goes to the end of the file `log`. The kernel kills it when this thread ends.
        """
        with log.open("ab") as output:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", *command],
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return cls(process)

    def children(self) -> list[int]:
        """The ids of the child processes that run the waits. [] if the engine has none."""
        pid = self.process.pid
        with suppress(OSError):
            return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
        return []

    def kill(self) -> None:
        """Kills the worker and its children with SIGKILL. Nothing can be handed back."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> float:
        """Stops the worker with SIGTERM, as a deploy does, and returns how many seconds that took.

        Raises `subprocess.TimeoutExpired` if the worker has not ended within `STOP_TIMEOUT` seconds.
        """
        started = time.monotonic()
        self.process.terminate()
        self.process.wait(STOP_TIMEOUT)
        return time.monotonic() - started


class Engine(Protocol):
    """Runs waits on workers. The harness makes one for each run: `Class(folder)`, with the folder of its server."""

    name: str
    """The name in the table, such as "Celery on RabbitMQ"."""
    server: Server
    """The server that keeps the waits. The harness starts it before `prepare`, restarts it, and stops it."""

    def prepare(self, folder: Path, sandbox_url: str) -> None:
        """Gets everything ready for the workers: a schema, their settings. `folder` is for the engine's files."""

    def start_worker(self, record: Path) -> Worker:
        """Starts a worker, and returns at once.

        For each call of `on_end`, the worker appends the line `TASK_ID UNIX_TIME` to the file `record`, in one
        write to a file that is opened with `O_APPEND`.
        """
        ...

    def add(self, task_ids: Sequence[str]) -> None:
        """Gives the waits for these tasks to the engine. They are safe with the server when this returns."""

    def close(self) -> None:
        """Closes the connections of this process to the server. The workers have been stopped already."""
