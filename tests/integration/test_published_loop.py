"""Mesh's published loop never ends for a task that expired or was cancelled. This package's wait does."""

from __future__ import annotations

from typing import Literal, TypeAlias

import pytest

from meshapi_video import TaskError, VideoClient
from meshapi_video_sandbox import Sandbox, running_sandbox

Outcome: TypeAlias = Literal["succeeded", "failed", "expired", "cancelled"]

POLLS = 50
"""The polls after which the test stops the loop."""


def polls_of_published_loop(client: VideoClient, task_id: str) -> int:
    """The published loop: it stops at `succeeded` and `failed` only. Without its sleep, and bounded."""
    for poll in range(1, POLLS + 1):
        if client.get(task_id).status in {"succeeded", "failed"}:
            return poll
    return POLLS


@pytest.mark.parametrize(
    ("outcome", "polls"), [("succeeded", 1), ("failed", 1), ("expired", POLLS), ("cancelled", POLLS)]
)
def test_the_published_loop_never_ends_for_a_task_that_expired_or_was_cancelled(outcome: Outcome, polls: int) -> None:
    with running_sandbox() as sandbox, _client(sandbox) as client:
        task_id = _ended(sandbox, outcome)
        assert polls_of_published_loop(client, task_id) == polls


@pytest.mark.parametrize("outcome", ["failed", "expired", "cancelled"])
def test_a_wait_ends_with_an_error_at_the_first_poll_of_the_same_task(outcome: Outcome) -> None:
    with running_sandbox() as sandbox, _client(sandbox) as client, pytest.raises(TaskError) as caught:
        client.wait(_ended(sandbox, outcome))
    assert caught.value.task.status == outcome


def _client(sandbox: Sandbox) -> VideoClient:
    return VideoClient(sandbox.api_key, base_url=sandbox.base_url)


def _ended(sandbox: Sandbox, outcome: Outcome) -> str:
    return sandbox.create_task(outcome=outcome, queued_for=0, running_for=0)
