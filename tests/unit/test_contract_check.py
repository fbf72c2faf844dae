"""Every value that reaches a caller was checked: `parse_task`, and the result of a task that has ended."""

from __future__ import annotations

import json
import runpy
from collections import ChainMap
from types import MappingProxyType
from typing import Annotated, Any, Final, NoReturn

import msgspec
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
from meshapi_video._settings import ApiKey, Settings
from meshapi_video._tasks import require_task, video_or_raise
from meshapi_video._transport import contract
from meshapi_video._transport.contract import check_body
from meshapi_video._transport.exceptions import typed_errors

URL = "https://cdn.example/v.mp4"


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ([], "$"),
        (None, "$"),
        ({}, "$"),
        ({"id": "t"}, "$"),
        ({"id": 5, "status": "running"}, "$.id"),
        ({"id": "t", "status": 5}, "$.status"),
        ({"id": "t", "status": None}, "$.status"),
        ({"id": "t", "status": "running", "created_at": "x"}, "$.created_at"),
        ({"id": "t", "status": "running", "created_at": 1.5}, "$.created_at"),
        ({"id": "t", "status": "running", "content": []}, "$.content"),
        ({"id": "t", "status": "running", "content": {"video_url": 7}}, "$.content.video_url"),
        ({"id": "t", "status": "running", "error": {"code": "c"}}, "$.error"),
        (
            {"id": "t", "status": "running", "usage": {"completion_tokens": 1, "total_tokens": True}},
            "$.usage.total_tokens",
        ),
        ({"id": "t", "status": "running", "draft": "no"}, "$.draft"),
    ],
)
def test_the_error_for_a_violation_has_its_json_path(payload: object, path: str) -> None:
    with pytest.raises(InvalidResponse, match="breaks the contract") as from_text:
        parse_task(json.dumps(payload))
    assert from_text.value.path == path
    if isinstance(payload, dict):
        with pytest.raises(InvalidResponse) as from_mapping:
            parse_task(payload)  # pyright: ignore[reportUnknownArgumentType] - any JSON object
        assert from_mapping.value.path == path


@pytest.mark.parametrize("body", [b"<html>", b"", b'{"id": "t", "sta', b"\xff", b'{"x":' + b"[" * 100_000])
def test_the_error_for_a_body_that_is_not_json_has_no_path(body: bytes) -> None:
    with pytest.raises(InvalidResponse, match="not JSON") as caught:
        parse_task(body)
    assert caught.value.path is None


@pytest.mark.parametrize(
    "payload",
    [
        '{"id": "t", "status": "running", "seed": ' + "9" * 5_000 + "}",
        {"id": "t", "status": "running", "comment": float("nan")},
        {"id": "t", "status": "running", "comment": object()},
    ],
    ids=["too many digits", "not a number", "not a JSON type"],
)
def test_a_payload_that_python_cannot_parse_is_an_invalid_response(payload: str | dict[str, object]) -> None:
    with pytest.raises(InvalidResponse, match="not JSON, or cannot be parsed") as caught:
        parse_task(payload)
    assert caught.value.path is None


def test_a_body_that_only_the_generated_parser_cannot_parse_is_an_invalid_response_too() -> None:
    # The generated parser is deeper in the stack than the check, so it can reach the limit first.
    too_deep = RecursionError("maximum recursion depth exceeded")
    with (
        pytest.raises(
            InvalidResponse, match="task t: the response cannot be parsed: maximum recursion depth"
        ) as caught,
        typed_errors("t", Settings.resolve(ApiKey("key"), None, 30.0, 2), 30.0),
    ):
        raise too_deep
    assert caught.value.path is None
    assert caught.value.__suppress_context__


def raises(error: Exception) -> Any:  # noqa: ANN401 - it stands for any function of generated code
    def fail(*_arguments: object) -> NoReturn:
        raise error

    return fail


# What the generated parser raises for a date that is none, and for a property that the check does not demand.
PARSER_ERRORS: Final = [
    (ValueError("Invalid isoformat string: 'soon'"), "the response cannot be parsed: Invalid isoformat string: 'soon'"),
    (KeyError("title"), "the response cannot be parsed: KeyError: 'title'"),
    (
        TypeError("'int' object is not iterable"),
        "the response cannot be parsed: TypeError: 'int' object is not iterable",
    ),
    (AttributeError("no attribute"), "the response cannot be parsed: AttributeError: no attribute"),
    (RecursionError("too deep"), "the response cannot be parsed: too deep"),
]


@pytest.mark.parametrize(("error", "message"), PARSER_ERRORS, ids=lambda value: type(value).__name__)
def test_whatever_the_generated_parser_raises_is_an_invalid_response(
    error: Exception, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VideoTaskResponse, "from_dict", raises(error))
    with pytest.raises(InvalidResponse) as caught:
        parse_task(b'{"id": "t", "status": "running"}')
    assert (str(caught.value), caught.value.path) == (message, None)
    assert caught.value.__cause__ is caught.value.__context__ is None


class UnusableUnion(msgspec.Struct):
    tags: list[str] | list[int]


class UnusablePattern(msgspec.Struct):
    tags: Annotated[str, msgspec.Meta(pattern=r"^\p{L}+$")]


