"""Every response that is not a task becomes a typed error with everything that the response says."""

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
    ServerError,
)
from meshapi_video._settings import ApiKey, Settings
from meshapi_video._transport.api_errors import check_response
from meshapi_video._transport.generated import ExpectedResponse
from meshapi_video._transport.operations import GET
from meshapi_video._transport.response import Response

KEY = "rsk_secret"


def response_of(status: int, content: bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(status, httpx.Headers(headers), content)


def check(response: Response, key: str = KEY, expected: ExpectedResponse = GET.expected) -> None:
    check_response(
        response, Settings.resolve(ApiKey(key), "https://api.example", 30.0, 0), expected, "/v1/video/generations/t"
    )


def error_for(status: int, body: object = None, headers: dict[str, str] | None = None) -> APIError:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = response_of(status, content, {"content-type": "application/json", **(headers or {})})
    with pytest.raises(APIError) as caught:
        check(response)
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
        (500, ServerError),
        (502, ServerError),
        (520, ServerError),
        (599, ServerError),
        (204, APIError),
        (418, APIError),
    ],
)
def test_each_http_status_has_its_error_type(status: int, error_type: type[APIError]) -> None:
    error = error_for(status)
    assert type(error) is error_type
    assert error.status_code == status


def test_the_fields_of_meshs_envelope_are_in_the_error() -> None:
    body: dict[str, object] = {
        "error": {"code": "rate_limit_exceeded", "message": "Slow down", "retry_after_seconds": 5, "details": []},
        "request_id": "req_1",
    }
    error = error_for(429, body)
    assert (error.code, error.message, error.request_id, error.retry_after) == (
        "rate_limit_exceeded",
        "Slow down",
        "req_1",
        5.0,
    )
    assert str(error) == "HTTP 429 rate_limit_exceeded: Slow down (request req_1). Wait before the next request"
    assert json.loads(error.body) == body


def test_fastapis_detail_is_the_message() -> None:
    assert error_for(404, {"detail": "Not Found"}).message == "Not Found"


def test_validation_errors_are_in_the_error_field_by_field() -> None:
    body: dict[str, object] = {
        "detail": [{"loc": ["path", "task_id", 0], "msg": "too short", "type": "string_too_short", "ctx": {}}]
    }
    error = error_for(422, body)
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
def test_an_unknown_body_gives_an_error_with_the_name_of_the_status(body: bytes) -> None:
    error = error_for(502, body)
    assert (error.message, error.code, error.request_id) == ("Bad Gateway", None, None)
    assert len(error.body) <= 2_000


def test_an_error_that_is_only_a_string_is_the_message() -> None:
    assert error_for(500, {"error": "boom"}).message == "boom"


def test_the_error_names_the_type_of_a_body_that_is_not_json() -> None:
    error = error_for(502, b"<html>", {"content-type": "text/html; charset=utf-8"})
    assert error.message == "Bad Gateway (text/html instead of a JSON error)"
    assert error_for(520, b"", {"content-type": ""}).message == "not a standard status"


def test_a_redirect_is_not_followed_and_the_error_names_the_server_that_it_points_to() -> None:
    error = error_for(301, b"", {"location": "https://login.example/?next=secret"})
    assert error.message == "a redirect to https://login.example, which is not followed"
    assert str(error) == f"HTTP 301: {error.message}. Check the base URL"
    assert "api.example" in error_for(302, b"", {"location": "/elsewhere"}).message


@pytest.mark.parametrize("location", ["http://[", "mailto:x", "http://"])
def test_a_redirect_to_an_unusable_address_is_an_error_too(location: str) -> None:
    message = "a redirect to a location that is not an HTTP URL, which is not followed"
    assert error_for(301, b"", {"location": location}).message == message


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "Check the key in MESHAPI_API_KEY, or the key that was given instead of it"),
        (402, "Raise the spending limit, then wait for the same task again"),
        (403, "Use a key that has access to this task"),
        (404, "Check the task's id and the base URL"),
        (422, "Check the task's id"),
        (429, "Wait before the next request"),
        (502, "This may be temporary: try again later"),
        (308, "Check the base URL"),
    ],
)
def test_an_error_ends_with_advice_and_keeps_the_servers_message(status: int, advice: str) -> None:
    error = error_for(status, {"error": {"message": "Sorry."}})
    assert str(error) == f"HTTP {status}: Sorry. {advice}"
    assert error.message == "Sorry."


