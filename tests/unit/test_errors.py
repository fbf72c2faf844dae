"""Errors and the tasks in them can be copied, and sent to another process."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from meshapi_video import UNSET, MeshVideoError, TaskFailed, VideoTaskResponse, WaitToken
from meshapi_video import _errors as errors


def pickled(error: TaskFailed) -> TaskFailed:
    copied: TaskFailed = pickle.loads(pickle.dumps(error))  # noqa: S301 - the bytes are from this test
    return copied


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, pickled])
def test_absent_fields_are_absent_in_every_copy_of_a_task(copied: Callable[[TaskFailed], TaskFailed]) -> None:
    error = TaskFailed(VideoTaskResponse(id="t", status="failed"), message="boom")
    copy_of_error = copied(error)
    assert copy_of_error.task == error.task
    assert copy_of_error.task.seed is UNSET
    assert str(copy_of_error) == "task t: failed: boom"


TOKEN = WaitToken(task_id="t", started=1.8e9, polls=2, not_before=1.8e9)
RATE_LIMITED = errors.RateLimitedError(status_code=429, message="slow", retry_after=3.0, request_id="req_1", body="{}")


@pytest.mark.parametrize(
    "error",
    [
        RATE_LIMITED,
        errors.MeshVideoError("no API key"),
        errors.ConnectionFailed("reset"),
        errors.ConnectionTimeout("no complete response within 30 s"),
        errors.InvalidResponse("wrong type", path="$.id", body="{}"),
        TaskFailed(VideoTaskResponse(id="t", status="failed"), code="Sensitive", message="boom"),
        errors.WaitTimeout(token=TOKEN, last_task=None, last_error=RATE_LIMITED, elapsed=1.5),
        errors.WaitStopped(token=TOKEN, last_task=None, last_error=None, elapsed=1.5),
        errors.DownloadError("reset", task_id="t", path=Path("v.mp4"), part=Path("v.mp4.part"), received=5, total=9),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_keeps_its_text_and_all_its_attributes_when_pickled(error: MeshVideoError) -> None:
    error.task_id = "t"
    unpickled = pickle.loads(pickle.dumps(error))  # noqa: S301 - the bytes are from this test
    assert type(unpickled) is type(error)
    assert str(unpickled) == str(error)
    assert unpickled.args == error.args
    assert {**vars(unpickled), "last_error": None} == {**vars(error), "last_error": None}


def test_a_pickled_wait_timeout_keeps_its_last_error() -> None:
    timeout = errors.WaitTimeout(token=TOKEN, last_task=None, last_error=RATE_LIMITED, elapsed=1.5)
    unpickled = pickle.loads(pickle.dumps(timeout))  # noqa: S301 - the bytes are from this test
    assert (unpickled.task_id, unpickled.polls, unpickled.token) == ("t", 2, TOKEN)
    assert unpickled.last_error.retry_after == 3.0
