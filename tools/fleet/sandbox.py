"""The sandbox of a run: a process with a database file, so that a restart loses no task.

Its tasks run until the harness lets them end, so that a fault strikes waits that go on, also on a slow machine.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from meshapi_video._http_libraries import httpx
from meshapi_video_sandbox import Sandbox
from tools.fleet.servers import Server
from tools.fleet.servers.server import LOCALHOST, free_port, replies

CONNECTIONS: Final = 20
HOLD: Final = 3600.0
"""The tasks end so many seconds later by the sandbox's clock. `let_tasks_end` moves the clock over this time."""


class SandboxServer(Server):
    """A sandbox on a port that a restart does not change."""

    name = "the sandbox"
    install = "pip install 'meshapi-video[sandbox]'"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._upstream_port = free_port()
        self._database = folder / "tasks.db"
        self._began = 0.0
        self._advanced = 0.0
        """Seconds by which the sandbox's clock is ahead of the machine's."""

    @property
    def url(self) -> str:
        """The value for `MESHAPI_BASE_URL`."""
        return f"http://{LOCALHOST}:{self.port}"

    def run(self) -> None:
        """Starts the server."""
        ports = ("--port", str(self.port), "--upstream-port", str(self._upstream_port))
        self.serve(sys.executable, "-m", "meshapi_video_sandbox", *ports, "--db", str(self._database))

    def accepts(self) -> bool:
        """Whether it responds."""
        return replies(self.port, b"GET /_sandbox/clock HTTP/1.0\r\nHost: localhost\r\n\r\n", b"HTTP/1.1 200")

    def start(self) -> None:
        """Starts it. A sandbox that is started again has forgotten that its clock was moved."""
        super().start()
        self._sandbox.advance(self._advanced)

    @property
    def _sandbox(self) -> Sandbox:
        return Sandbox(self.url)

    def create_tasks(self, seconds: Sequence[float]) -> list[str]:
        """Creates a task for each of these times, in seconds from `let_tasks_end` to the end of the task."""
        self._began = time.time()
        return asyncio.run(self._create_tasks(seconds))

    async def _create_tasks(self, seconds: Sequence[float]) -> list[str]:
        remaining = iter(seconds)
        created = list[str]()
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=60) as http:

            async def create() -> None:
                for end in remaining:
                    plan = {"queued_for": 0, "running_for": self._began + HOLD + end - time.time()}
                    response = await http.post("/_sandbox/tasks", json=plan)
                    created.append(response.raise_for_status().json()["id"])

            async with asyncio.TaskGroup() as group:
                for _ in range(CONNECTIONS):
                    group.create_task(create())
        return created

    def is_polled(self, task_id: str) -> bool:
        """Whether a client has polled the task."""
        return self._sandbox.inspect(task_id).upstream_polls > 0

    def let_tasks_end(self) -> None:
        """From now on, the tasks end at their times."""
        self._advanced = self._began + HOLD - time.time()
        self._sandbox.advance(self._advanced)

    def ends(self) -> dict[str, float]:
        """When each task ended, in seconds since 1970. Only after `stop`: the sandbox locks its database."""
        with closing(sqlite3.connect(self._database)) as database:
            plans = database.execute("SELECT task_id, plan FROM plans").fetchall()
        decoded = {task_id: json.loads(plan) for task_id, plan in plans}
        return {
            task_id: plan["created_at"] + plan["queued_for"] + plan["running_for"] - self._advanced
            for task_id, plan in decoded.items()
        }

    def polls(self) -> int:
        """How many polls it has received, without those of a task whose end it had sent. Only after `stop`."""
        with closing(sqlite3.connect(self._database)) as database:
            (polls,) = database.execute("SELECT total(polls) FROM upstream_polls").fetchone()
        return int(polls)
