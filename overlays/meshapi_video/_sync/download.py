"""Runs a download, blocking. `_download.state` decides, and `_download.partial_file` keeps the file."""

from __future__ import annotations

from contextlib import AbstractContextManager, closing, nullcontext
from typing import TYPE_CHECKING, Any, cast

from attrs import define

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
from meshapi_video._sync.deadline import limit_timeouts, request_deadline, time_left
from meshapi_video._sync.httpx_client import httpx_client
from meshapi_video._sync.network import ConnectionTransport, ResponseBody, httpcore_pool, permitted_addresses
from meshapi_video._transport.choice import send_is_replaced, uses_httpx
from meshapi_video._transport.httpcore_request import check_proxy
from meshapi_video._transport.tracebacks import hidden_frames
from meshapi_video._urls import Route, proxy_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from meshapi_video._download.addresses import AddressRules
    from meshapi_video._http_libraries import HTTPClient
    from meshapi_video._settings import Settings
    from meshapi_video._telemetry.client import ClientTelemetry
    from meshapi_video._transport.connection_settings import ConnectionSettings
    from meshapi_video_generated.models import VideoTaskResponse


class DownloadTransports:
    """Transports to file servers. None of them has the key, a cookie or a password."""

    def __init__(
        self,
        settings: Settings,
        connections: ConnectionSettings,
        http_client: HTTPClient | None,
        rules: AddressRules,
    ) -> None:
        self._settings = settings
        self._connections = connections
        self._http_client = http_client
        self.rules = rules

    def open(self, request: httpx.Request) -> AbstractContextManager[httpx.BaseTransport]:
        """The transport for this request: from the user's client, or a new one. Raises `UnsafeURL`."""
        url = str(request.url)
        proxy = self._proxy_for(url)
        if self._http_client is not None or proxy is not None:
            # Others look up the name and connect. This checks addresses that are written in the URL.
            host = host_of(request)
            permitted_addresses(self.rules, host, stated_addresses(host))
        if self._http_client is not None:
            return nullcontext(ClientTransport(self._http_client))
        tls = self._connections.tls_context(url, proxy)
        rules = self.rules if proxy is None else None
        if uses_httpx(self._settings):
            client = httpx_client(tls, proxy, read_size=READ_SIZE, rules=rules)
            return ClientTransport(client, is_own=True)
        return ConnectionTransport(httpcore_pool(tls, proxy, read_size=READ_SIZE, rules=rules))

    def route(self, request: httpx.Request) -> Route:
        """The way of this request, as errors name it."""
        proxy = self._proxy_for(str(request.url))
        return Route(host_of(request), "" if proxy is None else proxy_name(proxy))

    def _proxy_for(self, url: str) -> httpx.Proxy | None:
        return self._connections.proxy_for(url) if self._http_client is None else None


class ClientTransport(httpx.BaseTransport):
    """Sends the requests of downloads through a client of httpx or httpx2, without its hooks."""

    def __init__(self, client: HTTPClient, *, is_own: bool = False) -> None:
        self._library = library_of(client, "Client")
        self._is_own = is_own
        # Nothing public leads to the client's transport for a URL.
        self._client: Any = client

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Part of httpx's protocol for transports."""
        sent = signed_request(request, self._library)
        if self._is_own and send_is_replaced(self._client):
            # The SDK's own client has no hooks and no cookies, so that `send` adds nothing but the mock.
            response = self._client.send(sent, stream=True, auth=self._library.Auth(), follow_redirects=False)
        else:
            # `send` would log the signed URL, and its hooks could read a whole video into memory.
            response = self._client._transport_for_url(sent.url).handle_request(sent)  # noqa: SLF001 - see above
        return httpx.Response(
            response.status_code,
            headers=response.headers.raw,
            stream=ResponseBody(response),
            extensions=response.extensions,
        )

    def close(self) -> None:
        """Closes a client of the SDK's own. For a user's client, nothing calls this."""
        self._client.close()


