"""A worker of Temporal and its workflows, for the harness: `python -m tools.fleet.temporal_worker`."""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from meshapi_video.temporal import RETRY_POLICY, VideoResult

POLL_TIMEOUT: Final = timedelta(seconds=10)
"""For one poll of the sandbox, which responds within milliseconds or not at all."""
SLOTS: Final = 10_000
"""The activities that a worker runs at once."""


@workflow.defn
class WaitAndRecord:
    """Waits for a task, and records its end."""

    @workflow.run
    async def run(self, task_id: str, name: str, heartbeat_timeout: float) -> None:
        """`name` is the activity that waits. The timeout is in seconds."""
        await workflow.execute_activity(
            name,
            task_id,
            start_to_close_timeout=timedelta(days=3) if name == "wait_for_video" else POLL_TIMEOUT,
            heartbeat_timeout=timedelta(seconds=heartbeat_timeout),
            retry_policy=RETRY_POLICY,
        )
        await workflow.execute_activity(
            "record", task_id, start_to_close_timeout=timedelta(seconds=10), retry_policy=RETRY_POLICY
        )


@workflow.defn
class MakeVideo:
    """Creates a task, waits for it, and returns the URL of its video."""

    @workflow.run
    async def run(self, request: dict[str, Any], start_to_close_timeout: float) -> str:
        """The timeout of the create is in seconds."""
        task_id: str = await workflow.execute_activity(
            "create_video",
            request,
            start_to_close_timeout=timedelta(seconds=start_to_close_timeout),
            retry_policy=RETRY_POLICY,
        )
        video: VideoResult = await workflow.execute_activity(
            "poll_video",
            task_id,
            result_type=VideoResult,
            start_to_close_timeout=POLL_TIMEOUT,
            retry_policy=RETRY_POLICY,
        )
        return video.url


async def main(
    address: str, queue: str, record: Path, settled_after: float = 900.0, sticky_timeout: float = 10.0
) -> None:
    """Works until SIGTERM. Temporal gives a workflow of a lost worker to another one after `sticky_timeout` seconds."""
    from meshapi_video import AsyncVideoClient  # noqa: PLC0415 - a workflow imports this module again
    from meshapi_video.temporal import VideoActivities  # noqa: PLC0415
    from tools.fleet.engine import poll_policy, record_end  # noqa: PLC0415

    @activity.defn(name="record")
    async def record_task(task_id: str) -> None:
        record_end(record, task_id)

    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    temporal = await Client.connect(address)
    async with AsyncVideoClient() as client:
        activities = VideoActivities(client, poll=poll_policy(), settled_after=settled_after)
        async with Worker(
            temporal,
            task_queue=queue,
            workflows=[WaitAndRecord, MakeVideo],
            activities=[*activities.activities, record_task],
            max_concurrent_activities=SLOTS,
            sticky_queue_schedule_to_start_timeout=timedelta(seconds=sticky_timeout),
        ):
            await stopped.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), *map(float, sys.argv[4:])))
