"""Network connections for httpcore that can read more at once. Deadlines are cancellations here."""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
from typing import TYPE_CHECKING, Any, Final, cast

import anyio
import anyio.abc
import anyio.lowlevel

from meshapi_video._http_libraries import httpcore, httpx
from meshapi_video._transport.httpcore_request import (
    KEEPALIVE_EXPIRY,
    has_decrypted_bytes,
    httpcore_proxy,
    httpcore_request,
    httpx_response,
    map_errors_of_connecting,
    unparsed_bytes,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping

    from meshapi_video._download.addresses import AddressRules

_LARGEST_READ: Final = 256 * 1024
"""The most bytes that an event loop of asyncio reads at once."""
_TLS_RECORD: Final = 16 * 1024
"""The most bytes that TLS encrypts together."""


def httpcore_pool(
    tls: ssl.SSLContext, proxy: httpx.Proxy | None, *, read_size: int = 0, rules: AddressRules | None = None
) -> httpcore.AsyncConnectionPool:
    """An httpcore pool, whose connections read up to `read_size` bytes at once.

    With `rules`, they go only to addresses that the rules permit.
    """
    return httpcore.AsyncConnectionPool(
        ssl_context=tls,
        # The client limits the number of requests in flight.
        max_connections=None,
        proxy=httpcore_proxy(proxy, tls),
        keepalive_expiry=KEEPALIVE_EXPIRY,
        network_backend=_Backend(read_size, rules, to_proxy=proxy is not None),
    )


class AsyncConnectionTransport(httpx.AsyncBaseTransport):
    """Sends one request over a new connection of the pool, which no other request uses."""

    def __init__(self, pool: httpcore.AsyncConnectionPool) -> None:
        self._pool = pool
        self._connection: httpcore.AsyncConnectionInterface | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Part of httpx's protocol for transports."""
        sent = httpcore_request(request)
        self._connection = self._pool.create_connection(sent.url.origin)
        response = await self._connection.handle_async_request(sent)
        length, received = _stated_length(response.headers), unparsed_bytes(self._connection)
        if length is None or received is None:
            return httpx_response(response, ResponseBody(response))
        return httpx_response(response, _UnparsedBody(response, received, length))

    async def aclose(self) -> None:
        """Closes the connection."""
        if self._connection is not None:
            await self._connection.aclose()


class ResponseBody(httpx.AsyncByteStream):
    """The body of a response of httpcore, or of a user's client, as httpx takes it."""

    def __init__(self, response: httpcore.Response | httpx.Response) -> None:
        self._response = response

    def __aiter__(self) -> AsyncIterator[bytes]:
        # Both libraries declare one type for the blocking and the asynchronous body.
        return aiter(cast("AsyncIterable[bytes]", self._response.stream))

    async def aclose(self) -> None:
        await self._response.aclose()


class _UnparsedBody(ResponseBody):
    """A body of stated length, straight from the connection: the parser of HTTP would copy each byte three times."""

    def __init__(self, response: httpcore.Response, received: bytes, length: int) -> None:
        super().__init__(response)
        # httpcore leaves out the type of the dict that is the default.
        self._stream: httpcore.AsyncNetworkStream = response.extensions["network_stream"]  # pyright: ignore[reportUnknownMemberType]
        self._received = received
        """The bytes that arrived together with the headers."""
        self._left = length

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._left == 0:
            raise StopAsyncIteration
        received, self._received = self._received, b""
        received = received or await self._stream.read(_LARGEST_READ)
        if not received:
            raise httpcore.RemoteProtocolError(f"the server closed it {self._left} bytes before the end")
        # The server may send more than it has stated.
        chunk = received[: self._left]
        self._left -= len(chunk)
        return chunk


def _stated_length(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """The length of a body that is sent as it is; None for one in chunks, or up to the end of the connection."""
    fields = {name.lower(): value for name, value in headers}
    # The parser has checked the number.
    return None if b"transfer-encoding" in fields or b"content-length" not in fields else int(fields[b"content-length"])


# Below, timeouts are parameters because httpcore's own signatures have them.


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self, read_size: int, rules: AddressRules | None, *, to_proxy: bool) -> None:
        self._read_size = read_size
        self._rules = rules
        self._to_proxy = to_proxy
        # Type checkers see a placeholder that httpcore defines for the case that anyio is missing.
        self._backend = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        with map_errors_of_connecting(to_proxy=self._to_proxy):
            if self._rules is None:
                return await self._connect(host, port, timeout, local_address, socket_options)
            # Each attempt gets an equal part of the time that is left.
            began_at, failure = anyio.current_time(), None
            addresses = await permitted_addresses(self._rules, host, await addresses_of(host, port))
            for attempts, address in enumerate(addresses):
                left = None if timeout is None else max(began_at + timeout - anyio.current_time(), 0)
                share = None if left is None else left / (len(addresses) - attempts)
                try:
                    # A second lookup of the name could have another result.
                    return await self._connect(address, port, share, local_address, socket_options)
                except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                    failure = error
            raise failure or httpcore.ConnectError(f"{host} has no address")

    async def _connect(
        self,
        host: str,
        port: int,
        timeout: float | None,  # noqa: ASYNC109
        local_address: str | None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None,
    ) -> AsyncStream:
        stream = await self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        try:
            # Below TLS, so that the TLS layer too reads all bytes. httpcore has no public way to put a stream there.
            stream._stream = _with_larger_reads(stream._stream, self._read_size)  # type: ignore[attr-defined]  # noqa: SLF001  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType, reportPrivateUsage]
        except OSError as error:
            # No other file can be opened.
            await stream.aclose()
            raise httpcore.ConnectError(str(error)) from error
        return AsyncStream(stream, self._read_size)


async def permitted_addresses(rules: AddressRules, host: str, addresses: list[str]) -> list[str]:
    """The addresses to which the rules permit a connection. Raises `UnsafeURL` if they permit none."""
    api_addresses: list[str] = []
    if rules.need_api(host, addresses):
        with contextlib.suppress(httpcore.ConnectError):
            api_addresses = await addresses_of(rules.api_host)
    return rules.permitted(host, addresses, api_addresses)


async def addresses_of(host: str, port: int | None = None) -> list[str]:
    """The addresses of a host, after a name lookup. Raises `httpcore.ConnectError`."""
    try:
        found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(str(error)) from error
    return [address[0] for *_, address in found]


def _with_larger_reads(stream: anyio.abc.ByteStream, read_size: int) -> anyio.abc.ByteStream:
    """The same connection, with reads of up to `read_size` bytes, except on Windows."""
    if sys.platform == "win32":
        # There, asyncio itself receives the first bytes, before anybody asks for them.
        return _WholeReads(stream)
    return _SocketReads(stream, read_size) if read_size else _WholeReads(stream)


class _WholeReads(anyio.abc.ByteStream):
    """Reads all bytes that asyncio has received. anyio would keep some of them, where no check finds them."""

    def __init__(self, stream: anyio.abc.ByteStream) -> None:
        self._stream = stream
        # anyio asks the system for the addresses each time, and each check of an idle connection reads this.
        self._attributes: Mapping[Any, Callable[[], Any]] = stream.extra_attributes  # pyright: ignore[reportUnknownMemberType] - any attributes

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        return self._attributes

    async def receive(self, max_bytes: int = 0) -> bytes:
        return await self._stream.receive(max(max_bytes, _LARGEST_READ))

    async def send(self, item: bytes) -> None:
        await self._stream.send(item)

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        await self._stream.aclose()


class _SocketReads(_WholeReads):
    """Reads from the socket itself: asyncio reads at most 256 KiB at once."""

    def __init__(self, stream: anyio.abc.ByteStream, read_size: int) -> None:
        super().__init__(stream)
        connected = stream.extra(anyio.abc.SocketAttribute.raw_socket)  # noqa: S610 - no Django
        # asyncio lets nobody else wait for the descriptor of its connection, so this has one of its own.
        self._socket = socket.fromfd(connected.fileno(), connected.family, connected.type)
        self._socket.setblocking(False)
        self._read_size = read_size

    async def receive(self, max_bytes: int = 0) -> bytes:
        await anyio.lowlevel.checkpoint()
        while True:
            try:
                received = self._socket.recv(max(max_bytes, self._read_size))
            except BlockingIOError:
                # Only now: to wait costs more than to find out that nothing has arrived.
                await anyio.wait_readable(self._socket)
                continue
            except OSError as error:
                raise anyio.BrokenResourceError from error
            if not received:
                raise anyio.EndOfStream
            return received

    async def aclose(self) -> None:
        self._socket.close()
        await super().aclose()


class AsyncStream(httpcore.AsyncNetworkStream):
    """The bytes of one connection. Knows whether the server has sent anything since the last request."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, read_size: int) -> None:
        self._stream = stream
        self._read_size = read_size
        self.has_received = False
        """Whether bytes have arrived since the last write."""
        self._failure: ssl.SSLError | None = None
        """The error behind the bytes of the last read."""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        if self._failure is not None:
            raise self._failure
        received = await self._stream.read(max(max_bytes, self._read_size), timeout)
        if received:
            self.has_received = True
            received += self._decrypted(self._read_size - len(received))
        return received

    def _decrypted(self, limit: int) -> bytes:
        """The bytes that are left in the TLS layer, from which anyio reads at most 16 KiB at once."""
        tls: object = self._stream.get_extra_info("ssl_object") if limit > 0 else None
        parts = list[bytes]()
        if isinstance(tls, ssl.SSLObject):
            try:
                while limit > 0 and (part := tls.read(min(limit, _TLS_RECORD))):
                    parts.append(part)
                    limit -= len(part)
            except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
                pass
            except ssl.SSLError as error:
                # The TLS layer reports it once. Then it says that the connection is closed, as if the file were whole.
                self._failure = error
        return b"".join(parts)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        # httpcore also writes the end of a message, which has no bytes.
        if buffer:
            self.has_received = False
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
            encrypted = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            # httpcore closes the stream after an error, but not after a cancellation.
            with anyio.CancelScope(shield=True):
                await self.aclose()
            raise
        return AsyncStream(encrypted, self._read_size)

    # httpcore's own signature: the type of the value depends on `info`.
    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401
        return (info == "is_readable" and has_decrypted_bytes(self._stream)) or self._stream.get_extra_info(info)
