"""A workflow that imports the activities as any other module: its sandbox imports them again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy

from meshapi_video.temporal import RETRY_POLICY, VideoActivities


@workflow.defn
class TypedVideo:
    """Runs an activity by its method, which has types."""

    @workflow.run
    async def run(self, task_id: str, settings: dict[str, Any]) -> str:
        """`settings` says whether to poll, and how many seconds the timeout and the delays of retries have."""
        seconds = settings.get("retry_after")
        interval = timedelta(seconds=seconds or 0)
        video = await workflow.execute_activity_method(
            VideoActivities.poll_video if settings.get("poll") else VideoActivities.wait_for_video,
            task_id,
            start_to_close_timeout=timedelta(seconds=60),
            heartbeat_timeout=timedelta(seconds=settings.get("heartbeat_timeout", 5)),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            retry_policy=RetryPolicy(initial_interval=interval, maximum_interval=interval) if seconds else RETRY_POLICY,
        )
        return video.url
