"""Kills a sandbox at random moments, starts it again with the same database, and checks that nothing is lost.

Run by `nox -s crash`.
"""

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
from typing import Final

from meshapi_video._http_libraries import httpx
from meshapi_video_sandbox import Sandbox
from support.program import PROGRAM, program

TERMINAL: Final = ("succeeded", "failed", "expired", "cancelled")
CLIENTS: Final = 4


@dataclass
class Crash:
    """A sandbox that is killed many times, and its responses so far."""

    seed: int
    created: set[str] = field(default_factory=set[str])
    """The ids of the tasks that the sandbox created."""
    terminal: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """The response about each task whose terminal status the sandbox sent."""
    kills: int = 0
    kills_at_start: int = 0
    recovered: int = 0
    """Starts that found a log of the killed process beside the database."""

    def run(self, kills: int, folder: Path) -> None:
        """Kills the sandbox so many times. Raises `AssertionError` if it lost anything."""
        db = folder / "tasks.db"
        rand = random.Random(self.seed)  # noqa: S311 - not for a secret
        for _ in range(kills):
            if rand.random() < 0.2:
                self._kill_at_start(db, rand.uniform(0, 1))
            self.recovered += (folder / "tasks.db-wal").exists()
            with program(*PROGRAM, "--db", str(db)) as (process, sandbox):
                self._use_and_kill(process, sandbox, rand.uniform(0, 0.7))
        with program(*PROGRAM, "--db", str(db)) as (_, sandbox), _http_client(sandbox) as http:
            for task_id, response in self.terminal.items():
                assert http.get(f"/v1/video/generations/{task_id}").content == response
        self._check(db)

    def _kill_at_start(self, db: Path, after: float) -> None:
        with subprocess.Popen([*PROGRAM, "--db", str(db)], stdout=subprocess.DEVNULL) as process:
            threading.Event().wait(after)
            process.kill()
        self.kills_at_start += 1

    def _use_and_kill(self, process: subprocess.Popen[str], sandbox: Sandbox, after: float) -> None:
        """Kills the sandbox so many seconds after the first task has ended."""
        task_ended = threading.Event()
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(self._use, sandbox, task_ended) for _ in range(CLIENTS)]
            try:
                assert task_ended.wait(30), "no task ended within 30 s"
                threading.Event().wait(after)
            finally:
                process.kill()
            for client in clients:
                client.result()
        self.kills += 1

    def _use(self, sandbox: Sandbox, task_ended: threading.Event) -> None:
        """Creates tasks and polls them until the server is killed."""
        with _http_client(sandbox) as http:
            try:
                while True:
                    response = http.post("/_sandbox/tasks", json={"queued_for": 0, "running_for": 0.01})
                    task_id = response.raise_for_status().json()["id"]
                    self.created.add(task_id)
                    self._wait(http, task_id)
                    task_ended.set()
            except httpx.TransportError:
                pass

    def _wait(self, http: httpx.Client, task_id: str) -> None:
        while task_id not in self.terminal:
            response = http.get(f"/v1/video/generations/{task_id}").raise_for_status()
            if response.json()["status"] in TERMINAL:
                self.terminal[task_id] = response.content

    def _check(self, db: Path) -> None:
        """Compares the responses with the database."""
        with sqlite3.connect(db) as database:
            responses = dict(database.execute("SELECT id, response FROM tasks"))
            polls = dict(database.execute("SELECT task_id, polls FROM upstream_polls"))
            plans = {task_id for (task_id,) in database.execute("SELECT task_id FROM plans")}
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.close()
        assert self.created <= responses.keys(), "a task is lost"
        assert self.created <= plans, "the upstream has lost a task"
        for task_id, response in self.terminal.items():
            assert responses[task_id].encode() == response, f"{task_id}: the terminal response is lost"
            assert json.loads(responses[task_id])["status"] in TERMINAL
            assert polls[task_id] >= 1

    def __str__(self) -> str:
        return (
            f"{self.kills} kills under load, {self.kills_at_start} kills during a start, seed {self.seed}; "
            f"{self.recovered} starts recovered from a log\n"
            f"{len(self.created)} tasks created, none lost; {len(self.terminal)} terminal responses, none lost"
        )


def _http_client(sandbox: Sandbox) -> httpx.Client:
    return httpx.Client(
        base_url=sandbox.base_url,
        headers={"Authorization": f"Bearer {sandbox.api_key}"},
        timeout=30,
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        trust_env=False,
    )


def main() -> None:
    """The crashes as a command."""
    parser = argparse.ArgumentParser(prog="nox -s crash --", description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311 - not for a secret
    arguments = parser.parse_args()
    crash = Crash(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        crash.run(arguments.kills, Path(folder))
    print(crash)


if __name__ == "__main__":
    main()
