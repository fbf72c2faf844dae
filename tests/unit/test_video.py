"""A video and the other values of the SDK can be stored, compared, copied and turned into JSON."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any, Final, get_args

import pytest

from meshapi_video import (
    TERMINAL_STATUSES,
    CreatedTask,
    JournalRecord,
    KnownStatus,
    MeshVideoError,
    PendingTask,
    PollPolicy,
    RequestFacts,
    TaskFailed,
    Video,
    WaitProgress,
    WaitResult,
    WaitToken,
    first_frame,
    known_status,
    parse_task,
)

URL: Final = "https://cdn.example/a.mp4"
RESPONSE: Final[dict[str, object]] = {
    "id": "task-1",
    "status": "succeeded",
    "content": {"video_url": URL},
    "seed": None,
    "revised_prompt": "a lake",
}


def video(**changed: object) -> Video:
    return Video(url=URL, last_frame_url=None, task=parse_task(RESPONSE | changed))


FACTS: Final = RequestFacts(model="m", sent_at=1.0)
VALUES: Final[list[Callable[[], object]]] = [
    video,
    lambda: WaitResult("task-1", video(), None),
    lambda: WaitProgress(begun=2, ended=1, polls=3, statuses={"queued": 1}),
    lambda: PendingTask("task-1", "queued", 1.0, 2.0),
    lambda: CreatedTask("task-1", "request-1", 1.0),
    lambda: WaitToken(task_id="task-1", started=1.0, polls=2, not_before=3.0),
    lambda: JournalRecord(request_id="request-1", key=None, time=1.0, facts=FACTS, body_sha256="00"),
    lambda: FACTS,
    lambda: first_frame(b"picture"),
    PollPolicy,
]


def pickled(value: object) -> object:
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - the bytes are from this test


@pytest.mark.parametrize("make", VALUES, ids=lambda make: type(make()).__name__)
def test_equal_values_have_the_same_hash_and_stay_equal_when_copied(make: Callable[[], object]) -> None:
    value = make()
    for other in (make(), copy.copy(value), copy.deepcopy(value), pickled(value)):
        assert other == value
        assert hash(other) == hash(value)
        assert {other, value} == {value}


def test_videos_of_different_responses_are_not_equal() -> None:
    assert video(seed=7) != video()
    assert len({video(seed=7), video()}) == 2


def test_a_video_becomes_json_with_the_task_as_the_api_sent_it() -> None:
    assert json.loads(json.dumps(video().to_dict())) == {
        "id": "task-1",
        "url": URL,
        "last_frame_url": None,
        "task": RESPONSE,
    }


def test_a_task_comes_back_from_the_json_of_its_video() -> None:
    assert parse_task(json.loads(json.dumps(video().to_dict()))["task"]) == video().task


@pytest.mark.parametrize("status", get_args(KnownStatus))
def test_a_known_status_is_returned_as_it_is(status: KnownStatus) -> None:
    assert known_status(parse_task({"id": "a", "status": status})) == status


@pytest.mark.parametrize("status", ["paused", "", "Queued"])
def test_a_status_that_is_newer_than_this_release_stays_in_the_task(status: str) -> None:
    task = parse_task({"id": "a", "status": status})
    assert (known_status(task), task.status) == (None, status)


def test_every_terminal_status_is_known() -> None:
    assert {*get_args(KnownStatus)} > TERMINAL_STATUSES


def test_a_result_returns_its_video() -> None:
    found = video()
    assert WaitResult("task-1", found, None).result() is found


def test_a_result_without_a_video_raises_its_error_each_time() -> None:
    error = TaskFailed(parse_task(RESPONSE | {"status": "failed"}), code="7", message="no")
    result = WaitResult("task-1", None, error)
    for _ in range(2):
        with pytest.raises(TaskFailed) as caught:
            result.result()
        assert caught.value is error


def test_a_result_that_somebody_made_empty_says_so() -> None:
    with pytest.raises(MeshVideoError, match="neither a video nor an error"):
        WaitResult("task-1", None, None).result()


BODY: Final = json.dumps(RESPONSE).encode()
LONG: Final = b"x" + BODY + b"x"


@pytest.mark.parametrize(
    "payload",
    [
        BODY,
        BODY.decode(),
        bytearray(BODY),
        memoryview(BODY),
        memoryview(bytearray(BODY)),
        memoryview(LONG)[1:-1],
        memoryview(BODY[::-1])[::-1],
        RESPONSE,
    ],
    ids=lambda each: type(each).__name__,
)
def test_parse_task_takes_each_form_of_a_body(payload: Any) -> None:  # noqa: ANN401
    assert parse_task(payload) == video().task
