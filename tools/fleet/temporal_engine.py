"""Temporal, with the activities of `meshapi_video.temporal`."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from temporalio.client import Client

from tools.fleet.engine import Worker
from tools.fleet.servers import Server, TemporalServer
from tools.fleet.temporal_worker import WaitAndRecord

ROOT: Final = Path(__file__).parents[2]
CONCURRENT_STARTS: Final = 100
"""Workflows that are started at the same time."""
FEW: Final = 1000
"""Of more tasks than that, each heartbeats less often."""


class TemporalWaits:
    """Each task has a workflow, and holds a slot of a worker while the workflow waits."""

    name = "Temporal, `wait_for_video`"
    activity = "wait_for_video"
    heartbeat_timeout = 5.0

    def __init__(self, folder: Path) -> None:
        self.server: Server = TemporalServer(folder)
        # New, so that several engines may share a server.
        self.queue = str(uuid.uuid4())

    def prepare(self, folder: Path, sandbox_url: str) -> None:
        """The workers need no schema."""
        self._folder = folder
        self._environment = {
            "MESHAPI_BASE_URL": sandbox_url,
            "MESHAPI_API_KEY": "rsk_sandbox",
            "PYTHONPATH": str(ROOT),
        }

    def start_worker(self, record: Path, *arguments: str) -> Worker:
        """Starts a worker, which has no child processes. `arguments` are the others of its program."""
        program = (sys.executable, "-m", "tools.fleet.temporal_worker")
        command = (self.server.url, self.queue, str(record), *arguments)
        return Worker.start(*program, *command, log=self._folder / "workers.log", environment=self._environment)

    def add(self, task_ids: Sequence[str]) -> None:
        """Starts a workflow for each task, whose id is that of the workflow."""
        asyncio.run(self._add(task_ids))

    async def _add(self, task_ids: Sequence[str]) -> None:
        client = await Client.connect(self.server.url)
        free = asyncio.Semaphore(CONCURRENT_STARTS)
        heartbeat_timeout = self.heartbeat_timeout if len(task_ids) <= FEW else 300.0

        async def start(task_id: str) -> None:
            async with free:
                arguments = [task_id, self.activity, heartbeat_timeout]
                await client.start_workflow(WaitAndRecord.run, args=arguments, id=task_id, task_queue=self.queue)

        await asyncio.gather(*map(start, task_ids))

    def close(self) -> None:
        """Nothing is open: each `add` has a connection of its own."""


class TemporalPolls(TemporalWaits):
    """Each task has a workflow. Each poll is an attempt of its activity, and holds a slot only while it is sent."""

    name = "Temporal, `poll_video`"
    activity = "poll_video"
