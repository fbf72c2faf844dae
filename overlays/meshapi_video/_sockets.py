"""Connections as httpcore does not make them: keeping to a deadline, or reading more at once."""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import TYPE_CHECKING, Any, Final, cast

import anyio
import httpcore
import httpx

from meshapi_video._deadline import GLANCE, bound, may_be_stopped, time_left

if TYPE_CHECKING:
    from collections.abc import Iterable

KEPT: Final = 5.0
"""Seconds for which an idle connection is kept, as httpx does: servers soon close them, too."""


def core_proxy(proxy: httpx.Proxy) -> httpcore.Proxy:
    """The proxy in httpcore's words."""
    return httpcore.Proxy(str(proxy.url), auth=proxy.raw_auth, headers=proxy.headers.raw)


def connection_pool(tls: ssl.SSLContext, proxy: httpx.Proxy | None, *, at_once: int = 0) -> httpcore.ConnectionPool:
    """A pool of httpcore's of such connections, made through the proxy if there is one.

    They read `at_once` bytes where there are as many, and more than httpcore asks for.
    """
    return httpcore.ConnectionPool(
        ssl_context=tls,
        proxy=None if proxy is None else core_proxy(proxy),
        keepalive_expiry=KEPT,
        network_backend=_DeadlineBackend(at_once),
    )


def async_connection_pool(
    tls: ssl.SSLContext, proxy: httpx.Proxy | None, *, at_once: int = 0
) -> httpcore.AsyncConnectionPool:
    """The same for asyncio and trio."""
    return httpcore.AsyncConnectionPool(
        ssl_context=tls,
        proxy=None if proxy is None else core_proxy(proxy),
        keepalive_expiry=KEPT,
        network_backend=_WideBackend(at_once),
    )


class DeadlineTransport(httpx.HTTPTransport):
    """httpx's transport, keeping to the `request_deadline` at every step that can wait."""

    def __init__(self, ssl_context: ssl.SSLContext, proxy: httpx.Proxy | None, *, at_once: int = 0) -> None:
        super().__init__(verify=ssl_context)
        # httpcore offers `network_backend` for this, and httpx does not hand it on.
        self._pool = connection_pool(ssl_context, proxy, at_once=at_once)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Part of httpx's protocol for transports."""
        bound(request)
        return super().handle_request(request)


class _DeadlineBackend(httpcore.SyncBackend):
    def __init__(self, at_once: int) -> None:
        self._at_once = at_once

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        # A name may have several addresses: each gets its share of the time, and leaves some to the others.
        problem: Exception | None = None
        addresses = _addresses(host, port)
        for tried, address in enumerate(addresses):
            left = time_left(timeout)
            share = None if left is None else left / (len(addresses) - tried)
            try:
                stream = super().connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
            else:
                return _DeadlineStream(stream, self._at_once)
        raise problem or httpcore.ConnectError(f"{host} has no address")


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(str(error)) from error
    return [str(address[0]) for *_, address in found]


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, at_once: int) -> None:
        self._stream = stream
        self._at_once = at_once

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        max_bytes = max(max_bytes, self._at_once)
        if not may_be_stopped():
            return self._stream.read(max_bytes, time_left(timeout))
        while True:
            left = time_left(timeout)
            with contextlib.suppress(httpcore.ReadTimeout):
                return self._stream.read(max_bytes, GLANCE if left is None else min(left, GLANCE))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, time_left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, time_left(timeout))
        return _DeadlineStream(secured, self._at_once)

    # httpcore's own signature: what comes back depends on what is asked for.
    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401
        return self._stream.get_extra_info(info)


class WideTransport(httpx.AsyncHTTPTransport):
    """The asynchronous transport of httpx, reading more at once than httpcore asks for."""

    def __init__(self, ssl_context: ssl.SSLContext, proxy: httpx.Proxy | None, *, at_once: int) -> None:
        super().__init__(verify=ssl_context)
        self._pool = async_connection_pool(ssl_context, proxy, at_once=at_once)


# Below, timeouts are parameters because they are in httpcore's own signatures.


class _WideBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        # Type checkers see what stands in for it where anyio is missing.
        self._backend = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        stream = await self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        return _WideStream(stream, self._at_once)


class _WideStream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream, at_once: int) -> None:
        self._stream = stream
        self._at_once = at_once

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await self._stream.read(max(max_bytes, self._at_once), timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        try:
            secured = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            # httpcore closes it after an error, and not where it is cancelled.
            with anyio.CancelScope(shield=True):
                await self.aclose()
            raise
        return _WideStream(secured, self._at_once)

    # httpcore's own signature: what comes back depends on what is asked for.
    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401
        return self._stream.get_extra_info(info)
