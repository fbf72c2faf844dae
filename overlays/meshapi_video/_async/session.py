"""The asynchronous client's session: the generated functions send through it, in place of an httpx client."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from typing import TYPE_CHECKING, Final

import anyio
from anyio import to_thread

from meshapi_video._async.connections import AsyncConnectionPool
from meshapi_video._async.event_loops import EventLoops
from meshapi_video._async.httpx_client import AsyncChosenTransport, AsyncHTTPXTransport
from meshapi_video._async.user_client import AsyncUserClientTransport
from meshapi_video._settings import CAPACITY, USER_CLIENT_CAPACITY
from meshapi_video._transport.api_errors import check_response
from meshapi_video._transport.request import RequestTemplate
from meshapi_video._transport.tracebacks import hidden_frames

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from typing import Unpack

    from meshapi_video._async.event_loops import Transport
    from meshapi_video._http_libraries import AsyncHTTPClient
    from meshapi_video._settings import Settings
    from meshapi_video._transport.connection_settings import ConnectionSettings
    from meshapi_video._transport.generated import ExpectedResponse
    from meshapi_video._transport.request import RequestOptions
    from meshapi_video._transport.response import Response


def has_aiohttp() -> bool:
    """Whether the extra `[aiohttp]` is installed. Imports it now, so that no event loop waits for the import."""
    with contextlib.suppress(ImportError):
        return bool(importlib.import_module("meshapi_video._async.aiohttp").IS_NEW_ENOUGH)
    return False


HAS_AIOHTTP: Final = has_aiohttp()


class AsyncSession:
    """Sends requests to the API, with the key, and checks the responses. Any number of event loops may use it."""

    def __init__(
        self,
        settings: Settings,
        connections: ConnectionSettings,
        http_client: AsyncHTTPClient | None,
        trace_headers: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._settings = settings
        self._connections = connections
        self.trace_headers: Final = trace_headers
        """Headers for each request, by which the server can continue a trace."""
        self._template = RequestTemplate(settings)
        self._proxy = None if http_client is not None else connections.proxy_for(settings.base_url)
        self._user_client = None if http_client is None else AsyncUserClientTransport(self._template, http_client)
        uses_pool_of_httpx = http_client is not None or settings.transport == "httpx"
        self.capacity: Final = USER_CLIENT_CAPACITY if uses_pool_of_httpx else CAPACITY
        """The number of requests that the transport handles well at once."""
        self._event_loops = EventLoops(self.capacity)
        self.is_closed = False

    @property
    def in_flight(self) -> anyio.Semaphore:
        """Limits the requests in flight on the running event loop."""
        return self._event_loops.current().in_flight

    async def open(self) -> Transport:
        """The transport of the running event loop, which is opened if it is not open.

        Call this before the time of a request starts. Raises `RuntimeError` after `aclose`.
        """
        if self.is_closed:
            raise RuntimeError("this client has been closed")
        if self._user_client is not None:
            return self._user_client
        resources = self._event_loops.current()
        if (transport := resources.transport) is None:
            async with resources.opening:
                if (transport := resources.transport) is None:
                    transport = self._connect(await self._load_tls_context())
                    await resources.hold(transport)
        return transport

    def expecting(self, expected: ExpectedResponse, headers: Mapping[str, str] | None = None) -> AsyncOperationSession:
        """The session for the generated function of an operation that returns `expected`.

        It sends `headers` besides those of the generated function.
        """
        return AsyncOperationSession(self, expected, headers or {})

    async def request(
        self, method: str, url: str, operation: AsyncOperationSession, **options: Unpack[RequestOptions]
    ) -> Response:
        """The checked response to a request for the path `url`, below the base URL.

        Raises `APIError` or `InvalidResponse` for a response that is not the operation's, `ConnectionFailed`,
        `TimeoutError`, and `TypeError` for an option that requests to the API do not support.
        """
        transport, expected = await self.open(), operation.expected

        def check(response: Response) -> None:
            check_response(response, self._settings, expected, url)

        with hidden_frames(self._settings.api_key):
            request = self._template.build(method, url, expected.repeat, **options)
            try:
                return await transport.send(request, check)
            finally:
                operation.was_sent = request.was_sent

    async def aclose(self) -> None:
        """Closes the transports of all event loops."""
        self.is_closed = True
        await self._event_loops.aclose()

    async def _load_tls_context(self) -> ssl.SSLContext:
        url, load = self._settings.base_url, self._connections.tls_context
        if not self._connections.needs_certificates(url, self._proxy):
            return load(url, self._proxy)
        # In a thread: loading certificates takes 20 ms, in which the event loop would run nothing else.
        return await to_thread.run_sync(load, url, self._proxy)

    def _connect(self, tls: ssl.SSLContext) -> Transport:
        if self.is_closed:  # meanwhile
            raise RuntimeError("this client has been closed")
        if self._settings.transport == "httpx":
            return AsyncHTTPXTransport(self._template, tls, self._proxy)
        return AsyncChosenTransport(self._connect_builtin(tls), self._template, tls, self._proxy)

    def _connect_builtin(self, tls: ssl.SSLContext) -> Transport:
        # aiohttp runs on asyncio only. It knows no SOCKS, and warns about TLS within the TLS of a proxy.
        supports_proxy = self._proxy is None or self._proxy.url.scheme == "http"
        if supports_proxy and HAS_AIOHTTP and anyio.get_cancelled_exc_class() is asyncio.CancelledError:
            from meshapi_video._async.aiohttp import AiohttpTransport  # noqa: PLC0415 - only the extra has it

            return AiohttpTransport(self._template, tls, self._proxy)
        return AsyncConnectionPool(self._template, tls, self._proxy)


class AsyncOperationSession:
    """A session for one operation. It has the part that a generated function uses of an `httpx.AsyncClient`."""

    def __init__(self, session: AsyncSession, expected: ExpectedResponse, headers: Mapping[str, str]) -> None:
        self._session = session
        self._headers = headers
        self.expected: Final = expected
        self.was_sent = False
        """Whether a byte of the last request may have gone out. Known for an operation to ask once."""

    async def request(self, method: str, url: str, **options: Unpack[RequestOptions]) -> Response:
        """The checked response, as from `AsyncSession.request`."""
        if headers := {**self._session.trace_headers(), **self._headers}:
            options["headers"] = {**options.get("headers", {}), **headers}
        return await self._session.request(method, url, self, **options)
