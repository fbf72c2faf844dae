"""The API key in a response: no part of it is left in an error, wherever the server put it."""

from __future__ import annotations

import json

import httpx
import pytest

from meshapi_video import APIError, InvalidResponse
from meshapi_video._settings import ApiKey, Settings
from meshapi_video._transport.api_errors import check_response
from meshapi_video._transport.operations import GET
from meshapi_video._transport.response import Response

KEY = "rsk_ab/cdef"
ESCAPED = "\\u0072sk_ab\\/cdef"
"""The key as a JSON string may contain it."""


def check(status: int, content: str, key: str = KEY) -> None:
    settings = Settings.resolve(ApiKey(key), "https://api.example", 30.0, 0)
    check_response(
        Response(status, httpx.Headers({"content-type": "text/plain"}), content.encode()), settings, GET.expected, "/t"
    )


def body_of_error(status: int, content: str) -> str:
    """The body that the error for a response keeps."""
    try:
        check(status, content)
    except (APIError, InvalidResponse) as error:
        return error.body
    raise AssertionError("there is no error")


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("sent", [KEY, ESCAPED])
def test_no_part_of_the_key_is_left_where_a_long_body_is_cut(status: int, sent: str) -> None:
    longest = len(body_of_error(status, "x" * 100_000))
    assert longest < 10_000
    for start in range(longest - 80, longest + 1):
        body = body_of_error(status, "x" * start + sent + "x" * 100)
        assert KEY[:3] not in body
        assert "sk_" not in body
        assert len(body) <= longest


@pytest.mark.parametrize("sent", [KEY, ESCAPED])
def test_three_asterisks_show_where_the_key_was(sent: str) -> None:
    assert body_of_error(500, f"<{sent}>") == "<***>"
    assert repr(ApiKey(KEY)) == "ApiKey(***)"


def test_a_key_of_eight_characters_is_a_secret_and_a_shorter_key_may_be_in_a_task_by_chance() -> None:
    task = json.dumps({"id": "t", "status": "running", "model": "12345678"})
    with pytest.raises(InvalidResponse, match="contains the API key"):
        check(200, task, key="12345678")
    check(200, task, key="1234567")
