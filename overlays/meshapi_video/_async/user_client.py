"""Sends requests through the user's own client of httpx or httpx2. The SDK never closes it or changes its settings."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import anyio.lowlevel

from meshapi_video._errors import InvalidResponse
from meshapi_video._http_libraries import errors_named, library_of
from meshapi_video._telemetry.call import works_for
from meshapi_video._transport.exceptions import map_httpx_exceptions
from meshapi_video._transport.response import BodyReader, Response
from meshapi_video._transport.user_client import RequestTrace, already_read, shut_down_connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import Protocol

    from meshapi_video._http_libraries import AsyncHTTPClient, httpx
    from meshapi_video._transport.request import Request, RequestTemplate
    from meshapi_video._transport.user_client import UserResponse

    class _Response(UserResponse, Protocol):
        def aiter_raw(self) -> AsyncIterator[bytes]: ...

        async def aclose(self) -> None: ...


_ANOTHER_LOOP: Final = (
    "Perhaps the http_client was used on another event loop before. An httpx.AsyncClient works on one event loop: "
    "create one for each, with an AsyncVideoClient for each. An AsyncVideoClient without http_client works on all."
)


class AsyncUserClientTransport:
    """The transport over the user's client."""

    def __init__(self, template: RequestTemplate, client: AsyncHTTPClient) -> None:
        self._library = library_of(client, "AsyncClient")
        self._template = template
        self._client = client
        self._proxy_name = "of the http_client"

    async def send(self, request: Request, check: Callable[[Response], None]) -> Response:
        """The whole response to `request`, after `check`. Closes the connection of an invalid response."""
        # A client with a mock transport never pauses, and other coroutines have to run between two polls.
        await anyio.lowlevel.checkpoint()
        trace = RequestTrace(request)
        with map_httpx_exceptions(self._template.settings, self._proxy_name):
            try:
                return await self._send(self._template.httpx_request(request, trace.record_async, self._library), check)
            except errors_named("NetworkError", "RemoteProtocolError") as error:
                trace.failed(error)
                # The server may have closed an idle connection. Then the request may go out once more.
                if not (request.may_repeat and trace.got_nothing_from_kept_connection):
                    raise
            except BaseException as error:
                trace.failed(error)
                if isinstance(error, RuntimeError) and "loop" in str(error):
                    error.add_note(_ANOTHER_LOOP)
                raise
            return await self._send(self._template.httpx_request(request, None, self._library), check)

    async def aclose(self) -> None:
        """Does nothing: the user closes the client."""

    async def _send(self, request: httpx.Request, check: Callable[[Response], None]) -> Response:
        options: dict[str, Any] = {"auth": self._library.Auth(), "follow_redirects": False}
        try:
            # The client calls its hooks, which are the code of the caller.
            with works_for(None):
                response: _Response = await self._client.send(request, stream=True, **options)
        except errors_named("HTTPStatusError") as error:
            # A hook called `raise_for_status`. `check_response` decides which error this is.
            response = error.response
        async with aclosing(response):
            received = await _read(response)
            try:
                check(received)
            except InvalidResponse:
                shut_down_connection(response)
                raise
            return received


async def _read(response: _Response) -> Response:
    if response.is_closed:
        return already_read(response)
    reader = BodyReader(response.status_code, response.headers.raw)
    with reader.lenient:
        async for part in response.aiter_raw():
            reader.feed(part)
    return reader.response()
