"""What an error says about a response: of a redirect, of FastAPI's body, of one without details."""

from __future__ import annotations

import json

import httpx
import pytest

from meshapi_video import APIError, FieldError, InvalidResponse
from meshapi_video._settings import ApiKey, Settings
from meshapi_video._transport.api_errors import check_response
from meshapi_video._transport.generated import ExpectedResponse
from meshapi_video._transport.operations import GET
from meshapi_video._transport.response import Response


def error_for(status: int, body: object = None, **headers: str) -> APIError:
    settings = Settings.resolve(ApiKey("rsk_secret"), "https://api.example", 30.0, 0)
    response = Response(status, httpx.Headers(headers), json.dumps(body).encode())
    with pytest.raises(APIError) as caught:
        check_response(response, settings, GET.expected, "/t")
    return caught.value


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_error_for_each_redirect_names_its_target(status: int) -> None:
    message = "a redirect to https://login.example, which is not followed"
    assert error_for(status, location="https://login.example/").message == message


def test_only_a_redirect_with_a_location_has_a_target() -> None:
    assert error_for(302).message == "Found"
    for status in (304, 500):
        assert "redirect" not in error_for(status, location="https://login.example/").message


def test_the_detail_of_fastapi_is_the_message_and_not_the_name_of_the_status() -> None:
    assert error_for(404, {"detail": "no such task"}).message == "no such task"


def test_a_validation_error_without_a_type_has_an_empty_type() -> None:
    assert error_for(422, {"detail": [{"msg": "too short"}]}).errors == (FieldError("", "too short", ""),)


@pytest.mark.parametrize("body", [b'{"id": "other", "status": "failed"}', b'{"status": "failed"}', b"[]"])
def test_only_a_response_about_the_task_in_the_path_is_accepted(body: bytes) -> None:
    settings = Settings.resolve(ApiKey("rsk_secret"), "https://api.example", 30.0, 0)
    about_a_task = ExpectedResponse(json.loads, has_id_in_path=True)
    response = Response(200, httpx.Headers(), body)
    with pytest.raises(InvalidResponse, match="about another task"):
        check_response(response, settings, about_a_task, "/v1/video/generations/t")
    check_response(response, settings, ExpectedResponse(json.loads), "/v1/video/generations/t")
    own = Response(200, httpx.Headers(), b'{"id": "a b", "status": "failed"}')
    check_response(own, settings, about_a_task, "/v1/video/generations/a%20b")
