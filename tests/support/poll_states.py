"""Poll states, tasks and failures for the tests of the pure modules, all at the same moment."""

from __future__ import annotations

from meshapi_video import MeshVideoError, PollPolicy, RateLimitedError, VideoTaskResponse
from meshapi_video._polling.state import GiveUp, PollState, decide, start_wait
from meshapi_video._tasks import TaskRef
from meshapi_video._validation import deadline_after

NOW = 1000.0
"""A reading of the monotonic clock."""
UNIX_NOW = 1_800_000_000.0
"""The same moment in seconds since 1970."""
CONSTANT_DELAY = PollPolicy(initial_delay=2.0, multiplier=1.0, max_delay=2.0, jitter=0.0)
FINISHED = VideoTaskResponse.from_dict(
    {"id": "t", "status": "succeeded", "content": {"video_url": "https://cdn.example/v.mp4"}}
)


def task(status: str = "running", task_id: str = "t") -> VideoTaskResponse:
    return VideoTaskResponse(id=task_id, status=status)


def task_with_expiry(seconds: object, status: str = "running") -> VideoTaskResponse:
    return VideoTaskResponse.from_dict({"id": "t", "status": status, "execution_expires_after": seconds})


def new_wait(timeout: float | None = 60.0, policy: PollPolicy = CONSTANT_DELAY, task: TaskRef = "t") -> PollState:
    return start_wait(task, policy, deadline_after(timeout, NOW), NOW, UNIX_NOW)


def rate_limited(retry_after: float | None) -> RateLimitedError:
    return RateLimitedError(status_code=429, message="slow down", retry_after=retry_after)


def error_of(state: PollState, now: float = NOW) -> MeshVideoError:
    """The error with which the wait gives up."""
    decision = decide(state, now)
    assert isinstance(decision, GiveUp)
    return decision.error
