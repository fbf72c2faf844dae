"""Sends requests over httpcore's connections. The connection used last is used next.

That takes constant time. httpcore's own pool examines all open connections and all queued requests
for each request, and becomes very slow when there are many.
"""

from __future__ import annotations

from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import anyio

from meshapi_video._async.network import AsyncStream, httpcore_pool
from meshapi_video._http_libraries import httpcore
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
    from collections.abc import AsyncGenerator, AsyncIterable, Callable

    from meshapi_video._http_libraries import httpx
    from meshapi_video._transport.request import Request, RequestTemplate

_SOCKET_READ: Final = 64 * 1024
"""The most bytes of a read from the socket itself. The response to a create is short."""


class _IdleConnection(NamedTuple):
    connection: httpcore.AsyncConnectionInterface
    stream: AsyncStream


class AsyncConnectionPool:
    """The connections to one server. The tasks of one event loop may use it."""

    def __init__(self, template: RequestTemplate, tls: ssl.SSLContext, proxy: httpx.Proxy | None) -> None:
        self._settings = template.settings
        self._checked = CheckedParts(template)
        self._proxy = proxy
        # httpcore's pool creates the connections, but does not keep them.
        self._pool = httpcore_pool(tls, proxy)
        # For creates. A server may refuse a large body early, and close the connection. Then asyncio fails to write,
        # and forgets the bytes that have arrived: only a read from the socket itself finds the response.
        self._new_pool = httpcore_pool(tls, proxy, read_size=_SOCKET_READ)
        self._idle = deque[_IdleConnection]()
        self._closed = False

    async def send(self, request: Request, check: Callable[[Response], None]) -> Response:
        """The whole response to `request`, after `check`. Keeps the connection if nothing is wrong with it."""
        trace = RequestTrace(request).record_async if request.needs_new_connection else None
        with map_httpcore_exceptions(self._settings, self._proxy):
            return await self._send(HttpcoreRequest(request, self._checked, trace), check)

    async def aclose(self) -> None:
        """Closes every idle connection now, and the others after their request."""
        self._closed = True
        while self._idle:
            await self._idle.pop().connection.aclose()

    async def _send(self, request: HttpcoreRequest, check: Callable[[Response], None]) -> Response:
        idle = None if request.needs_new_connection else await self._take_idle()
        if idle is not None:
            try:
                return await self._exchange(idle.connection, request, check)
            except NETWORK_ERRORS:
                # The server may have closed this idle connection. If no byte arrived, send the request once more.
                if idle.stream.has_received or not request.may_repeat:
                    raise
        pool = self._new_pool if request.needs_new_connection else self._pool
        return await self._exchange(pool.create_connection(request.url.origin), request, check)

    async def _exchange(
        self, connection: httpcore.AsyncConnectionInterface, request: HttpcoreRequest, check: Callable[[Response], None]
    ) -> Response:
        try:
            head = await connection.handle_async_request(request)
            response = await _read(head)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await connection.aclose()
            raise
        try:
            check(response)
        except BaseException as error:
            if may_keep_connection(error):
                await self._release(connection, head)
                raise
            with anyio.CancelScope(shield=True):
                await connection.aclose()
            raise
        await self._release(connection, head)
        return response

    async def _take_idle(self) -> _IdleConnection | None:
        while self._idle:
            idle = self._idle.pop()
            # An idle connection has expired, too, if the server has closed it or has sent anything.
            if not idle.connection.has_expired():
                return idle
            await idle.connection.aclose()
        return None

    async def _release(self, connection: httpcore.AsyncConnectionInterface, head: httpcore.Response) -> None:
        stream: object = head.extensions["network_stream"]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - httpcore gives no type
        if connection.is_closed():
            return
        if has_surplus(connection) or not isinstance(stream, AsyncStream):
            await connection.aclose()
            return
        self._idle.append(_IdleConnection(connection, stream))
        if self._closed:
            await self.aclose()
        elif len(self._idle) > 1 and self._idle[0].connection.has_expired():
            # After many requests at once, the connections that are no longer used are closed one by one.
            await self._idle.popleft().connection.aclose()


# A function of its own: a server may echo the key, and a traceback may print the local variables of `_exchange`.
async def _read(head: httpcore.Response) -> Response:
    reader = BodyReader(head.status, head.headers)
    # httpcore declares one type for the blocking and the asynchronous body. Iterating over the latter
    # makes a generator, which must be closed if the loop ends early.
    body = cast("AsyncGenerator[bytes]", aiter(cast("AsyncIterable[bytes]", head.stream)))
    with reader.lenient:
        async with aclosing(body) as parts:
            async for part in parts:
                reader.feed(part)
    await head.aclose()
    return reader.response()
