"""An operator that waits for a video without a worker slot. Keep this file in Airflow's folder `plugins`."""

from __future__ import annotations

import functools
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from meshapi_video import AsyncVideoClient, MeshVideoError, TaskError, WaitToken


@functools.cache
def shared_client() -> AsyncVideoClient:
    """One client for all triggers of a triggerer: they share its connections and its certificates."""
    return AsyncVideoClient()


class VideoTrigger(BaseTrigger):
    """Waits for the end of a video task.

    A triggerer that restarts begins `run` again from the token, and waits for the same task.
    """

    def __init__(self, token: str) -> None:
        super().__init__()
        self.token = token

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{type(self).__module__}.{type(self).__qualname__}", {"token": self.token}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        token = WaitToken.from_json(self.token)
        try:
            video = await shared_client().wait(token, timeout=None)
        except MeshVideoError as error:
            is_final = isinstance(error, TaskError)  # the task ended without a video
            yield TriggerEvent({"error": type(error).__name__, "message": str(error), "is_final": is_final})
        else:
            yield TriggerEvent({"id": video.id, "url": video.url, "last_frame_url": video.last_frame_url})


class WaitForVideo(BaseOperator):
    """Waits for a video task, and returns the video's `id`, `url` and `last_frame_url`.

    Args:
        video_task_id: The id of the task at Mesh API. It may be a template, or the output of an earlier task.
        **kwargs: The arguments of every operator. `execution_timeout` limits the wait.
    """

    template_fields: Sequence[str] = ("video_task_id",)

    def __init__(self, *, video_task_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.video_task_id = video_task_id

    def execute(self, context: Context) -> None:
        token = WaitToken(task_id=self.video_task_id, started=time.time(), polls=0, not_before=0)
        self.defer(
            trigger=VideoTrigger(token.to_json()), method_name="execute_complete", timeout=self.execution_timeout
        )

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        if "error" not in event:
            return event
        text = f"{event['error']}: {event['message']}"
        # A retry waits again, which costs nothing. It cannot change how a task ended.
        raise AirflowFailException(text) if event["is_final"] else AirflowException(text)
