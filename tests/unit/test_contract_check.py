"""What reaches a caller was checked: `parse_task`, and what an answer's task means."""

from __future__ import annotations

import json
from collections import ChainMap
from types import MappingProxyType

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
    VideoTaskUsage,
    is_terminal,
    parse_task,
)
from meshapi_video._config import ApiKey, Config
from meshapi_video._tasks import task_in, video_of
from meshapi_video._transport import typed_errors

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


@pytest.mark.parametrize(
    "payload",
    [
        '{"id": "t", "status": "x", "seed": ' + "9" * 5_000 + "}",
        '{"id": "t", "status": "x", "note": "\ud800"}',
        {"id": "t", "status": "x", "note": float("nan")},
        {"id": "t", "status": "x", "note": object()},
    ],
    ids=["too many digits", "half a character", "not a number", "an object of ours"],
)
def test_what_cannot_be_read_is_no_error_of_pythons_own(payload: str | dict[str, object]) -> None:
    with pytest.raises(InvalidResponse, match="not JSON, or cannot be read") as caught:
        parse_task(payload)
    assert caught.value.path is None


def test_what_only_the_generated_parser_cannot_read_is_an_invalid_response_too() -> None:
    # One level deeper in the stack than the check, it can be the first to run out of it.
    too_deep = RecursionError("maximum recursion depth exceeded")
    with (
        pytest.raises(InvalidResponse, match="task t: the answer cannot be read: maximum recursion depth") as caught,
        typed_errors("t", Config.resolve(ApiKey("key"), None, 30.0, 2), 30.0),
    ):
        raise too_deep
    assert caught.value.path is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("as_text", [True, False])
def test_a_whole_number_is_an_integer_however_it_is_written(as_text: bool) -> None:  # noqa: FBT001 - a parameter
    payload = {"id": "t", "status": "x", "seed": 5.0, "usage": {"completion_tokens": 1e3, "total_tokens": 0}, "n": 5.0}
    task = parse_task(json.dumps(payload) if as_text else payload)
    assert isinstance(task.seed, int)
    assert isinstance(task.usage, VideoTaskUsage)
    assert isinstance(task.usage.completion_tokens, int)
    assert task.to_dict() == payload


def test_any_mapping_is_read_as_the_object_that_it_stands_for() -> None:
    task = parse_task(ChainMap({"id": "t", "status": "x", "content": MappingProxyType({"video_url": URL})}))
    assert task.content == VideoTaskContent(video_url=URL)


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
