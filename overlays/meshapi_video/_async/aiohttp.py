"""Sends requests over aiohttp's connections: on asyncio, with the extra `[aiohttp]`."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import weakref
from base64 import b64encode
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from meshapi_video._transport.exceptions import connection_failed, may_keep_connection
from meshapi_video._transport.httpcore_request import KEEPALIVE_EXPIRY, ProxyUnreachable, named_proxy_error
from meshapi_video._transport.response import BodyReader, Response
from meshapi_video._urls import proxy_name

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Mapping

    from meshapi_video._http_libraries import httpx
    from meshapi_video._transport.body import Body
    from meshapi_video._transport.request import Request, RequestTemplate

IS_NEW_ENOUGH: Final = tuple(int(part) for part in aiohttp.__version__.split(".")[:2]) >= (3, 11)
"""Whether the extra accepts this release. Another package may have installed an older one."""

_LONGEST_HEADER: Final = 100 * 1024
"""Bytes of one header line, as in h11."""


class _Attempt:
    """One attempt to send a request."""

    def __init__(self, request: Request, *, needs_new_connection: bool) -> None:
        self.request = request
        self.needs_new_connection = needs_new_connection
        self.has_new_connection = True
        self.transports = list[asyncio.Transport]()
        """The transport of the connection, if there is one."""


_attempt: Final[ContextVar[_Attempt]] = ContextVar("meshapi_video_attempt")


class _Connector(aiohttp.TCPConnector):
    """Gives a request a connection on which the server has sent nothing since the last response."""

    transports: weakref.WeakSet[asyncio.Transport]
    """To close them, because asyncio takes up to 30 seconds for one with TLS."""
    used: weakref.WeakSet[object]
    """The handlers of connections that an earlier request has used."""

    # aiohttp's own signature; this method only passes the arguments on.
    async def connect(self, *args: Any, **kwargs: Any) -> aiohttp.connector.Connection:  # noqa: ANN401
        attempt, spare = _attempt.get(), list[aiohttp.connector.Connection]()
        try:
            while True:
                connection = await super().connect(*args, **kwargs)
                handler = connection.protocol
                attempt.has_new_connection = handler not in self.used
                if attempt.has_new_connection:
                    break
                # aiohttp checks a connection for surplus bytes when it is released, but not while it is idle.
                if _should_close(handler):
                    connection.close()
                elif attempt.needs_new_connection:
                    spare.append(connection)
                else:
                    break
        finally:
            for each in spare:
                each.release()
        self.used.add(handler)
        # aiohttp does not tell when it writes: from here on it may.
        attempt.request.was_sent = True
        attempt.transports = [transport for transport in [connection.transport] if transport is not None]
        # uvloop's TLS transports have no weak references, and close without help.
        with contextlib.suppress(TypeError):
            self.transports.update(attempt.transports)
        return connection

    # Each event loop closes the connections before it ends (see `event_loops`). If its owner stopped it earlier,
    # aiohttp's own finalizers would only log errors.
    def __del__(self, _warnings: object = None) -> None:
        """Does nothing: the transports of asyncio close themselves."""


def _should_close(handler: ResponseHandler | None) -> bool:
    return handler is None or handler.should_close


class AiohttpTransport:
    """The transport over aiohttp. Create it on the event loop that uses it."""

    def __init__(self, template: RequestTemplate, tls: ssl.SSLContext, proxy: httpx.Proxy | None) -> None:
        self._template = template
        self._proxy = proxy
        # A request for https makes a tunnel first, which takes the password. One for http takes it itself.
        password = _authorization(proxy)
        is_tunnelled = template.settings.base_url.startswith("https:")
        self._proxy_headers, self._request_headers = (password, {}) if is_tunnelled else ({}, password)
        # The client limits the number of requests in flight.
        self._connector = _Connector(limit=0, ssl=tls, keepalive_timeout=KEEPALIVE_EXPIRY)
        self._connector.transports = weakref.WeakSet()
        self._connector.used = weakref.WeakSet()
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            # aiohttp sends these to a proxy, too, and the key is not for the proxy.
            headers=template.headers if proxy is None else None,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
            proxy=None if proxy is None else URL(str(proxy.url)),
        )
        # aiohttp would also send a request again after a new connection broke. `send` does it for kept ones only.
        self._session._retry_connection = False  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - nothing public has it

    async def send(self, request: Request, check: Callable[[Response], None]) -> Response:
        """The whole response to `request`, after `check`. Closes the connection of an invalid response."""
        # After the server closes a connection, the event loop needs two iterations: one to read, one to report it.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        attempt, handled = _Attempt(request, needs_new_connection=request.needs_new_connection), sys.exception()
        try:
            try:
                return await self._send(request, check, attempt)
            except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
                # The server closes idle connections, and the same request may go out once more. aiohttp does not
                # tell whether the beginning of a response had arrived.
                if attempt.has_new_connection or not request.may_repeat:
                    raise
            return await self._send(request, check, _Attempt(request, needs_new_connection=True))
        except aiohttp.ClientError as error:
            raise connection_failed(self._template.settings, self._root_error(error), handled) from None

    async def _send(self, request: Request, check: Callable[[Response], None], attempt: _Attempt) -> Response:
        token = _attempt.set(attempt)
        try:
            return await self._exchange(request, check, attempt)
        finally:
            _attempt.reset(token)

    async def _exchange(self, request: Request, check: Callable[[Response], None], attempt: _Attempt) -> Response:
        async with self._session.request(
            request.method,
            URL(request.url, encoded=True),
            headers=self._headers_of(request),
            data=with_pauses(request.body) if request.body else None,
            allow_redirects=False,
            proxy_headers=self._proxy_headers or None,
        ) as response:
            try:
                received = await _read(response)
                check(received)
            except BaseException as error:
                if may_keep_connection(error):
                    raise
                # Do not use a connection again after a failure. aiohttp may have released it already.
                response.close()
                for transport in attempt.transports:
                    transport.abort()
                raise
            return received

    def _headers_of(self, request: Request) -> Mapping[str, str] | None:
        """The headers that the session does not have."""
        if self._proxy is None:
            return None if request.headers is self._template.headers else request.headers
        return {**request.headers, **self._request_headers}

    def _root_error(self, error: aiohttp.ClientError) -> BaseException:
        # With a proxy, aiohttp looks up only the name of the proxy.
        unreached = aiohttp.ClientProxyConnectionError, aiohttp.ClientConnectorDNSError
        if self._proxy is not None and isinstance(error, unreached):
            unreachable = ProxyUnreachable(str(error.os_error))
            return named_proxy_error(proxy_name(self._proxy), unreachable)
        if self._proxy is not None and isinstance(error, aiohttp.ClientHttpProxyError):
            # aiohttp's own message has the URL of the request.
            refusal = ConnectionError(f"{error.status} {error.message}")
            return named_proxy_error(proxy_name(self._proxy), refusal)
        if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, aiohttp.ClientSSLError):
            # aiohttp's own message adds TLS settings, which did not cause the failure.
            return error.os_error
        return error

    def __del__(self) -> None:
        self._session.detach()

    async def aclose(self) -> None:
        """Closes every connection."""
        await self._session.close()
        for transport in list(self._connector.transports):
            transport.abort()
        # The event loop closes them in its next iteration.
        await asyncio.sleep(0)


def _authorization(proxy: httpx.Proxy | None) -> dict[str, str]:
    if proxy is None or proxy.raw_auth is None:
        return {}
    return {"Proxy-Authorization": f"Basic {b64encode(b':'.join(proxy.raw_auth)).decode('ascii')}"}


async def with_pauses(body: Body) -> AsyncIterator[bytes]:
    """The chunks of a body. Other tasks run between them, and aiohttp learns that the connection has broken."""
    for chunk in body:
        yield chunk
        await asyncio.sleep(0)


# A function of its own: a server may echo the key, and a traceback may print the local variables of `_send`.
async def _read(response: aiohttp.ClientResponse) -> Response:
    reader = BodyReader(response.status, response.raw_headers)
    with reader.lenient:
        async for part in response.content.iter_any():
            reader.feed(part)
    return reader.response()
