"""The values that `wait_many` gives to its caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from meshapi_video._errors import MeshVideoError
from meshapi_video._polling.state import PollState, result
from meshapi_video._tasks import Video, video_or_raise

if TYPE_CHECKING:
    from collections.abc import Mapping


@frozen
class WaitResult:
    """How the wait for one of many tasks ended."""

    task_id: str
    """The task's id."""
    video: Video | None
    """The task's video; None if there is none, and then `error` says why."""
    error: MeshVideoError | None
    """The error that `wait` would have raised: `TaskError`, `WaitUnfinished`, `APIError` or
    `InvalidResponse`; `MeshVideoError` itself for a string that cannot be a task's id, and for an
    unexpected exception while the task was polled, which is its `__cause__`."""

    def result(self) -> Video:
        """The video. If there is none, raises `error`, which `wait` would have raised."""
        if self.video is not None:
            return self.video
        raise self.error or MeshVideoError("this result has neither a video nor an error")


@frozen
class WaitProgress:
    """The progress of `wait_many`: enough for a progress bar."""

    begun: int
    """Tasks taken from the iterable so far, without duplicates."""
    ended: int
    """Tasks whose wait has ended, with a video or without."""
    polls: int
    """Polls sent so far."""
    statuses: Mapping[str, int] = field(hash=False)
    """The number of pending tasks for each status, as last received."""


@frozen
class PendingTask:
    """A task whose wait has not ended."""

    task_id: str
    """The task's id."""
    status: str | None
    """The status in the newest response; None before the first."""
    age: float
    """Seconds since the task was created, or since its wait started if the server does not say."""
    next_poll: float
    """Seconds until the next poll; 0 if it is due or in flight."""


def result_of(state: PollState) -> WaitResult:
    """The result of a wait that has ended."""
    try:
        return WaitResult(state.task_id, video_or_raise(result(state)), None)
    except MeshVideoError as error:
        return WaitResult(state.task_id, None, error)
