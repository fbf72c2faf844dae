"""What reaches a caller was checked: `parse_task`, and what an answer's task means."""

from __future__ import annotations

import json

import pytest

from meshapi_video import (
    UNSET,
    InvalidResponse,
    TaskCancelled,
    TaskError,
    TaskExpired,
    TaskFailed,
    Video,
    VideoTaskContent,
    VideoTaskError,
    VideoTaskResponse,
    is_terminal,
    parse_task,
)
from meshapi_video._contract import task_in
from meshapi_video._tasks import video_of

URL = "https://cdn.example/v.mp4"


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ([], "$"),
        (None, "$"),
        ({}, "$"),
        ({"id": "t"}, "$"),
        ({"id": 5, "status": "x"}, "$.id"),
        ({"id": "t", "status": 5}, "$.status"),
        ({"id": "t", "status": None}, "$.status"),
        ({"id": "t", "status": "x", "created_at": "x"}, "$.created_at"),
        ({"id": "t", "status": "x", "created_at": 1.5}, "$.created_at"),
        ({"id": "t", "status": "x", "content": []}, "$.content"),
        ({"id": "t", "status": "x", "content": {"video_url": 7}}, "$.content.video_url"),
        ({"id": "t", "status": "x", "error": {"code": "c"}}, "$.error"),
        ({"id": "t", "status": "x", "usage": {"completion_tokens": 1, "total_tokens": True}}, "$.usage.total_tokens"),
        ({"id": "t", "status": "x", "draft": "no"}, "$.draft"),
    ],
)
def test_a_violation_is_named_by_its_json_path(payload: object, path: str) -> None:
    with pytest.raises(InvalidResponse, match="breaks the contract") as from_text:
        parse_task(json.dumps(payload))
    assert from_text.value.path == path
    if isinstance(payload, dict):
        with pytest.raises(InvalidResponse) as from_mapping:
            parse_task(payload)  # pyright: ignore[reportUnknownArgumentType] - any JSON object
        assert from_mapping.value.path == path


@pytest.mark.parametrize("body", [b"<html>", b"", b'{"id": "t", "sta', b"\xff", b'{"x":' + b"[" * 100_000])
def test_what_is_no_json_has_no_path(body: bytes) -> None:
    with pytest.raises(InvalidResponse, match="not JSON") as caught:
        parse_task(body)
    assert caught.value.path is None


def test_unknown_fields_are_kept_at_every_depth() -> None:
    payload = {
        "id": "t",
        "status": "succeeded",
        "revised_prompt": "a cat",
        "content": {"video_url": URL, "file_url": [1, {"deep": None}]},
    }
    task = parse_task(payload)
    assert task["revised_prompt"] == "a cat"
    assert isinstance(task.content, VideoTaskContent)
    assert task.content["file_url"] == [1, {"deep": None}]
    assert task.to_dict() == payload


def test_absent_and_null_are_told_apart() -> None:
    task = parse_task('{"id": "t", "status": "queued", "model": null}')
    assert task.model is None
    assert task.seed is UNSET


def test_the_status_is_open() -> None:
    assert not is_terminal(parse_task({"id": "t", "status": "never heard of"}))


def succeeded(**content: str | None) -> VideoTaskResponse:
    return parse_task({"id": "t", "status": "succeeded", "content": content})


def test_a_task_that_succeeded_is_a_video() -> None:
    task = succeeded(video_url=URL, last_frame_url="https://cdn.example/f.jpg")
    video = video_of(task)
    assert video == Video(url=URL, last_frame_url="https://cdn.example/f.jpg", task=task)
    assert video.id == "t"
    assert video_of(succeeded(video_url=URL)).last_frame_url is None
    with pytest.raises(AttributeError):
        video.url = "elsewhere"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue] - it is frozen


@pytest.mark.parametrize("url", [None, "", "v.mp4", "ftp://cdn.example/v.mp4", "https://", "http://[", "javascript:1"])
def test_a_success_without_a_usable_address_breaks_the_contract(url: str | None) -> None:
    with pytest.raises(InvalidResponse, match=r"task t: it succeeded without a usable video address") as caught:
        video_of(succeeded(video_url=url))
    assert caught.value.path == "$.content.video_url"


def test_a_success_without_any_content_breaks_the_contract() -> None:
    with pytest.raises(InvalidResponse):
        video_of(VideoTaskResponse(id="t", status="succeeded"))


@pytest.mark.parametrize(
    ("status", "error_type"), [("failed", TaskFailed), ("expired", TaskExpired), ("cancelled", TaskCancelled)]
)
def test_every_other_end_is_its_own_error(status: str, error_type: type[TaskError]) -> None:
    task = VideoTaskResponse(id="t", status=status, error=VideoTaskError(code="Sensitive", message="not shown"))
    with pytest.raises(error_type, match=rf"^task t: {status}: Sensitive: not shown$") as caught:
        video_of(task)
    assert (caught.value.code, caught.value.message, caught.value.task) == ("Sensitive", "not shown", task)


def test_a_failure_without_a_reason_is_still_a_failure() -> None:
    with pytest.raises(TaskFailed, match=r"^task t: failed$") as caught:
        video_of(VideoTaskResponse(id="t", status="failed"))
    assert (caught.value.code, caught.value.message) == (None, None)


def test_what_the_generated_code_did_not_make_a_task_of_is_refused() -> None:
    with pytest.raises(InvalidResponse, match="NoneType"):
        task_in(None)
