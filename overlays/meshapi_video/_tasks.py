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

_LONGEST_ID: Final = 512
"""Characters of the longest task id; the service's own have 36."""

TERMINAL_STATUSES: Final[frozenset[str]] = frozenset({"succeeded", *_WITHOUT_VIDEO})
"""The statuses after which a task does not change. The document leaves `status` an open
string: any other value means that the task is not over yet."""


def check_task_id(task_id: str) -> str:
    """`task_id` if it can be the last part of a path, else a `ValueError`.

    An empty id would ask for the collection, `..` for what lies above it, and a slash is decoded
    on the way by some servers and proxies.
    """
    if not isinstance(task_id, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise ValueError(  # noqa: TRY004 - one error for every wrong id
            f"a task id should be a string; this is {type(task_id).__name__}"
        )
    if (
        task_id in {"", ".", ".."}
        or len(task_id) > _LONGEST_ID
        or not task_id.isprintable()
        or any(c in task_id for c in " /\\")
    ):
        shown = task_id if len(task_id) <= _LONGEST_ID else f"{task_id[:40]}… ({len(task_id)} characters)"
        raise ValueError(f"not a task id: {shown!r}. It should be the `id` that creating the task answered with")
    return task_id


def task_in(parsed: object) -> VideoTaskResponse:
    """The task that a generated function returned.

    Its declared type has the error bodies in it too; by the time it returns, those were raised.
    """
    if not isinstance(parsed, VideoTaskResponse):
        raise InvalidResponse(f"the generated client made {type(parsed).__name__} of the answer, not a task")
    return parsed


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


def outcome(task: VideoTaskResponse) -> Video | TaskError | InvalidResponse:
    """What a task that is over ended with: its video, or the error that says why there is none.

    A task that claims a video and has no usable address breaks the contract.
    """
    if without_video := _WITHOUT_VIDEO.get(task.status):
        if isinstance(task.error, VideoTaskError):
            return without_video(task, code=task.error.code, message=task.error.message)
        return without_video(task)
    content = task.content if isinstance(task.content, VideoTaskContent) else VideoTaskContent()
    url = content.video_url
    if not (isinstance(url, str) and _is_web_address(url)):
        error = InvalidResponse("it succeeded without a usable video address", path="$.content.video_url")
        error.task_id = task.id
        return error
    last_frame = content.last_frame_url
    return Video(url=url, last_frame_url=last_frame if isinstance(last_frame, str) else None, task=task)


def video_of(task: VideoTaskResponse) -> Video:
    """The video of a task that is over; raises what `outcome` says if there is none."""
    ended = outcome(task)
    if isinstance(ended, Video):
        return ended
    raise ended


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
