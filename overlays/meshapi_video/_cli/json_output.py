"""What `--json` prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from meshapi_video import TaskError, WaitUnfinished
from meshapi_video._cli.words import in_terminal_words

if TYPE_CHECKING:
    from pathlib import Path

    from meshapi_video import VideoTaskResponse, WaitResult


def task_to_json(task: VideoTaskResponse) -> str:
    """The line that `get --json` prints: the task with the field names of the API."""
    return json.dumps(task.to_dict())


def result_to_json(result: WaitResult, path: Path | None) -> str:
    """The line that `wait --json` prints for one task. A value that is not known is null.

    Keys:
        task_id: The task's id.
        status: The task's last status.
        video_url: The URL of the video.
        last_frame_url: The URL of the last frame as a picture.
        path: The downloaded file, with `--download`.
        error: An object with the keys `type`, the name of the class in the SDK, and `message`; null if the
            task has a video.
        task: The whole task with the field names of the API.
    """
    error, video, task = result.error, result.video, _last_task(result)
    return json.dumps(
        {
            "task_id": result.task_id,
            "status": task and task.status,
            "video_url": video and video.url,
            "last_frame_url": video and video.last_frame_url,
            "path": path and str(path),
            "error": error and {"type": type(error).__name__, "message": in_terminal_words(str(error))},
            "task": task and task.to_dict(),
        }
    )


def _last_task(result: WaitResult) -> VideoTaskResponse | None:
    if result.video is not None:
        return result.video.task
    match result.error:
        case TaskError(task=task) | WaitUnfinished(last_task=task):
            return task
        case _:
            return None