@define(kw_only=True)
class Download:
    """One download."""

    request: DownloadRequest
    transports: DownloadTransports
    telemetry: ClientTelemetry
    timeout: float
    """Seconds without a byte after which a connection is closed."""
    max_retries: int
    on_progress: Callable[[int, int | None], object] | None
    clock: Callable[[], float]
    rand: Callable[[], float]
    sleep: Callable[[float], None]

    def run(self, get: Callable[[str, float], VideoTaskResponse]) -> Path:
        """Downloads the file, and returns its path."""
        request = self.request
        with PartialFile(request.path, request.task_id, request.kind, overwrite=request.overwrite) as file:
            file.open()
            with hidden_frames():
                # The task is in no local variable: its repr shows the signed URL.
                transfer = request.start(
                    None if request.video else self._fetch(get, file), file, self.max_retries, self.clock()
                )
            while True:
                match state.decide(transfer, self.clock()):
                    case SendRequest() as action:
                        transfer = self._send(action, transfer, file)
                        log_attempt(transfer, self.clock())
                        self.telemetry.transferred(transfer)
                    case RefreshURL():
                        with hidden_frames():
                            transfer = state.url_refreshed(transfer, request.url_of(self._fetch(get, file), file))
                    case Sleep(seconds):
                        self.sleep(seconds)
                    case Done():
                        return file.finish()
                    case GiveUp(reason):
                        raise file.error(reason)

    def _fetch(self, get: Callable[[str, float], VideoTaskResponse], file: PartialFile) -> VideoTaskResponse:
        """The task, which has the URL of the file. The timeout of the download includes this."""
        try:
            return get(self.request.task_id, self.request.deadline)
        except (ConnectionFailed, WaitTimeout) as error:
            if isinstance(error, ConnectionFailed) and self.clock() < self.request.deadline:
                raise
            raise file.error("the task could not be fetched before the timeout") from None

    def _send(self, action: SendRequest, transfer: TransferState, file: PartialFile) -> TransferState:
        """The state after one request."""
        try:
            with hidden_frames():
                request = build_request(action, self.timeout, self.transports.rules.plain_http_hosts)
                opened = self.transports.open(request)
            route, seconds = self.transports.route(request), min(self.timeout, action.seconds)
            telemetry = self.telemetry.download_request(action.url, transfer.consecutive_failures)
            with opened as transport, telemetry as sent:
                with hidden_frames(), map_network_errors(route, seconds), request_deadline(seconds):
                    limit_timeouts(request)
                    response = transport.handle_request(request)
                with closing(response):
                    with map_network_errors(route, seconds):
                        check_proxy(response.status_code, route)
                    head = head_of(response)
                    sent.status_code = head.status
                    transfer = state.head_received(transfer, head, self.clock(), self.rand())
                    if not transfer.accepts_body or transfer.record is None:
                        return transfer
                    file.prepare(transfer.record, transfer.kept)
                    received = self._receive(response, route, transfer, file)
                    content = file.content()
                    transfer = state.body_ended(transfer, received, self.clock(), self.rand(), content)
                    if transfer.kept == 0:
                        # No later call may take these bytes for the beginning of the file.
                        file.discard()
                    return transfer
        except (TransferInterrupted, ConnectionRefused, UnsafeURL) as error:
            return after_failure(transfer, error, file.size, self.clock(), self.rand())

    def _receive(self, response: httpx.Response, route: Route, transfer: TransferState, file: PartialFile) -> int:
        """Writes the body of a response to the file, and returns the file's size in bytes.

        Deletes the bytes and returns early if there are more than the server stated.
        """
        # Not by httpx's own methods: there is nothing to decode, and a mocked response counts as read.
        chunks = iter(cast("httpx.SyncByteStream", response.stream))
        while True:
            if self.on_progress is not None:
                self.on_progress(file.size, file.total)
            seconds = min(self.timeout, transfer.deadline - self.clock())
            with hidden_frames(), map_network_errors(route, seconds), request_deadline(seconds):
                # A transport of the user's client does not check the deadline.
                time_left()
                chunk = next(chunks, None)
            if chunk is None:
                return file.size
            if (received := file.size + len(chunk)) > transfer.max_size:
                file.discard()
                return received
            file.write(chunk)