@pytest.mark.parametrize("unusable", [UnusableUnion, UnusablePattern])
def test_a_type_that_msgspec_cannot_use_refuses_each_body(
    unusable: type[msgspec.Struct], monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[object] = []
    convert = msgspec.convert

    def recorded(value: object, wire_type: Any, **options: Any) -> object:  # noqa: ANN401 - as in msgspec
        used.append(wire_type)
        return convert(value, wire_type, **options)

    monkeypatch.setattr("meshapi_video_wire.VideoTaskResponse", unusable)
    monkeypatch.setattr(msgspec, "convert", recorded)
    fresh = runpy.run_path(str(contract.__file__))
    for _ in range(2):
        with pytest.raises(InvalidResponse, match="the response cannot be checked: "):
            fresh["check_body"](b'{"id": "t", "status": "running"}')
    # Each use would prepare the type again. Two threads that do so at once crash the interpreter.
    assert used == []


class Raises(msgspec.Struct):
    id: str

    def __post_init__(self) -> None:
        raise RuntimeError("a bug")


def test_whatever_a_type_raises_is_an_invalid_response(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshapi_video_wire.VideoTaskResponse", Raises)
    fresh = runpy.run_path(str(contract.__file__))
    with pytest.raises(InvalidResponse, match="the response cannot be checked: RuntimeError: a bug"):
        fresh["check_body"](b'{"id": "t", "status": "running"}')


@pytest.mark.parametrize("as_text", [True, False])
def test_a_whole_number_is_an_integer_in_any_notation(as_text: bool) -> None:  # noqa: FBT001 - a parameter
    payload = {
        "id": "t",
        "status": "running",
        "seed": 5.0,
        "usage": {"completion_tokens": 1e3, "total_tokens": 0},
        "n": 5.0,
    }
    task = parse_task(json.dumps(payload) if as_text else payload)
    assert isinstance(task.seed, int)
    assert isinstance(task.usage, VideoTaskUsage)
    assert isinstance(task.usage.completion_tokens, int)
    assert task.to_dict() == payload


def test_any_mapping_is_parsed_as_a_json_object() -> None:
    task = parse_task(ChainMap({"id": "t", "status": "running", "content": MappingProxyType({"video_url": URL})}))
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


def test_an_absent_field_differs_from_null() -> None:
    task = parse_task('{"id": "t", "status": "queued", "model": null}')
    assert task.model is None
    assert task.seed is UNSET


def test_an_unknown_status_is_accepted_and_not_terminal() -> None:
    assert not is_terminal(parse_task({"id": "t", "status": "unknown status"}))


def succeeded(**content: str | None) -> VideoTaskResponse:
    return parse_task({"id": "t", "status": "succeeded", "content": content})


def test_a_task_that_succeeded_is_a_video() -> None:
    task = succeeded(video_url=URL, last_frame_url="https://cdn.example/f.jpg")
    video = video_or_raise(task)
    assert video == Video(url=URL, last_frame_url="https://cdn.example/f.jpg", task=task)
    assert video.id == "t"
    assert video_or_raise(succeeded(video_url=URL)).last_frame_url is None
    with pytest.raises(AttributeError):
        video.url = "another"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue] - it is frozen


@pytest.mark.parametrize("url", [None, "", "v.mp4", "ftp://cdn.example/v.mp4", "https://", "http://[", "javascript:1"])
def test_a_success_without_a_usable_address_breaks_the_contract(url: str | None) -> None:
    with pytest.raises(InvalidResponse, match=r"task t: the task succeeded without a usable video URL") as caught:
        video_or_raise(succeeded(video_url=url))
    assert caught.value.path == "$.content.video_url"


def test_a_success_without_any_content_breaks_the_contract() -> None:
    with pytest.raises(InvalidResponse):
        video_or_raise(VideoTaskResponse(id="t", status="succeeded"))


@pytest.mark.parametrize(
    ("status", "error_type"), [("failed", TaskFailed), ("expired", TaskExpired), ("cancelled", TaskCancelled)]
)
def test_each_other_terminal_status_has_its_error(status: str, error_type: type[TaskError]) -> None:
    task = VideoTaskResponse(id="t", status=status, error=VideoTaskError(code="Sensitive", message="not shown"))
    with pytest.raises(error_type, match=rf"^task t: {status}: Sensitive: not shown$") as caught:
        video_or_raise(task)
    assert (caught.value.code, caught.value.message, caught.value.task) == ("Sensitive", "not shown", task)


def test_a_failed_task_without_an_error_is_a_task_failed_too() -> None:
    with pytest.raises(TaskFailed, match=r"^task t: failed$") as caught:
        video_or_raise(VideoTaskResponse(id="t", status="failed"))
    assert (caught.value.code, caught.value.message) == (None, None)


def test_a_parsed_response_that_is_not_a_task_is_refused() -> None:
    with pytest.raises(InvalidResponse, match="NoneType"):
        require_task(None)
    task = VideoTaskResponse(id="t", status="queued")
    assert require_task(task) is task


LONE = b'{"id": "t", "status": "running", "model": "a\\ud800b", "x": {"\\udfff": ["\\ud83d\\ude00"]}}'


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["", "a byte order mark"])
@pytest.mark.parametrize("as_text", [False, True])
def test_half_a_surrogate_pair_becomes_a_replacement_character(mark: bytes, *, as_text: bool) -> None:
    body = (mark + LONE).decode() if as_text else mark + LONE
    parsed = check_body(body)
    assert parsed == {"id": "t", "status": "running", "model": "a\ufffdb", "x": {"\ufffd": ["\U0001f600"]}}


def test_an_escaped_backslash_before_ud800_is_no_surrogate() -> None:
    assert check_body(b'\xef\xbb\xbf{"id": "t", "status": "running", "model": "\\\\ud800"}')["model"] == "\\ud800"
