"""The values that `wait_many` gives to its caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from meshapi_video._errors import MeshVideoError
from meshapi_video._polling.state import PollState, new_task, result
from meshapi_video._tasks import Video, video_or_raise
from meshapi_video._token import WaitToken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshapi_video_generated.models import VideoTaskResponse


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


@frozen(kw_only=True)
class WaitStep:
    """Where a wait stands after one step: over, or when to take the next step."""

    task: VideoTaskResponse | None
    """The response of this step's poll; None if the poll failed, or if none was due."""
    video: Video | None
    """The task's video; None while the wait goes on, and after an end without a video."""
    error: MeshVideoError | None
    """The error that `wait` would have raised: `TaskError` for an end without a video, `APIError` or another
    error for a refusal, `WaitTimeout` if the task should have expired. None while the wait goes on."""
    last_error: MeshVideoError | None
    """Why this step's poll failed, while the wait goes on; None otherwise."""
    over: bool
    """Whether the wait has ended: `video` or `error` says how."""
    token: WaitToken
    """The state of the wait, for the next step, in this or another process."""
    delay: float
    """Seconds until the next poll is due; 0 if the wait is over."""


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


def step_of(before: PollState, after: PollState, now: float) -> WaitStep:
    """The step that led from one state to the other, at most one poll later."""
    over = after.end is not None
    ended = result_of(after) if over else None
    return WaitStep(
        task=new_task(before, after),
        video=ended.video if ended else None,
        error=ended.error if ended else None,
        last_error=None if over else after.error,
        over=over,
        token=after.token,
        delay=0.0 if over else max(after.next_poll_at - now, 0.0),
    )
