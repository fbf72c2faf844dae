"""The clients for generated functions hold no key, and give them the session in place of an httpx client.

The contract tests send through them with generated functions.
"""

from __future__ import annotations

from typing import Unpack

import httpx
import pytest

from meshapi_video import InvalidResponse
from meshapi_video._transport.generated import generated_async_client, generated_client
from meshapi_video._transport.operations import GET
from meshapi_video._transport.request import RequestOptions
from meshapi_video._transport.response import Response

BASE_URL = "https://api.example"


class Session:
    def request(self, method: str, url: str, **options: Unpack[RequestOptions]) -> Response:
        raise NotImplementedError


class AsyncSession:
    async def request(self, method: str, url: str, **options: Unpack[RequestOptions]) -> Response:
        raise NotImplementedError


def test_generated_functions_get_the_session_in_place_of_an_httpx_client() -> None:
    session, async_session = Session(), AsyncSession()
    clients: tuple[object, object] = (
        generated_client(BASE_URL, session).get_httpx_client(),
        generated_async_client(BASE_URL, async_session).get_async_httpx_client(),
    )
    assert clients == (session, async_session)


def test_the_clients_for_generated_functions_have_no_key() -> None:
    assert generated_client(BASE_URL, Session()).token == ""
    assert generated_async_client(BASE_URL, AsyncSession()).token == ""


def test_a_task_is_checked_and_a_body_that_is_not_a_task_is_refused() -> None:
    body = b'{"id": "t", "status": "running"}'
    response = Response(GET.expected.status, httpx.Headers(), body)
    response.parsed = GET.expected.check(response.content)
    assert response.json() == {"id": "t", "status": "running"}
    with pytest.raises(InvalidResponse, match="breaks the contract"):
        GET.expected.check(b'{"id": "t"}')
