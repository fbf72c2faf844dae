"""Waits, answers and misses for the tests of what is pure, at a moment that is always the same."""

from __future__ import annotations

from meshapi_video import MeshVideoError, PollPolicy, RateLimitedError, VideoTaskResponse, WaitToken
from meshapi_video._polling import GiveUp, Poll, deadline_after, decide, wait

NOW = 1000.0
UNIX = 1_800_000_000.0
"""The same moment in seconds since 1970."""
STEADY = PollPolicy(initial_delay=2.0, growth=1.0, max_delay=2.0, jitter=0.0)
FINISHED = VideoTaskResponse.from_dict(
    {"id": "t", "status": "succeeded", "content": {"video_url": "https://cdn.example/v.mp4"}}
)


def task(status: str = "running", task_id: str = "t") -> VideoTaskResponse:
    return VideoTaskResponse(id=task_id, status=status)


def with_expiry(seconds: object, status: str = "running") -> VideoTaskResponse:
    return VideoTaskResponse.from_dict({"id": "t", "status": status, "execution_expires_after": seconds})


def waiting(timeout: float | None = 60.0, policy: PollPolicy = STEADY, task: str | WaitToken = "t") -> Poll:
    return wait(task, policy, deadline_after(timeout, NOW), NOW, UNIX)


def too_many(retry_after: float | None) -> RateLimitedError:
    return RateLimitedError(status_code=429, message="slow down", retry_after=retry_after)


def error_of(poll: Poll, now: float = NOW) -> MeshVideoError:
    decision = decide(poll, now)
    assert isinstance(decision, GiveUp)
    return decision.error
