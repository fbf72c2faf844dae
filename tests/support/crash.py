"""Kills a sandbox at random moments, starts it on the same file, and looks for what is gone."""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import ssl
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from meshapi_video_sandbox import Sandbox
from support.program import PROGRAM, program

_OVER = ("succeeded", "failed", "expired", "cancelled")
_USERS = 4


@dataclass
class Crash:
    """A sandbox that is killed again and again, and what it had promised before."""

    seed: int
    made: set[str] = field(default_factory=set[str])
    """Tasks that it said it made."""
    ends: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """The answer about each task that it said was over."""
    kills: int = 0
    kills_at_start: int = 0
    recovered: int = 0
    """Starts that found a log of the killed process beside the file."""

    def run(self, kills: int, folder: Path) -> None:
        """Kills it so often; an `AssertionError` if it lost anything."""
        db = folder / "tasks.db"
        chance = random.Random(self.seed)  # noqa: S311 - no secret
        for _ in range(kills):
            if chance.random() < 0.2:
                self._kill_at_start(db, chance.uniform(0, 1))
            self.recovered += (folder / "tasks.db-wal").exists()
            with program(*PROGRAM, "--db", str(db)) as (process, sandbox):
                self._use_until_killed(process, sandbox, chance.uniform(0, 0.7))
        with program(*PROGRAM, "--db", str(db)) as (_, sandbox), _http(sandbox) as http:
            for task_id, end in self.ends.items():
                assert http.get(f"/v1/video/generations/{task_id}").content == end
        self._check(db)

    def _kill_at_start(self, db: Path, after: float) -> None:
        with subprocess.Popen([*PROGRAM, "--db", str(db)], stdout=subprocess.DEVNULL) as process:
            threading.Event().wait(after)
            process.kill()
        self.kills_at_start += 1

    def _use_until_killed(self, process: subprocess.Popen[str], sandbox: Sandbox, after: float) -> None:
        begun = threading.Event()
        with ThreadPoolExecutor(_USERS) as pool:
            users = [pool.submit(self._use, sandbox, begun) for _ in range(_USERS)]
            try:
                assert begun.wait(30), "no task ended within half a minute"
                threading.Event().wait(after)
            finally:
                process.kill()
            for user in users:
                user.result()
        self.kills += 1

    def _use(self, sandbox: Sandbox, begun: threading.Event) -> None:
        """Makes tasks and looks at them until nobody answers any more."""
        with _http(sandbox) as http:
            try:
                while True:
                    made = http.post("/_sandbox/tasks", json={"queued_for": 0, "running_for": 0.01})
                    task_id = made.raise_for_status().json()["id"]
                    self.made.add(task_id)
                    self._watch(http, task_id)
                    begun.set()
            except httpx.TransportError:
                pass

    def _watch(self, http: httpx.Client, task_id: str) -> None:
        while task_id not in self.ends:
            answer = http.get(f"/v1/video/generations/{task_id}").raise_for_status()
            if answer.json()["status"] in _OVER:
                self.ends[task_id] = answer.content

    def _check(self, db: Path) -> None:
        """Holds what was promised against what the file has."""
        with sqlite3.connect(db) as database:
            rows = dict(database.execute("SELECT id, answer FROM tasks"))
            asked = dict(database.execute("SELECT task_id, times FROM asked"))
            plans = {task_id for (task_id,) in database.execute("SELECT task_id FROM plans")}
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.close()
        assert self.made <= rows.keys(), "a task is gone"
        assert self.made <= plans, "the upstream forgot a task"
        for task_id, end in self.ends.items():
            assert rows[task_id].encode() == end, f"{task_id}: its end is gone"
            assert json.loads(rows[task_id])["status"] in _OVER
            assert asked[task_id] >= 1

    def __str__(self) -> str:
        return (
            f"{self.kills} kills under load, {self.kills_at_start} while starting, seed {self.seed}; "
            f"{self.recovered} starts had a log to recover from\n"
            f"{len(self.made)} tasks made, none lost; {len(self.ends)} ends told, none lost"
        )


def _http(sandbox: Sandbox) -> httpx.Client:
    return httpx.Client(
        base_url=sandbox.base_url,
        headers={"Authorization": f"Bearer {sandbox.api_key}"},
        timeout=30,
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        trust_env=False,
    )


def main() -> None:
    """The crashes as a command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311 - no secret
    told = parser.parse_args()
    crash = Crash(told.seed)
    with tempfile.TemporaryDirectory() as folder:
        crash.run(told.kills, Path(folder))
    print(crash)  # noqa: T201 - it is a command


if __name__ == "__main__":
    main()
