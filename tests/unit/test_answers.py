"""Every answer that is not a task becomes the error that says so, with all that it told."""

from __future__ import annotations

import json

import httpx
import pytest

from meshapi_video import (
    APIError,
    AuthenticationError,
    FieldError,
    InvalidResponse,
    NotFoundError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitedError,
    RequestRejectedError,
    UpstreamError,
)
from meshapi_video._answers import check_answer
from meshapi_video._bodies import Answer
from meshapi_video._config import ApiKey, Config

KEY = "rsk_secret"


def config(key: str = KEY) -> Config:
    return Config.resolve(ApiKey(key), "https://api.example", 30.0, 0)


def answer(status: int, content: bytes, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, httpx.Headers(headers), content)


def refused(status: int, body: object = None, headers: dict[str, str] | None = None) -> APIError:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(APIError) as caught:
        check_answer(answer(status, content, {"content-type": "application/json", **(headers or {})}), config())
    return caught.value


@pytest.mark.parametrize(
    ("status", "error_type"),
    [
        (400, RequestRejectedError),
        (401, AuthenticationError),
        (402, PaymentRequiredError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (409, RequestRejectedError),
        (422, RequestRejectedError),
        (429, RateLimitedError),
        (500, UpstreamError),
        (502, UpstreamError),
        (520, UpstreamError),
        (599, UpstreamError),
        (204, APIError),
        (418, APIError),
    ],
)
def test_each_status_has_its_error(status: int, error_type: type[APIError]) -> None:
    error = refused(status)
    assert type(error) is error_type
    assert error.status_code == status


def test_meshs_envelope_is_read() -> None:
    body: dict[str, object] = {
        "error": {"code": "rate_limit_exceeded", "message": "Slow down", "retry_after_seconds": 5, "details": []},
        "request_id": "req_1",
    }
    error = refused(429, body)
    assert (error.code, error.message, error.request_id, error.retry_after) == (
        "rate_limit_exceeded",
        "Slow down",
        "req_1",
        5.0,
    )
    assert str(error) == "HTTP 429 rate_limit_exceeded: Slow down (request req_1). Wait a while before asking again"
    assert json.loads(error.body) == body


def test_fastapis_detail_is_read() -> None:
    assert refused(404, {"detail": "Not Found"}).message == "Not Found"


def test_validation_errors_are_read_field_by_field() -> None:
    body: dict[str, object] = {
        "detail": [{"loc": ["path", "task_id", 0], "msg": "too short", "type": "string_too_short", "ctx": {}}]
    }
    error = refused(422, body)
    assert error.errors == (FieldError("path.task_id.0", "too short", "string_too_short"),)
    assert str(error).startswith("HTTP 422: Unprocessable ")
    assert str(error).endswith("; path.task_id.0: too short. Check the task's id")


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Bad gateway</html>",
        b"",
        b"\xff\xfe",
        b"[]",
        b'"text"',
        b'{"error": 5}',
        b'{"error": {"code": 5, "message": []}, "request_id": {}}',
        b'{"detail": {"msg": "an object"}}',
        b'{"a":' + b"[" * 100_000,
    ],
)
def test_an_unknown_body_is_no_obstacle(body: bytes) -> None:
    error = refused(502, body)
    assert (error.message, error.code, error.request_id) == ("Bad Gateway", None, None)
    assert len(error.body) <= 2_000


def test_an_error_that_is_only_a_string_is_read() -> None:
    assert refused(500, {"error": "boom"}).message == "boom"


def test_a_page_instead_of_json_is_named() -> None:
    error = refused(502, b"<html>", {"content-type": "text/html; charset=utf-8"})
    assert error.message == "Bad Gateway (text/html instead of a JSON error)"
    assert refused(520, b"", {"content-type": ""}).message == "no standard status"


def test_a_redirect_is_named_by_where_it_leads_and_not_followed() -> None:
    error = refused(301, b"", {"location": "https://login.example/?next=secret"})
    assert error.message == "a redirect to https://login.example, which is not followed"
    assert str(error) == f"HTTP 301: {error.message}. Check the base URL"
    assert "api.example" in refused(302, b"", {"location": "/elsewhere"}).message


@pytest.mark.parametrize("location", ["http://[", "mailto:x", "http://"])
def test_a_redirect_to_nowhere_is_an_answer_too(location: str) -> None:
    assert refused(301, b"", {"location": location}).message == "a redirect to no web address, which is not followed"


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "Check the key in MESHAPI_API_KEY or api_key="),
        (402, "Raise the spending limit, then ask for the same task again"),
        (403, "Use a key that may see this task"),
        (404, "Check the task's id and the base URL"),
        (422, "Check the task's id"),
        (429, "Wait a while before asking again"),
        (502, "It may pass: ask again later"),
        (308, "Check the base URL"),
    ],
)
def test_an_error_ends_with_what_to_do_and_keeps_the_servers_words(status: int, advice: str) -> None:
    error = refused(status, {"error": {"message": "Sorry."}})
    assert str(error) == f"HTTP {status}: Sorry. {advice}"
    assert error.message == "Sorry."


