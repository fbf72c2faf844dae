"""The text of an error is one printable line of limited length, whatever a server sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meshapi_video import FieldError, MeshVideoError, VideoTaskError, VideoTaskResponse, WaitToken
from meshapi_video import _errors as errors
from meshapi_video._settings import ApiKey, Settings
from meshapi_video._tasks import outcome
from meshapi_video._text import LONGEST_BODY, LONGEST_MESSAGE, LONGEST_TEXT
from meshapi_video._transport.api_errors import check_response
from meshapi_video._transport.operations import GET
from meshapi_video._transport.response import Response

TOKEN = WaitToken(task_id="t", started=1.8e9, polls=2, not_before=1.8e9)
KEY = "rsk_secret_0123456789"
HOSTILE = "\x1b[2J\r\nstatus: succeeded\n\u202e\u2066\u200b\ud800\x9b\x7f\t[red]:smile:"


def failed(text: str) -> VideoTaskResponse:
    return VideoTaskResponse(id=text, status="failed", error=VideoTaskError(code=text, message=text))


def api_error(text: str) -> errors.APIError:
    return errors.APIError(
        status_code=500,
        message=text,
        code=text,
        request_id=text,
        body=text,
        errors=(FieldError(text, text, text),) * 50,
    )


CONSTRUCTORS: list[Callable[[str], object]] = [
    api_error,
    errors.MeshVideoError,
    errors.ConnectionFailed,
    errors.ConnectionTimeout,
    lambda text: errors.InvalidResponse(text, path=text, body=text),
    lambda text: errors.InvalidResponse(text, body=text),
    lambda text: outcome(failed(text)),
    lambda text: errors.TaskExpired(VideoTaskResponse(id="t", status=text), code=text),
    lambda text: errors.WaitTimeout(
        token=TOKEN, last_task=VideoTaskResponse(id="t", status=text), last_error=api_error(text), elapsed=1.5
    ),
    lambda text: errors.DownloadError(text, task_id="t", path=Path("v.mp4"), part=Path("v\n.part"), received=5),
]


@pytest.mark.parametrize("construct", CONSTRUCTORS)
@example(text=HOSTILE)
@example(text=HOSTILE * 10_000)
@given(text=st.text(st.characters(), max_size=30))
def test_the_text_of_every_error_is_one_printable_line_of_limited_length(
    construct: Callable[[str], object], text: str
) -> None:
    error = construct(text)
    assert isinstance(error, MeshVideoError)
    assert str(error).isprintable()
    assert len(str(error)) < LONGEST_MESSAGE + LONGEST_TEXT + 200
    assert len(str(error.args[0])) <= LONGEST_MESSAGE


@pytest.mark.parametrize("construct", CONSTRUCTORS)
def test_an_error_keeps_no_more_than_the_beginning_of_a_long_text(construct: Callable[[str], object]) -> None:
    error = construct("x" * 1_000_000)
    # The last task of the wait is the caller's own data: it is whole.
    kept = {name: value for name, value in vars(error).items() if name in {"code", "message", "request_id", "body"}}
    if isinstance(error, errors.TaskError):
        assert kept == {"code": error.code, "message": error.message}
    else:
        assert len(repr({**kept, "errors": getattr(error, "errors", ())})) < 70_000


def test_a_wait_that_timed_out_gives_its_advice_after_any_status() -> None:
    last = VideoTaskResponse(id="t", status=HOSTILE * 10_000)
    error = errors.WaitTimeout(token=TOKEN, last_task=last, last_error=api_error(HOSTILE * 10_000), elapsed=1.5)
    assert str(error).startswith(r"task t: still \x1b[2J\r\nstatus: succeeded\n\u202e")
    assert str(error).endswith("has been paid for: wait again on the same id")
    assert "characters) after 1.5 s (2 polls); the last poll failed: HTTP 500 \\x1b" in str(error)


def test_an_api_error_keeps_the_servers_texts_as_sent() -> None:
    error = api_error(HOSTILE)
    assert (error.message, error.code, error.request_id, error.body) == (HOSTILE,) * 4
    assert error.errors[0] == FieldError(HOSTILE, HOSTILE, HOSTILE)


def test_an_api_error_keeps_the_first_20_problems_and_counts_the_others() -> None:
    problems = tuple(FieldError(f"f{number}", "wrong", "x") for number in range(25))
    error = errors.APIError(status_code=422, message="no", errors=problems)
    assert error.errors == problems[:20]
    assert str(error).endswith("; f19: wrong; and 5 more")
    assert "more" not in str(errors.APIError(status_code=422, message="no", errors=problems[:20]))


def checked(status: int, body: str, headers: dict[str, str] | None = None) -> MeshVideoError:
    settings = Settings.resolve(ApiKey(KEY), "https://api.example", 30.0, 0)
    sent = [(name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
    response = Response(status, httpx.Headers(sent), body.encode())
    with pytest.raises(MeshVideoError) as caught:
        check_response(response, settings, GET.expected, "/v1/video/generations/task-1")
    return caught.value


@pytest.mark.parametrize("before", range(len(KEY) + 1))
@pytest.mark.parametrize("limit", [LONGEST_TEXT - 20, LONGEST_TEXT, LONGEST_BODY - 20, LONGEST_BODY])
def test_a_key_where_a_text_is_cut_is_redacted_as_a_whole(limit: int, before: int) -> None:
    text = "." * (limit - before) + KEY + "." * 5_000
    error = checked(500, json.dumps({"error": {"code": text, "message": text}, "request_id": text}))
    shown = f"{error} {vars(error)}"
    assert KEY[:4] not in shown
    # In a body that is not JSON, the key stands at the same place as in the texts above.
    plain = [checked(500, text), checked(200, text)]
    assert not any(KEY[:4] in f"{error} {vars(error)}" for error in plain)


@pytest.mark.parametrize("name", ["location", "content-type", "x-request-id"])
def test_a_header_enters_the_text_of_an_error_as_one_printable_line(name: str) -> None:
    for value in ("https://h\x7f\x85.example/", "text/h\x9btml", "x" * 100_000, f"https://{'x.' * 50_000}example"):
        error = checked(302, "", {name: value})
        assert str(error).isprintable()
        assert len(str(error)) < LONGEST_MESSAGE
