"""Runs a download on asyncio or trio. `_download.state` decides, and `_download.partial_file` keeps the file."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from typing import TYPE_CHECKING, Any, Final, cast

import anyio
import anyio.lowlevel
from anyio import to_thread
from attrs import define

from meshapi_video._async.call_back import call_back
from meshapi_video._async.httpx_client import httpx_client
from meshapi_video._async.network import AsyncConnectionTransport, ResponseBody, httpcore_pool, permitted_addresses
from meshapi_video._async.timers import fail_after
from meshapi_video._download import state
from meshapi_video._download.addresses import UnsafeURL, stated_addresses
from meshapi_video._download.partial_file import PartialFile
from meshapi_video._download.request import (
    READ_SIZE,
    ConnectionRefused,
    DownloadRequest,
    TransferInterrupted,
    after_failure,
    build_request,
    head_of,
    host_of,
    map_network_errors,
    signed_request,
)
from meshapi_video._download.state import Done, GiveUp, RefreshURL, SendRequest, TransferState
from meshapi_video._errors import ConnectionFailed, WaitTimeout
from meshapi_video._http_libraries import httpx, library_of
from meshapi_video._logging import log_attempt
from meshapi_video._polling.state import Sleep
from meshapi_video._transport.choice import send_is_replaced, uses_httpx
from meshapi_video._transport.httpcore_request import check_proxy
from meshapi_video._transport.tracebacks import hidden_frames
from meshapi_video._urls import Route, proxy_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from meshapi_video._download.addresses import AddressRules
    from meshapi_video._http_libraries import AsyncHTTPClient
    from meshapi_video._settings import Settings
    from meshapi_video._telemetry.client import ClientTelemetry
    from meshapi_video._transport.connection_settings import ConnectionSettings
    from meshapi_video_generated.models import VideoTaskResponse

WRITE_BUFFER: Final = 512 * 1024
"""Bytes that are written together."""
FLUSH_INTERVAL: Final = 0.25
"""Seconds. A kill of the process loses the bytes received in at most this time."""


class AsyncDownloadTransports:
    """Transports to file servers. None of them has the key, a cookie or a password."""

    def __init__(
        self,
        settings: Settings,
        connections: ConnectionSettings,
        http_client: AsyncHTTPClient | None,
        rules: AddressRules,
    ) -> None:
        self._settings = settings
        self._connections = connections
        self._http_client = http_client
        self.rules = rules

    async def open(self, request: httpx.Request) -> AbstractAsyncContextManager[httpx.AsyncBaseTransport]:
        """The transport for this request: from the user's client, or a new one. Raises `UnsafeURL`."""
        url = str(request.url)
        proxy = self._proxy_for(url)
        if self._http_client is not None or proxy is not None:
            # Others look up the name and connect. This checks addresses that are written in the URL.
            host = host_of(request)
            await permitted_addresses(self.rules, host, stated_addresses(host))
        if self._http_client is not None:
            return nullcontext(AsyncClientTransport(self._http_client))
        # In a thread: the first one loads the certificates, in which time the event loop would run nothing else.
        tls = await to_thread.run_sync(self._connections.tls_context, url, proxy)
        rules = self.rules if proxy is None else None
        if uses_httpx(self._settings):
            client = httpx_client(tls, proxy, read_size=READ_SIZE, rules=rules)
            return AsyncClientTransport(client, is_own=True)
        return AsyncConnectionTransport(httpcore_pool(tls, proxy, read_size=READ_SIZE, rules=rules))

    def route(self, request: httpx.Request) -> Route:
        """The way of this request, as errors name it."""
        proxy = self._proxy_for(str(request.url))
        return Route(host_of(request), "" if proxy is None else proxy_name(proxy))

    def _proxy_for(self, url: str) -> httpx.Proxy | None:
        return self._connections.proxy_for(url) if self._http_client is None else None