def test_an_error_that_nothing_is_known_to_help_gives_no_advice() -> None:
    assert str(refused(418, {"error": "a teapot"})) == "HTTP 418: a teapot"


def test_the_request_id_may_be_in_a_header() -> None:
    assert refused(500, {}, {"x-request-id": "req_2"}).request_id == "req_2"


DATE = "Mon, 23 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "Mon, 23 Nov 2026 10:00:30 GMT", "date": DATE}, 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 10:00:30", "date": DATE}, 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 09:00:00 GMT", "date": DATE}, 0.0),
        ({"retry-after": "Thu, 01 Jan 2015 00:00:00 GMT"}, 0.0),
        ({"retry-after": "604800"}, 604800.0),
        ({"retry-after": "604801"}, 604_800.0),
        ({"retry-after-ms": "604801000"}, 604_800.0),
        ({"retry-after-ms": "604801000", "retry-after": "9"}, 604_800.0),
        ({"retry-after": "Mon, 23 Nov 2099 10:00:00 GMT", "date": DATE}, 604_800.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Mon, 99 Nov 2026 10:00:00 GMT"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms_and_garbage_is_ignored(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert refused(429, {}, headers).retry_after == seconds


@pytest.mark.parametrize(
    ("stated", "seconds"), [(5, 5.0), ("2.5", 2.5), (-5, None), (True, None), ([], None), (None, None), (10**400, None)]
)
def test_the_body_may_say_when_to_come_back(stated: object, seconds: float | None) -> None:
    assert refused(429, {"error": {"retry_after_seconds": stated}}).retry_after == seconds


def test_a_key_that_the_server_sends_back_is_blotted_out() -> None:
    error = refused(
        401, {"error": {"code": KEY, "message": f"bad key {KEY}"}, "request_id": KEY}, {"x-request-id": KEY}
    )
    assert KEY not in f"{error!r} {error} {vars(error)}"
    assert "bad key ***" in str(error)
    for_header = refused(500, {}, {"x-request-id": KEY})
    assert KEY not in f"{for_header} {vars(for_header)}"


@pytest.mark.parametrize("escaped", ["rsk_ab\\/cd", "\\u0072sk_ab/cd", "rsk_ab\\u002Fcd", "rsk_ab\\u002fcd"])
def test_a_key_that_comes_back_in_json_escapes_is_blotted_out_as_well(escaped: str) -> None:
    key = "rsk_ab/cd"
    body = (
        f'{{"error": {{"code": "{escaped}", "message": "bad {escaped}"}}, "request_id": "{escaped}", '
        f'"detail": [{{"msg": "{escaped}", "loc": ["{escaped}"], "type": "{escaped}"}}]}}'
    )
    response = answer(400, body.encode())
    with pytest.raises(RequestRejectedError) as caught:
        check_answer(response, config(key))
    shown = f"{caught.value} {vars(caught.value)}"
    assert key not in shown
    assert escaped not in caught.value.body
    assert caught.value.message == "bad ***"
    assert caught.value.errors == (FieldError("***", "***", "***"),)


@pytest.mark.parametrize("field", ["id", "status", "model"])
def test_a_task_that_gives_the_key_away_is_refused(field: str) -> None:
    body = json.dumps({"id": "t", "status": "failed", field: f"x{KEY}"}).encode()
    response = answer(200, body)
    with pytest.raises(InvalidResponse, match="gives away the API key") as caught:
        check_answer(response, config())
    assert KEY not in f"{caught.value} {vars(caught.value)}"
    assert caught.value.path == "$"


def test_a_key_of_a_few_letters_may_be_in_an_answer_by_chance() -> None:
    body = json.dumps({"id": "key-1", "status": "running"}).encode()
    check_answer(answer(200, body), config("key"))


def test_a_200_that_is_no_task_is_an_invalid_response_with_its_body() -> None:
    page = answer(200, f"<html>{KEY}".encode())
    with pytest.raises(InvalidResponse) as caught:
        check_answer(page, config())
    assert caught.value.body == "<html>***"


def test_a_page_instead_of_a_task_is_kept_to_be_read() -> None:
    page = answer(200, b"<html>Log in")
    with pytest.raises(InvalidResponse, match="not JSON") as caught:
        check_answer(page, config())
    assert (caught.value.body, caught.value.path) == ("<html>Log in", None)
