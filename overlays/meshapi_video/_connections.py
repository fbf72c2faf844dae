"""Sends looks over httpcore's connections, of which the one used last is taken next.

That takes as long with a thousand connections as with one. httpcore's own pool goes through all that
are open and all that are queued with every request, and comes to a stand when they are many.
"""

from __future__ import annotations

import ssl
from collections import deque
from contextlib import aclosing, contextmanager, suppress
from typing import TYPE_CHECKING, Final, cast

import anyio
import httpcore
import httpx

from meshapi_video._bodies import Answer, Intake
from meshapi_video._sockets import async_connection_pool, connection_pool

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable

    from meshapi_video._prepared import Prepared


_BROKEN: Final = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError)


@contextmanager
def _in_httpx_words() -> Generator[None]:
    """Raises what httpx would for what httpcore raises, which nobody else has to load."""
    try:
        yield
    except httpcore.TimeoutException as error:
        raise httpx.TimeoutException(str(error)) from error
    # The last is what anyio raises for what TLS says is wrong after the handshake.
    except (*_BROKEN, ssl.SSLError) as error:
        raise httpx.TransportError(str(error)) from error


class _Target:
    """The prepared request in httpcore's words."""

    def __init__(self, prepared: Prepared) -> None:
        server = prepared.base.url
        self._scheme, self._host, self._port = server.raw_scheme, server.raw_host, server.port
        self._prefix = server.raw_path.rstrip(b"/")
        self._headers = prepared.base.headers.raw
        self.origin = self._url(b"").origin

    def request(self, method: str, path: str) -> httpcore.Request:
        """The request for `path`."""
        url = self._url(self._prefix + path.encode("ascii"))
        return httpcore.Request(method.upper(), url, headers=self._headers)

    def _url(self, target: bytes) -> httpcore.URL:
        return httpcore.URL(scheme=self._scheme, host=self._host, port=self._port, target=target)


class Connections:
    """For blocking code, in any number of threads."""

    def __init__(self, prepared: Prepared, tls: ssl.SSLContext, proxy: httpx.Proxy | None) -> None:
        self._target = _Target(prepared)
        # It makes the connections, and keeps none of them.
        self._pool = connection_pool(tls, proxy)
        self._free = deque[httpcore.ConnectionInterface]()
        self._closed = False

    def send(self, method: str, path: str) -> Answer:
        """The answer, read whole, to a look at `path`."""
        with _in_httpx_words():
            return self._send(self._target.request(method, path))

    def close(self) -> None:
        """Closes every connection; those in use, when they no longer are."""
        self._closed = True
        with suppress(IndexError):
            while True:
                self._free.pop().close()

    def _send(self, request: httpcore.Request) -> Answer:
        connection = self._take()
        try:
            response = connection.handle_request(request)
            intake = Intake(response.status, response.headers)
            with intake.forgiving:
                for part in cast("Iterable[bytes]", response.stream):
                    intake.take(part)
            response.close()
        except BaseException:
            connection.close()
            raise
        self._keep(connection)
        return intake.answer()

    def _take(self) -> httpcore.ConnectionInterface:
        with suppress(IndexError):
            while True:
                connection = self._free.pop()
                if not connection.has_expired():
                    return connection
                connection.close()
        return self._pool.create_connection(self._target.origin)

    def _keep(self, connection: httpcore.ConnectionInterface) -> None:
        if connection.is_closed():
            return
        self._free.append(connection)
        if len(self._free) > 1:
            # After a crowd, those that nobody takes any more are closed one by one.
            with suppress(IndexError):
                idle = self._free.popleft()
                if idle.has_expired():
                    idle.close()
                else:
                    self._free.appendleft(idle)
        # At the end: another thread may have closed all there was meanwhile.
        if self._closed:
            self.close()


class AsyncConnections:
    """For asyncio and trio."""

    def __init__(self, prepared: Prepared, tls: ssl.SSLContext, proxy: httpx.Proxy | None) -> None:
        self._target = _Target(prepared)
        # It makes the connections, and keeps none of them.
        self._pool = async_connection_pool(tls, proxy)
        self._free = deque[httpcore.AsyncConnectionInterface]()
        self._closed = False

    async def send(self, method: str, path: str) -> Answer:
        """The answer, read whole, to a look at `path`."""
        with _in_httpx_words():
            return await self._send(self._target.request(method, path))

    async def _send(self, request: httpcore.Request) -> Answer:
        connection = await self._take()
        try:
            response = await connection.handle_async_request(request)
            intake = Intake(response.status, response.headers)
            with intake.forgiving:
                async with aclosing(_generator(response)) as parts:
                    async for part in parts:
                        intake.take(part)
            await response.aclose()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await connection.aclose()
            raise
        await self._keep(connection)
        return intake.answer()

    async def aclose(self) -> None:
        """Closes every connection; those in use, when they no longer are."""
        self._closed = True
        while self._free:
            await self._free.pop().aclose()

    async def _take(self) -> httpcore.AsyncConnectionInterface:
        while self._free:
            connection = self._free.pop()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return self._pool.create_connection(self._target.origin)

    async def _keep(self, connection: httpcore.AsyncConnectionInterface) -> None:
        if connection.is_closed():
            return
        self._free.append(connection)
        if self._closed:
            await self.aclose()
        elif len(self._free) > 1 and self._free[0].has_expired():
            # After a crowd, those that nobody takes any more are closed one by one.
            await self._free.popleft().aclose()


def _generator(response: httpcore.Response) -> AsyncGenerator[bytes]:
    # It is one, which is to be closed where it is left before its end.
    return cast("AsyncGenerator[bytes]", aiter(cast("AsyncIterable[bytes]", response.stream)))
