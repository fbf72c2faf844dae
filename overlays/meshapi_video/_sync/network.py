"""Network connections for httpcore that respect the request's deadline, and can read more at once."""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import TYPE_CHECKING, Any, cast

from meshapi_video._http_libraries import httpcore, httpx
from meshapi_video._sync.deadline import STOP_CHECK_INTERVAL, may_be_stopped, time_left
from meshapi_video._transport.httpcore_request import (
    KEEPALIVE_EXPIRY,
    has_decrypted_bytes,
    httpcore_proxy,
    httpcore_request,
    httpx_response,
    map_errors_of_connecting,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from meshapi_video._download.addresses import AddressRules


def httpcore_pool(
    tls: ssl.SSLContext, proxy: httpx.Proxy | None, *, read_size: int = 0, rules: AddressRules | None = None
) -> httpcore.ConnectionPool:
    """An httpcore pool, whose connections respect the deadline and read up to `read_size` bytes at once.

    With `rules`, they go only to addresses that the rules permit.
    """
    return httpcore.ConnectionPool(
        ssl_context=tls,
        # The client limits the number of requests in flight.
        max_connections=None,
        proxy=httpcore_proxy(proxy, tls),
        keepalive_expiry=KEEPALIVE_EXPIRY,
        network_backend=_Backend(read_size, rules, to_proxy=proxy is not None),
    )


class ConnectionTransport(httpx.BaseTransport):
    """Sends one request over a new connection of the pool, which no other request uses."""

    def __init__(self, pool: httpcore.ConnectionPool) -> None:
        self._pool = pool
        self._connection: httpcore.ConnectionInterface | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Part of httpx's protocol for transports."""
        sent = httpcore_request(request)
        # Not by the pool's `handle_request`: after ctrl-C it can wait for ever for its lock, which nobody releases.
        self._connection = self._pool.create_connection(sent.url.origin)
        response = self._connection.handle_request(sent)
        return httpx_response(response, ResponseBody(response))

    def close(self) -> None:
        """Closes the connection."""
        if self._connection is not None:
            self._connection.close()


class ResponseBody(httpx.SyncByteStream):
    """The body of a response of httpcore, or of a user's client, as httpx takes it."""

    def __init__(self, response: httpcore.Response | httpx.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        # Both libraries declare one type for the blocking and the asynchronous body.
        return iter(cast("Iterable[bytes]", self._response.stream))

    def close(self) -> None:
        self._response.close()


class _Backend(httpcore.SyncBackend):
    def __init__(self, read_size: int, rules: AddressRules | None, *, to_proxy: bool) -> None:
        self._read_size = read_size
        self._rules = rules
        self._to_proxy = to_proxy

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        with map_errors_of_connecting(to_proxy=self._to_proxy):
            # A name may have several addresses. Each attempt gets an equal part of the time that is left.
            failure: Exception | None = None
            addresses = addresses_of(host, port)
            if self._rules is not None:
                addresses = permitted_addresses(self._rules, host, addresses)
            for attempts, address in enumerate(addresses):
                left = time_left(timeout)
                share = None if left is None else left / (len(addresses) - attempts)
                try:
                    stream = super().connect_tcp(address, port, share, local_address, socket_options)
                except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                    failure = error
                else:
                    return Stream(stream, self._read_size)
            raise failure or httpcore.ConnectError(f"{host} has no address")


def permitted_addresses(rules: AddressRules, host: str, addresses: list[str]) -> list[str]:
    """The addresses to which the rules permit a connection. Raises `UnsafeURL` if they permit none."""
    api_addresses: list[str] = []
    if rules.need_api(host, addresses):
        with contextlib.suppress(httpcore.ConnectError):
            api_addresses = addresses_of(rules.api_host)
    return rules.permitted(host, addresses, api_addresses)


def addresses_of(host: str, port: int | None = None) -> list[str]:
    """The addresses of a host, after a name lookup. Raises `httpcore.ConnectError`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(str(error)) from error
    # An IPv6 address has two numbers more. The last of them names the network of a link-local address.
    return [str(address[0]) + "".join(f"%{zone}" for zone in address[3:] if zone) for *_, address in found]


class Stream(httpcore.NetworkStream):
    """The bytes of one connection. Knows whether the server has sent anything since the last request."""

    def __init__(self, stream: httpcore.NetworkStream, read_size: int) -> None:
        self._stream = stream
        self._read_size = read_size
        self.has_received = False
        """Whether bytes have arrived since the last write."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        received = self._read(max(max_bytes, self._read_size), timeout)
        self.has_received |= received != b""
        return received

    def _read(self, max_bytes: int, timeout: float | None) -> bytes:
        if not may_be_stopped():
            return self._stream.read(max_bytes, time_left(timeout))
        while True:
            left = time_left(timeout)
            with contextlib.suppress(httpcore.ReadTimeout):
                return self._stream.read(
                    max_bytes, STOP_CHECK_INTERVAL if left is None else min(left, STOP_CHECK_INTERVAL)
                )

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # httpcore also writes the end of a message, which has no bytes.
        if buffer:
            self.has_received = False
            self._stream.write(buffer, time_left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        encrypted = self._stream.start_tls(ssl_context, server_hostname, time_left(timeout))
        return Stream(encrypted, self._read_size)

    # httpcore's own signature: the type of the value depends on `info`.
    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401
        return (info == "is_readable" and has_decrypted_bytes(self._stream)) or self._stream.get_extra_info(info)
