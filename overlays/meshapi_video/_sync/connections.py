"""Sends requests over httpcore's connections. The connection used last is used next.

That takes constant time. httpcore's own pool examines all open connections and all queued requests
for each request, and becomes very slow when there are many.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, cast

from meshapi_video._http_libraries import httpcore
from meshapi_video._sync.network import Stream, httpcore_pool
from meshapi_video._transport.exceptions import may_keep_connection
from meshapi_video._transport.httpcore_request import (
    NETWORK_ERRORS,
    CheckedParts,
    HttpcoreRequest,
    has_surplus,
    map_httpcore_exceptions,
)
from meshapi_video._transport.response import BodyReader, Response
from meshapi_video._transport.user_client import RequestTrace

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

    from meshapi_video._http_libraries import httpx
    from meshapi_video._transport.request import Request, RequestTemplate


class _IdleConnection(NamedTuple):
    connection: httpcore.ConnectionInterface
    stream: Stream


class ConnectionPool:
    """The connections to one server. Any number of threads may use it."""

    def __init__(self, template: RequestTemplate, tls: ssl.SSLContext, proxy: httpx.Proxy | None) -> None:
        self._settings = template.settings
        self._checked = CheckedParts(template)
        self._proxy = proxy
        # httpcore's pool creates the connections, but does not keep them.
        self._pool = httpcore_pool(tls, proxy)
        self._idle = deque[_IdleConnection]()
        self._closed = False

    def send(self, request: Request, check: Callable[[Response], None]) -> Response:
        """The whole response to `request`, after `check`. Keeps the connection if nothing is wrong with it."""
        trace = RequestTrace(request).record if request.needs_new_connection else None
        with map_httpcore_exceptions(self._settings, self._proxy):
            return self._send(HttpcoreRequest(request, self._checked, trace), check)

    def close(self) -> None:
        """Closes every idle connection now, and the others after their request."""
        self._closed = True
        with suppress(IndexError):
            while True:
                self._idle.pop().connection.close()

    def _send(self, request: HttpcoreRequest, check: Callable[[Response], None]) -> Response:
        idle = None if request.needs_new_connection else self._take_idle()
        if idle is not None:
            try:
                return self._exchange(idle.connection, request, check)
            except NETWORK_ERRORS:
                # The server may have closed this idle connection. If no byte arrived, send the request once more.
                if idle.stream.has_received or not request.may_repeat:
                    raise
        return self._exchange(self._pool.create_connection(request.url.origin), request, check)

    def _exchange(
        self, connection: httpcore.ConnectionInterface, request: HttpcoreRequest, check: Callable[[Response], None]
    ) -> Response:
        try:
            head = connection.handle_request(request)
            response = _read(head)
        except BaseException:
            connection.close()
            raise
        try:
            check(response)
        except BaseException as error:
            if may_keep_connection(error):
                self._release(connection, head)
                raise
            connection.close()
            raise
        self._release(connection, head)
        return response

    def _take_idle(self) -> _IdleConnection | None:
        while True:
            try:
                idle = self._idle.pop()
            except IndexError:
                return None
            # An idle connection has expired, too, if the server has closed it or has sent anything.
            if not idle.connection.has_expired():
                return idle
            idle.connection.close()

    def _release(self, connection: httpcore.ConnectionInterface, head: httpcore.Response) -> None:
        stream: object = head.extensions["network_stream"]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - httpcore gives no type
        if connection.is_closed():
            return
        if has_surplus(connection) or not isinstance(stream, Stream):
            connection.close()
            return
        self._idle.append(_IdleConnection(connection, stream))
        if len(self._idle) > 1:
            # After many requests at once, the connections that are no longer used are closed one by one.
            with suppress(IndexError):
                oldest = self._idle.popleft()
                if oldest.connection.has_expired():
                    oldest.connection.close()
                else:
                    self._idle.appendleft(oldest)
        # Last, because another thread may have closed the pool meanwhile.
        if self._closed:
            self.close()


# A function of its own: a server may echo the key, and a traceback may print the local variables of `_exchange`.
def _read(head: httpcore.Response) -> Response:
    reader = BodyReader(head.status, head.headers)
    with reader.lenient:
        # httpcore declares one type for the blocking and the asynchronous body.
        for part in cast("Iterable[bytes]", head.stream):
            reader.feed(part)
    head.close()
    return reader.response()
