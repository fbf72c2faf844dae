"""Sends requests through the user's own client of httpx or httpx2. The SDK never closes it or changes its settings."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from meshapi_video._errors import InvalidResponse
from meshapi_video._http_libraries import errors_named, library_of
from meshapi_video._sync.deadline import limit_timeouts, time_left
from meshapi_video._telemetry.call import works_for
from meshapi_video._transport.exceptions import map_httpx_exceptions
from meshapi_video._transport.response import BodyReader, Response
from meshapi_video._transport.user_client import RequestTrace, already_read, shut_down_connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Protocol

    from meshapi_video._http_libraries import HTTPClient, httpx
    from meshapi_video._transport.request import Request, RequestTemplate
    from meshapi_video._transport.user_client import UserResponse

    class _Response(UserResponse, Protocol):
        def iter_raw(self) -> Iterator[bytes]: ...

        def close(self) -> None: ...


class UserClientTransport:
    """The transport over the user's client."""

    def __init__(self, template: RequestTemplate, client: HTTPClient) -> None:
        self._library = library_of(client, "Client")
        self._template = template
        self._client = client
        self._proxy_name = "of the http_client"

    def send(self, request: Request, check: Callable[[Response], None]) -> Response:
        """The whole response to `request`, after `check`. Closes the connection of an invalid response."""
        trace = RequestTrace(request)
        with map_httpx_exceptions(self._template.settings, self._proxy_name):
            try:
                return self._send(self._template.httpx_request(request, trace.record, self._library), check)
            except errors_named("NetworkError", "RemoteProtocolError") as error:
                trace.failed(error)
                # The server may have closed an idle connection. Then the request may go out once more.
                if not (request.may_repeat and trace.got_nothing_from_kept_connection):
                    raise
            except BaseException as error:
                trace.failed(error)
                raise
            return self._send(self._template.httpx_request(request, None, self._library), check)

    def close(self) -> None:
        """Does nothing: the user closes the client."""

    def _send(self, request: httpx.Request, check: Callable[[Response], None]) -> Response:
        limit_timeouts(request)
        options: dict[str, Any] = {"auth": self._library.Auth(), "follow_redirects": False}
        try:
            # The client calls its hooks, which are the code of the caller.
            with works_for(None):
                response: _Response = self._client.send(request, stream=True, **options)
        except errors_named("HTTPStatusError") as error:
            # A hook called `raise_for_status`. `check_response` decides which error this is.
            response = error.response
        with closing(response):
            received = _read(response)
            try:
                check(received)
            except InvalidResponse:
                shut_down_connection(response)
                raise
            return received


def _read(response: _Response) -> Response:
    if response.is_closed:
        return already_read(response)
    reader = BodyReader(response.status_code, response.headers.raw)
    with reader.lenient:
        for part in response.iter_raw():
            time_left()
            reader.feed(part)
    return reader.response()