class AsyncClientTransport(httpx.AsyncBaseTransport):
    """Sends the requests of downloads through a client of httpx or httpx2, without its hooks."""

    def __init__(self, client: AsyncHTTPClient, *, is_own: bool = False) -> None:
        self._library = library_of(client, "AsyncClient")
        self._is_own = is_own
        # Nothing public leads to the client's transport for a URL.
        self._client: Any = client

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Part of httpx's protocol for transports."""
        sent = signed_request(request, self._library)
        if self._is_own and send_is_replaced(self._client):
            # The SDK's own client has no hooks and no cookies, so that `send` adds nothing but the mock.
            response = await self._client.send(sent, stream=True, auth=self._library.Auth(), follow_redirects=False)
        else:
            # `send` would log the signed URL, and its hooks could read a whole video into memory.
            response = await self._client._transport_for_url(sent.url).handle_async_request(sent)  # noqa: SLF001 - see above
        return httpx.Response(
            response.status_code,
            headers=response.headers.raw,
            stream=ResponseBody(response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Closes a client of the SDK's own. For a user's client, nothing calls this."""
        await self._client.aclose()


@define(kw_only=True)
class AsyncDownload:
    """One download."""

    request: DownloadRequest
    transports: AsyncDownloadTransports
    telemetry: ClientTelemetry
    timeout: float
    """Seconds without a byte after which a connection is closed."""
    max_retries: int
    on_progress: Callable[[int, int | None], object] | None
    clock: Callable[[], float]
    rand: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]

    async def run(self, get: Callable[[str, float], Awaitable[VideoTaskResponse]]) -> Path:
        """Downloads the file, and returns its path."""
        request = self.request
        file = PartialFile(request.path, request.task_id, request.kind, overwrite=request.overwrite)
        try:
            await to_thread.run_sync(file.open)
            with hidden_frames():
                # The task is in no local variable: its repr shows the signed URL.
                transfer = request.start(
                    None if request.video else await self._fetch(get, file), file, self.max_retries, self.clock()
                )
            while True:
                match state.decide(transfer, self.clock()):
                    case SendRequest() as action:
                        transfer = await self._send(action, transfer, file)
                        log_attempt(transfer, self.clock())
                        self.telemetry.transferred(transfer)
                    case RefreshURL():
                        with hidden_frames():
                            transfer = state.url_refreshed(transfer, request.url_of(await self._fetch(get, file), file))
                    case Sleep(seconds):
                        await self.sleep(seconds)
                    case Done():
                        return await to_thread.run_sync(file.finish)
                    case GiveUp(reason):
                        raise file.error(reason)
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(file.close)

    async def _fetch(
        self, get: Callable[[str, float], Awaitable[VideoTaskResponse]], file: PartialFile
    ) -> VideoTaskResponse:
        """The task, which has the URL of the file. The timeout of the download includes this."""
        try:
            return await get(self.request.task_id, self.request.deadline)
        except (ConnectionFailed, WaitTimeout) as error:
            if isinstance(error, ConnectionFailed) and self.clock() < self.request.deadline:
                raise
            raise file.error("the task could not be fetched before the timeout") from None

    async def _send(self, action: SendRequest, transfer: TransferState, file: PartialFile) -> TransferState:
        """The state after one request."""
        try:
            with hidden_frames():
                request = build_request(action, self.timeout, self.transports.rules.plain_http_hosts)
                opened = await self.transports.open(request)
            route, seconds = self.transports.route(request), min(self.timeout, action.seconds)
            with self.telemetry.download_request(action.url, transfer.consecutive_failures) as sent:
                async with opened as transport:
                    with hidden_frames(), map_network_errors(route, seconds), fail_after(seconds):
                        response = await transport.handle_async_request(request)
                    async with aclosing(response):
                        with map_network_errors(route, seconds):
                            check_proxy(response.status_code, route)
                        head = head_of(response)
                        sent.status_code = head.status
                        transfer = state.head_received(transfer, head, self.clock(), self.rand())
                        if not transfer.accepts_body or transfer.record is None:
                            return transfer
                        await to_thread.run_sync(file.prepare, transfer.record, transfer.kept)
                        received = await self._receive(response, route, transfer, file)
                        content = await to_thread.run_sync(file.content)
                        transfer = state.body_ended(transfer, received, self.clock(), self.rand(), content)
                        if transfer.kept == 0:
                            # No later call may take these bytes for the beginning of the file.
                            await to_thread.run_sync(file.discard)
                        return transfer
        except (TransferInterrupted, ConnectionRefused, UnsafeURL) as error:
            return after_failure(transfer, error, file.size, self.clock(), self.rand())

    async def _receive(self, response: httpx.Response, route: Route, transfer: TransferState, file: PartialFile) -> int:
        """Writes the body of a response to the file, and returns the file's size in bytes.

        Deletes the bytes and returns early if there are more than the server stated.
        """
        # Not by httpx's own methods: there is nothing to decode, and a mocked response counts as read.
        chunks = aiter(cast("httpx.AsyncByteStream", response.stream))
        writer = _BufferedWriter(file, self.clock)
        try:
            while True:
                if self.on_progress is not None:
                    await call_back(self.on_progress, writer.size, file.total)
                seconds = min(self.timeout, transfer.deadline - self.clock())
                with hidden_frames(), map_network_errors(route, seconds), fail_after(seconds):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return writer.size
                if (received := writer.size + len(chunk)) > transfer.max_size:
                    await writer.discard()
                    return received
                await writer.write(chunk)
        finally:
            with anyio.CancelScope(shield=True):
                await writer.flush()


class _BufferedWriter:
    """Writes several chunks together, because a call in another thread costs more than a write."""

    def __init__(self, file: PartialFile, clock: Callable[[], float]) -> None:
        self._file = file
        self._clock = clock
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._flushed_at = clock()

    @property
    def size(self) -> int:
        """The size of the file in bytes, with the buffered chunks."""
        return self._file.size + self._buffered

    async def write(self, chunk: bytes) -> None:
        """Buffers a chunk, and flushes the buffer if it is large or old."""
        self._chunks.append(chunk)
        self._buffered += len(chunk)
        if self._buffered >= WRITE_BUFFER or self._clock() >= self._flushed_at + FLUSH_INTERVAL:
            await self.flush()
        else:
            # One read can have thousands of small chunks, and other tasks run meanwhile.
            await anyio.lowlevel.checkpoint()

    async def discard(self) -> None:
        """Deletes all bytes of the file."""
        self._chunks, self._buffered = [], 0
        await to_thread.run_sync(self._file.discard)

    async def flush(self) -> None:
        """Writes the buffered chunks to the file."""
        chunks, self._chunks, self._buffered = self._chunks, [], 0
        if chunks:
            await to_thread.run_sync(self._file.write, *chunks)
            self._flushed_at = self._clock()
