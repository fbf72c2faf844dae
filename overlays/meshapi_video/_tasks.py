"""What a task's answer means: over or not, and with what."""

from __future__ import annotations

import copyreg
from typing import Final
from urllib.parse import urlsplit

from attrs import frozen

from meshapi_video._errors import InvalidResponse, TaskCancelled, TaskError, TaskExpired, TaskFailed
from meshapi_video_generated.models import VideoTaskContent, VideoTaskError, VideoTaskResponse
from meshapi_video_generated.types import Unset


def _its_name(_unset: Unset) -> str:
    return "UNSET"


# A copy of UNSET would be another object, and `task.seed is UNSET` untrue after pickling.
copyreg.pickle(Unset, _its_name)

_WITHOUT_VIDEO: Final[dict[str, type[TaskError]]] = {
    "failed": TaskFailed,
    "expired": TaskExpired,
    # Not on the published page, but the service behind Mesh ends a queued task so.
    "cancelled": TaskCancelled,
}

TERMINAL_STATUSES: Final[frozenset[str]] = frozenset({"succeeded", *_WITHOUT_VIDEO})
"""The statuses after which a task does not change. The document leaves `status` an open
string: any other value means that the task is not over yet."""


def is_terminal(task: VideoTaskResponse) -> bool:
    """Whether the task is over, with a video or without."""
    return task.status in TERMINAL_STATUSES


@frozen
class Video:
    """A finished video, made by `wait` from a task that succeeded."""

    url: str
    """Where the video is: a signed address on another host, good for 24 hours. Fetch it
    without the API key."""
    last_frame_url: str | None
    """Where the last frame is, as a picture; None if the task made none."""
    task: VideoTaskResponse
    """The whole answer, with everything else that the server said of the task."""

    @property
    def id(self) -> str:
        """The task's id."""
        return self.task.id


def video_of(task: VideoTaskResponse) -> Video:
    """The video of a task that is over.

    Raises `TaskFailed`, `TaskExpired` or `TaskCancelled` for a task that ended without one, and
    `InvalidResponse` for one that claims a video and has no usable address.
    """
    if without_video := _WITHOUT_VIDEO.get(task.status):
        if isinstance(task.error, VideoTaskError):
            raise without_video(task, code=task.error.code, message=task.error.message)
        raise without_video(task)
    content = task.content if isinstance(task.content, VideoTaskContent) else VideoTaskContent()
    url = content.video_url
    if not (isinstance(url, str) and _is_web_address(url)):
        error = InvalidResponse("it succeeded without a usable video address", path="$.content.video_url")
        error.task_id = task.id
        raise error
    last_frame = content.last_frame_url
    return Video(url=url, last_frame_url=last_frame if isinstance(last_frame, str) else None, task=task)


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
