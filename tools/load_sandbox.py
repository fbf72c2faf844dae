"""Loads a sandbox with hundreds of clients and thousands of tasks, and compares every response with its database.

Run by `nox -s load`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sqlite3
import ssl
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from meshapi_video._http_libraries import httpx
from meshapi_video_sandbox import Sandbox
from support.program import PROGRAM, program

TERMINAL: Final = ("succeeded", "failed", "expired", "cancelled")
CLIENTS_PER_TASK: Final = 2
TRANSITIONS: Final = {
    ("queued", "running"),
    *((before, terminal) for before in ("queued", "running") for terminal in TERMINAL),
}
"""The changes of status that are allowed."""


@dataclass
class Observed:
    """The responses about one task."""

    outcome: str
    """The terminal status that the task should get."""
    pending: list[list[str]] = field(default_factory=list[list[str]])
    """For each client, the statuses before the terminal status."""
    terminal: list[bytes] = field(default_factory=list[bytes])
    """For each client, the response with the terminal status."""


@dataclass
class Load:
    """A load, and its figures."""

    clients: int
    tasks: int
    """The number of tasks in each round."""
    longest: float = 1.0
    """The longest time in seconds that a task is queued, and also the longest time that it runs."""
    observed: dict[str, Observed] = field(default_factory=dict[str, Observed])
    poll_seconds: list[float] = field(default_factory=list[float])
    """The time of each poll."""
    memory: list[float] = field(default_factory=list[float])
    """The server's memory in MB after each round."""
    seconds: float = 0.0
    transitions: int = 0

    def run(self, rounds: int, db: Path) -> None:
        """Loads a sandbox that uses the database `db`. Raises `AssertionError` for a wrong response."""
        with program(*PROGRAM, "--db", str(db)) as (process, sandbox):
            started = time.monotonic()
            for _ in range(rounds):
                asyncio.run(self._round(sandbox))
                self.memory.append(megabytes(process.pid))
            self.seconds = time.monotonic() - started
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0
        self._check(db)

    async def _round(self, sandbox: Sandbox) -> None:
        numbers = iter(range(self.tasks))
        async with asyncio.TaskGroup() as group:
            for _ in range(self.clients):
                group.create_task(self._run_client(sandbox, numbers))

    async def _run_client(self, sandbox: Sandbox, numbers: Iterator[int]) -> None:
        async with httpx.AsyncClient(
            base_url=sandbox.base_url,
            headers={"Authorization": f"Bearer {sandbox.api_key}"},
            timeout=60,
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            trust_env=False,
        ) as http:
            for number in numbers:
                rand = random.Random(number)  # noqa: S311 - not for a secret
                outcome = rand.choice(TERMINAL)
                queued_for, running_for = (rand.uniform(0, self.longest) for _ in range(2))
                plan = {"outcome": outcome, "queued_for": queued_for, "running_for": running_for}
                response = await http.post("/_sandbox/tasks", json=plan)
                task_id = response.raise_for_status().json()["id"]
                self.observed[task_id] = observed = Observed(outcome)
                await asyncio.gather(*(self._wait(http, task_id, observed) for _ in range(CLIENTS_PER_TASK)))

    async def _wait(self, http: httpx.AsyncClient, task_id: str, observed: Observed) -> None:
        statuses = list[str]()
        observed.pending.append(statuses)
        while True:
            started = time.monotonic()
            response = await http.get(f"/v1/video/generations/{task_id}")
            self.poll_seconds.append(time.monotonic() - started)
            status = response.raise_for_status().json()["status"]
            if status in TERMINAL:
                observed.terminal.append(response.content)
                return
            statuses.append(status)
            await asyncio.sleep(0.05)

    def _check(self, db: Path) -> None:
        """Compares the responses with the database, after the server has stopped."""
        with sqlite3.connect(db) as database:
            for task_id, observed in self.observed.items():
                (response,) = database.execute("SELECT response FROM tasks WHERE id = ?", (task_id,)).fetchone()
                rows = database.execute("SELECT status FROM history WHERE task_id = ? ORDER BY rowid", (task_id,))
                history = [status for (status,) in rows]
                (polls,) = database.execute("SELECT polls FROM upstream_polls WHERE task_id = ?", (task_id,)).fetchone()
                same = [response.encode()] * CLIENTS_PER_TASK
                assert observed.terminal == same, f"{task_id}: a response differs from the database"
                status = json.loads(response)["status"]
                assert status == history[-1] == observed.outcome, f"{task_id}: the wrong terminal status"
                assert set(pairwise(history)) <= TRANSITIONS, f"{task_id}: a wrong transition in {history}"
                for statuses in observed.pending:
                    expected = [status for status in history if status in statuses]
                    assert list(dict.fromkeys(statuses)) == expected, f"{task_id}: a status was lost"
                # One poll of each client received the terminal status. The gateway may have sent it to the
                # upstream, or may have known the status already.
                pending = sum(map(len, observed.pending))
                assert pending < polls <= pending + CLIENTS_PER_TASK, f"{task_id}: {polls} polls of the upstream"
                self.transitions += len(history) - 1
        database.close()

    def __str__(self) -> str:
        percentiles = statistics.quantiles(self.poll_seconds, n=100)
        polls = len(self.poll_seconds)
        return (
            f"{self.clients} clients, {len(self.observed)} tasks, {polls} polls in {self.seconds:.1f} s "
            f"({polls / self.seconds:.0f} per second)\n"
            f"time of a poll: {percentiles[49] * 1000:.0f} ms (median), {percentiles[98] * 1000:.0f} ms (99 %)\n"
            f"{self.transitions} transitions, none lost; every response is as in the database\n"
            f"memory after each round: {', '.join(f'{megabytes:.1f}' for megabytes in self.memory)} MB"
        )


def megabytes(process_id: int) -> float:
    """The resident memory of a process."""
    command = ["ps", "-o", "rss=", "-p", str(process_id)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 1024


def main() -> None:
    """The load as a command."""
    parser = argparse.ArgumentParser(prog="nox -s load --", description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--tasks", type=int, default=600, help="the number of tasks in each round")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    load = Load(arguments.clients, arguments.tasks, longest=3)
    with tempfile.TemporaryDirectory() as folder:
        load.run(arguments.rounds, Path(folder, "tasks.db"))
    print(load)
    # The first two rounds open connections and fill caches.
    if len(load.memory) > 2:
        second, *later = load.memory[1:]
        assert max(later) < second * 1.05, "the memory grows"


if __name__ == "__main__":
    main()
