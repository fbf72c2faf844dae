"""Sends requests over httpcore's connections. The connection used last is used next.

That takes constant time. httpcore's own pool examines all open connections and all queued requests
for each request, and becomes very slow when there are many.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import httpcore

from meshapi_video._sync.network import httpcore_pool
from meshapi_video._transport.httpcore_request import HttpcoreRequest, map_httpcore_exceptions
from meshapi_video._transport.response import BodyReader, Response

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    import httpx

    from meshapi_video._settings import Settings
    from meshapi_video._transport.request import Request


class ConnectionPool:
    """The connections to one server. Any number of threads may use it."""

    def __init__(self, settings: Settings, tls: ssl.SSLContext, proxy: httpx.Proxy | None) -> None:
        self._settings = settings
        # httpcore's pool creates the connections, but does not keep them.
        self._pool = httpcore_pool(tls, proxy)
        self._idle = deque[httpcore.ConnectionInterface]()
        self._closed = False

    def send(self, request: Request) -> Response:
        """The whole response to `request`."""
        with map_httpcore_exceptions(self._settings):
            return self._send(HttpcoreRequest(request))

    def close(self) -> None:
        """Closes every idle connection now, and the others after their request."""
        self._closed = True
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _send(self, request: httpcore.Request) -> Response:
        connection = self._acquire(request.url.origin)
        try:
            response = connection.handle_request(request)
            reader = BodyReader(response.status, response.headers)
            with reader.lenient:
                # httpcore declares one type for the blocking and the asynchronous body.
                for part in cast("Iterable[bytes]", response.stream):
                    reader.feed(part)
            response.close()
        except BaseException:
            connection.close()
            raise
        self._release(connection)
        return reader.response()

    def _acquire(self, origin: httpcore.Origin) -> httpcore.ConnectionInterface:
        with suppress(IndexError):
            while True:
                connection = self._idle.pop()
                if not connection.has_expired():
                    return connection
                connection.close()
        return self._pool.create_connection(origin)

    def _release(self, connection: httpcore.ConnectionInterface) -> None:
        if connection.is_closed():
            return
        self._idle.append(connection)
        if len(self._idle) > 1:
            # After many requests at once, the connections that are no longer used are closed one by one.
            with suppress(IndexError):
                oldest = self._idle.popleft()
                if oldest.has_expired():
                    oldest.close()
                else:
                    self._idle.appendleft(oldest)
        # Last, because another thread may have closed the pool meanwhile.
        if self._closed:
            self.close()
