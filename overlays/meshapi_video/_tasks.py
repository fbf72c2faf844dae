"""Interprets a task's status: whether the task has ended, and with which result."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias, get_args

from attrs import field, frozen

from meshapi_video._errors import InvalidResponse, TaskCancelled, TaskError, TaskExpired, TaskFailed
from meshapi_video._token import WaitToken
from meshapi_video._urls import is_http_url
from meshapi_video_generated.models import VideoTaskContent, VideoTaskError, VideoTaskResponse

KnownStatus: TypeAlias = Literal["queued", "running", "succeeded", "failed", "expired", "cancelled"]
"""The statuses that are known. In the document `status` is an open string: a server may send others."""

_KNOWN_STATUSES: Final[dict[str, KnownStatus]] = {status: status for status in get_args(KnownStatus)}

_ENDED_WITHOUT_VIDEO: Final[dict[str, type[TaskError]]] = {
    "failed": TaskFailed,
    "expired": TaskExpired,
    # Not on the published page, but the service behind Mesh ends a queued task with it.
    "cancelled": TaskCancelled,
}

_LONGEST_ID: Final = 512
"""Characters. The ids of the service itself have 36."""

_NOT_IN_ID: Final = frozenset(" /\\")

LONGEST_LIFE: Final = 7 * 86_400.0
"""Seconds. No task lives longer, so a greater age or expiry is a mistake."""
DEFAULT_LIFE: Final = 172_800.0
"""The expiry of a task that states none, in seconds, as the service behind Mesh documents it."""

TERMINAL_STATUSES: Final[frozenset[str]] = frozenset({"succeeded", *_ENDED_WITHOUT_VIDEO})
"""The statuses after which a task does not change. In the document `status` is an open string:
any other value means that the task is not finished."""


def check_task_id(task_id: str) -> str:
    """`task_id` if it can be the last part of a path; raises `ValueError` otherwise.

    An empty id would request the list of tasks, and `..` the path above it. Some servers and
    proxies decode a slash.
    """
    if not isinstance(task_id, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise ValueError(  # noqa: TRY004 - one error for every wrong id
            f"a task id should be a string; this is {type(task_id).__name__}"
        )
    if (
        task_id in {"", ".", ".."}
        or len(task_id) > _LONGEST_ID
        or not task_id.isprintable()
        or not _NOT_IN_ID.isdisjoint(task_id)
    ):
        shown = task_id if len(task_id) <= _LONGEST_ID else f"{task_id[:40]}… ({len(task_id)} characters)"
        raise ValueError(f"not a task id: {shown!r}. Pass the `id` from the response that created the task")
    return task_id


@frozen
class CreatedTask:
    """A task that `create` made. It can stand wherever a task's id can."""

    id: str
    """The task's id."""
    request_id: str
    """The id of the request that created it, under which Mesh can find the request."""
    created: float
    """When the create began, in seconds since 1970."""

    @property
    def token(self) -> WaitToken:
        """The state of a wait that begins with the task, for another process."""
        return WaitToken(task_id=self.id, started=self.created, polls=0, not_before=self.created)

    def __str__(self) -> str:
        return self.id


TaskRef: TypeAlias = str | WaitToken | CreatedTask
"""A task by its id, by the token of an earlier wait, or as `create` returned it."""


def task_id_of(task: str | CreatedTask) -> str:
    """The id of a task. Raises `ValueError` if it cannot be one."""
    return task.id if isinstance(task, CreatedTask) else check_task_id(task)


def require_task(parsed: object) -> VideoTaskResponse:
    """`parsed` as the task that a generated function returned.

    The declared type of the function also contains error bodies, but the session raises an error for those first.
    """
    if not isinstance(parsed, VideoTaskResponse):
        raise InvalidResponse(f"the generated client parsed the response as {type(parsed).__name__}, not as a task")
    # The generated parser removes the known fields from this dict, which keeps the memory for all of them. A process
    # may wait for very many tasks.
    parsed.additional_properties = parsed.additional_properties.copy()
    return parsed


def is_terminal(task: VideoTaskResponse) -> bool:
    """Whether the task has ended, with a video or without."""
    return task.status in TERMINAL_STATUSES


def known_status(task: VideoTaskResponse) -> KnownStatus | None:
    """The task's status, if it is a known one; None for any other. A type checker knows the possible values."""
    return _KNOWN_STATUSES.get(task.status)


@frozen
class Video:
    """A finished video. `wait` makes it from a task that succeeded."""

    url: str
    """The URL of the video: signed, on another host, valid for 24 hours. Fetch it without the API key."""
    last_frame_url: str | None
    """The URL of the last frame as a picture; None if the task made none."""
    # A model can be changed, so that it has no hash. Two equal videos have the same URLs, and so the same hash.
    task: VideoTaskResponse = field(hash=False)
    """The whole response, with all other fields of the task."""

    @property
    def id(self) -> str:
        """The task's id."""
        return self.task.id

    def to_dict(self) -> dict[str, Any]:
        """The video as values that JSON has: `id`, `url`, `last_frame_url`, and `task` as the API sent it."""
        return {"id": self.id, "url": self.url, "last_frame_url": self.last_frame_url, "task": self.task.to_dict()}


def outcome(task: VideoTaskResponse) -> Video | TaskError | InvalidResponse:
    """The result of a task that has ended: its video, or the error that says why there is none.

    A task that succeeded without a usable video URL breaks the contract.
    """
    if error_type := _ENDED_WITHOUT_VIDEO.get(task.status):
        if isinstance(task.error, VideoTaskError):
            return error_type(task, code=task.error.code, message=task.error.message)
        return error_type(task)
    content = task.content if isinstance(task.content, VideoTaskContent) else VideoTaskContent()
    url = content.video_url
    if not (isinstance(url, str) and is_http_url(url)):
        error = InvalidResponse("the task succeeded without a usable video URL", path="$.content.video_url")
        error.task_id = task.id
        return error
    last_frame = content.last_frame_url
    return Video(url=url, last_frame_url=last_frame if isinstance(last_frame, str) else None, task=task)


def video_or_raise(task: VideoTaskResponse) -> Video:
    """The video of a task that has ended. Raises the error from `outcome` if there is none."""
    ended = outcome(task)
    if isinstance(ended, Video):
        return ended
    raise ended
