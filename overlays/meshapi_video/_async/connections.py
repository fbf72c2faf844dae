"""Sends requests over httpcore's connections. The connection used last is used next.

That takes constant time. httpcore's own pool examines all open connections and all queued requests
for each request, and becomes very slow when there are many.
"""

from __future__ import annotations

from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, cast

import anyio
import httpcore

from meshapi_video._async.network import httpcore_pool
from meshapi_video._transport.httpcore_request import HttpcoreRequest, map_httpcore_exceptions
from meshapi_video._transport.response import BodyReader, Response

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, AsyncIterable

    import httpx

    from meshapi_video._settings import Settings
    from meshapi_video._transport.request import Request


class AsyncConnectionPool:
    """The connections to one server. The tasks of one event loop may use it."""

    def __init__(self, settings: Settings, tls: ssl.SSLContext, proxy: httpx.Proxy | None) -> None:
        self._settings = settings
        # httpcore's pool creates the connections, but does not keep them.
        self._pool = httpcore_pool(tls, proxy)
        self._idle = deque[httpcore.AsyncConnectionInterface]()
        self._closed = False

    async def send(self, request: Request) -> Response:
        """The whole response to `request`."""
        with map_httpcore_exceptions(self._settings):
            return await self._send(HttpcoreRequest(request))

    async def aclose(self) -> None:
        """Closes every idle connection now, and the others after their request."""
        self._closed = True
        while self._idle:
            await self._idle.pop().aclose()

    async def _send(self, request: httpcore.Request) -> Response:
        connection = await self._acquire(request.url.origin)
        try:
            response = await connection.handle_async_request(request)
            reader = BodyReader(response.status, response.headers)
            with reader.lenient:
                async with aclosing(_body_of(response)) as parts:
                    async for part in parts:
                        reader.feed(part)
            await response.aclose()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await connection.aclose()
            raise
        await self._release(connection)
        return reader.response()

    async def _acquire(self, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        while self._idle:
            connection = self._idle.pop()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return self._pool.create_connection(origin)

    async def _release(self, connection: httpcore.AsyncConnectionInterface) -> None:
        if connection.is_closed():
            return
        self._idle.append(connection)
        if self._closed:
            await self.aclose()
        elif len(self._idle) > 1 and self._idle[0].has_expired():
            # After many requests at once, the connections that are no longer used are closed one by one.
            await self._idle.popleft().aclose()


def _body_of(response: httpcore.Response) -> AsyncGenerator[bytes]:
    # httpcore declares one type for the blocking and the asynchronous body. Iterating over the latter
    # makes a generator, which must be closed if the loop ends early.
    return cast("AsyncGenerator[bytes]", aiter(cast("AsyncIterable[bytes]", response.stream)))
