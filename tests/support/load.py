"""Hundreds of clients look at thousands of tasks, and every answer is held against the database."""

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

import httpx

from meshapi_video_sandbox import Sandbox
from support.program import PROGRAM, program

OUTCOMES = ("succeeded", "failed", "expired", "cancelled")
WATCHERS = 2
LEGAL = {("queued", "running"), *((before, over) for before in ("queued", "running") for over in OUTCOMES)}


@dataclass
class Watched:
    """What the clients saw of one task."""

    outcome: str
    unfinished: list[list[str]] = field(default_factory=list[list[str]])
    """The statuses that each watcher saw before the end."""
    ends: list[bytes] = field(default_factory=list[bytes])
    """The answer that each watcher ended with."""


@dataclass
class Load:
    """A load, and its figures."""

    clients: int
    tasks: int
    """In each round."""
    lasting: float = 1.0
    """Seconds that a task is queued at most, and runs at most."""
    watched: dict[str, Watched] = field(default_factory=dict[str, Watched])
    durations: list[float] = field(default_factory=list[float])
    """Seconds of each look."""
    megabytes: list[float] = field(default_factory=list[float])
    """The server's memory after each round."""
    seconds: float = 0.0
    transitions: int = 0

    def run(self, rounds: int, db: Path) -> None:
        """Loads a sandbox on that file; an `AssertionError` if it does not hold."""
        with program(*PROGRAM, "--db", str(db)) as (process, sandbox):
            started = time.monotonic()
            for _ in range(rounds):
                asyncio.run(self._round(sandbox))
                self.megabytes.append(_megabytes(process.pid))
            self.seconds = time.monotonic() - started
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0
        self._check(db)

    async def _round(self, sandbox: Sandbox) -> None:
        left = iter(range(self.tasks))
        async with asyncio.TaskGroup() as clients:
            for _ in range(self.clients):
                clients.create_task(self._client(sandbox, left))

    async def _client(self, sandbox: Sandbox, left: Iterator[int]) -> None:
        async with httpx.AsyncClient(
            base_url=sandbox.base_url,
            headers={"Authorization": f"Bearer {sandbox.api_key}"},
            timeout=60,
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            trust_env=False,
        ) as http:
            for number in left:
                chance = random.Random(number)  # noqa: S311 - no secret
                outcome = chance.choice(OUTCOMES)
                queued_for, running_for = (chance.uniform(0, self.lasting) for _ in range(2))
                plan = {"outcome": outcome, "queued_for": queued_for, "running_for": running_for}
                made = await http.post("/_sandbox/tasks", json=plan)
                task_id = made.raise_for_status().json()["id"]
                self.watched[task_id] = watched = Watched(outcome)
                await asyncio.gather(*(self._watch(http, task_id, watched) for _ in range(WATCHERS)))

    async def _watch(self, http: httpx.AsyncClient, task_id: str, watched: Watched) -> None:
        seen = list[str]()
        watched.unfinished.append(seen)
        while True:
            asked = time.monotonic()
            answer = await http.get(f"/v1/video/generations/{task_id}")
            self.durations.append(time.monotonic() - asked)
            status = answer.raise_for_status().json()["status"]
            if status in OUTCOMES:
                watched.ends.append(answer.content)
                return
            seen.append(status)
            await asyncio.sleep(0.05)

    def _check(self, db: Path) -> None:
        """Holds what was seen against what the file has, now that nobody serves it."""
        with sqlite3.connect(db) as database:
            for task_id, watched in self.watched.items():
                (answer,) = database.execute("SELECT answer FROM tasks WHERE id = ?", (task_id,)).fetchone()
                rows = database.execute("SELECT status FROM history WHERE task_id = ? ORDER BY rowid", (task_id,))
                history = [status for (status,) in rows]
                (asked,) = database.execute("SELECT times FROM asked WHERE task_id = ?", (task_id,)).fetchone()
                assert watched.ends == [answer.encode()] * WATCHERS, f"{task_id}: an answer is not the database's"
                assert json.loads(answer)["status"] == history[-1] == watched.outcome, f"{task_id}: a wrong end"
                assert set(pairwise(history)) <= LEGAL, f"{task_id}: went {history}"
                for seen in watched.unfinished:
                    assert list(dict.fromkeys(seen)) == [one for one in history if one in seen], f"{task_id}: lost one"
                # Each watcher's last look may have been the one that learned of the end, or not.
                unfinished = sum(map(len, watched.unfinished))
                assert unfinished < asked <= unfinished + WATCHERS, f"{task_id}: the upstream was asked {asked} times"
                self.transitions += len(history) - 1
        database.close()

    def __str__(self) -> str:
        part = statistics.quantiles(self.durations, n=100)
        return (
            f"{self.clients} clients, {len(self.watched)} tasks, {len(self.durations)} looks in {self.seconds:.1f} s "
            f"({len(self.durations) / self.seconds:.0f} a second)\n"
            f"a look took {part[49] * 1000:.0f} ms (median), {part[98] * 1000:.0f} ms (99 of 100)\n"
            f"{self.transitions} transitions, none lost; every answer is what the database says\n"
            f"memory after each round: {', '.join(f'{one:.1f}' for one in self.megabytes)} MB"
        )


def _megabytes(process_id: int) -> float:
    shown = subprocess.run(["ps", "-o", "rss=", "-p", str(process_id)], capture_output=True, text=True, check=True)  # noqa: S607 - the system's own
    return int(shown.stdout) / 1024


def main() -> None:
    """The load as a command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--tasks", type=int, default=600, help="in each round")
    parser.add_argument("--rounds", type=int, default=5)
    told = parser.parse_args()
    load = Load(told.clients, told.tasks, lasting=3)
    with tempfile.TemporaryDirectory() as folder:
        load.run(told.rounds, Path(folder, "tasks.db"))
    print(load)  # noqa: T201 - it is a command
    # The first rounds open connections and fill caches.
    warm, *later = load.megabytes[1:]
    assert max(later) < warm * 1.05, "the memory grows"


if __name__ == "__main__":
    main()