def test_an_error_without_a_known_remedy_has_no_advice() -> None:
    assert str(error_for(418, {"error": "a teapot"})) == "HTTP 418: a teapot"


def test_the_request_id_may_be_in_a_header() -> None:
    assert error_for(500, {}, {"x-request-id": "req_2"}).request_id == "req_2"


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
def test_retry_after_is_parsed_in_all_its_forms_and_unusable_values_are_ignored(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert error_for(429, {}, headers).retry_after == seconds


@pytest.mark.parametrize(
    ("stated", "seconds"), [(5, 5.0), ("2.5", 2.5), (-5, None), (True, None), ([], None), (None, None), (10**400, None)]
)
def test_retry_after_may_be_in_the_body(stated: object, seconds: float | None) -> None:
    assert error_for(429, {"error": {"retry_after_seconds": stated}}).retry_after == seconds


def test_a_key_that_the_server_sends_back_is_redacted() -> None:
    error = error_for(
        401, {"error": {"code": KEY, "message": f"bad key {KEY}"}, "request_id": KEY}, {"x-request-id": KEY}
    )
    assert KEY not in f"{error!r} {error} {vars(error)}"
    assert "bad key ***" in str(error)
    from_header = error_for(500, {}, {"x-request-id": KEY})
    assert KEY not in f"{from_header} {vars(from_header)}"


@pytest.mark.parametrize("escaped", ["rsk_ab\\/cd", "\\u0072sk_ab/cd", "rsk_ab\\u002Fcd", "rsk_ab\\u002fcd"])
def test_a_key_that_the_server_sends_back_in_json_escapes_is_redacted_too(escaped: str) -> None:
    key = "rsk_ab/cd"
    body = (
        f'{{"error": {{"code": "{escaped}", "message": "bad {escaped}"}}, "request_id": "{escaped}", '
        f'"detail": [{{"msg": "{escaped}", "loc": ["{escaped}"], "type": "{escaped}"}}]}}'
    )
    response = response_of(400, body.encode())
    with pytest.raises(RequestRejectedError) as caught:
        check(response, key)
    shown = f"{caught.value} {vars(caught.value)}"
    assert key not in shown
    assert escaped not in caught.value.body
    assert caught.value.message == "bad ***"
    assert caught.value.errors == (FieldError("***", "***", "***"),)


@pytest.mark.parametrize("field", ["id", "status", "model"])
def test_a_task_that_contains_the_key_is_refused(field: str) -> None:
    body = json.dumps({"id": "t", "status": "failed", field: f"x{KEY}"}).encode()
    response = response_of(200, body)
    with pytest.raises(InvalidResponse, match="contains the API key") as caught:
        check(response)
    assert KEY not in f"{caught.value} {vars(caught.value)}"
    assert caught.value.path == "$"


def test_a_key_of_a_few_letters_may_be_part_of_a_response_by_chance() -> None:
    body = json.dumps({"id": "t", "status": "running", "model": "key-1"}).encode()
    check(response_of(200, body), "key")


def test_a_200_without_a_task_is_an_invalid_response_with_the_redacted_body() -> None:
    page = response_of(200, f"<html>{KEY}".encode())
    with pytest.raises(InvalidResponse) as caught:
        check(page)
    assert caught.value.body == "<html>***"


def test_the_error_for_a_page_instead_of_a_task_has_the_page_as_body() -> None:
    page = response_of(200, b"<html>Log in")
    with pytest.raises(InvalidResponse, match="not JSON") as caught:
        check(page)
    assert (caught.value.body, caught.value.path) == ("<html>Log in", None)


def test_only_the_status_that_the_operation_expects_is_no_error() -> None:
    created = ExpectedResponse(json.loads, status=201)
    response = response_of(201, b'{"id": "t"}')
    check(response, expected=created)
    assert response.json() == {"id": "t"}
    other = response_of(200, b"{}")
    with pytest.raises(APIError, match="HTTP 200"):
        check(other, expected=created)


def test_an_error_with_a_byte_order_mark_or_half_a_surrogate_pair_keeps_its_message() -> None:
    body = b'\xef\xbb\xbf{"error": {"code": "c", "message": "no \\ud800 task"}}'
    error = error_for(404, body)
    assert (error.code, error.message) == ("c", "no \ufffd task")
