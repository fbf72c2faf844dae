"""Runs a download, blocking. `_download.state` decides, and `_download.partial_file` keeps the file."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, cast

import httpx
from attrs import define

from meshapi_video._download import state
from meshapi_video._download.partial_file import PartialFile
from meshapi_video._download.request import (
    READ_SIZE,
    DownloadRequest,
    TLSContexts,
    TransferInterrupted,
    UnsafeURL,
    after_failure,
    build_request,
    head_of,
    map_network_errors,
)
from meshapi_video._download.state import Done, GiveUp, SendRequest, TransferState
from meshapi_video._logging import log_attempt
from meshapi_video._polling.state import Sleep
from meshapi_video._sync.deadline import limit_timeouts, request_deadline, time_left
from meshapi_video._sync.network import PoolTransport, httpcore_pool
from meshapi_video._transport.environment import environment_proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from meshapi_video_generated.models import VideoTaskResponse


class DownloadTransports:
    """Transports to file servers. None of them has the key, a cookie or a password."""

    def __init__(self, http_client: httpx.Client | None) -> None:
        self._http_client = http_client
        self._tls_contexts = TLSContexts()

    @contextmanager
    def open(self, url: httpx.URL) -> Generator[httpx.BaseTransport]:
        """The transport for this URL: from the user's client, or a new one."""
        if self._http_client is not None:
            # The client's `send` would log the signed URL, and its hooks could read a whole video into memory.
            yield self._http_client._transport_for_url(url)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - nothing public has it
        else:
            tls, proxy = self._tls_contexts.for_url(url), environment_proxy(str(url))
            with PoolTransport(httpcore_pool(tls, proxy, read_size=READ_SIZE)) as transport:
                yield transport


@define(kw_only=True)
class Download:
    """One download."""

    request: DownloadRequest
    transports: DownloadTransports
    timeout: float
    """Seconds without a byte after which a connection is closed."""
    max_retries: int
    on_progress: Callable[[int, int | None], object] | None
    clock: Callable[[], float]
    rand: Callable[[], float]
    sleep: Callable[[float], None]

    def run(self, get: Callable[[str], VideoTaskResponse]) -> Path:
        """Downloads the file, and returns its path."""
        request = self.request
        with PartialFile(request.path, request.task_id, request.kind, overwrite=request.overwrite) as file:
            file.open()
            task = get(request.task_id) if request.video is None else None
            transfer = request.start(task, file, self.max_retries, self.clock())
            while True:
                match state.decide(transfer, self.clock()):
                    case SendRequest() as action:
                        transfer = self._send(action, transfer, file)
                        log_attempt(transfer, self.clock())
                    case Sleep(seconds):
                        self.sleep(seconds)
                    case Done():
                        return file.finish()
                    case GiveUp(reason):
                        raise file.error(reason)

    def _send(self, action: SendRequest, transfer: TransferState, file: PartialFile) -> TransferState:
        """The state after one request."""
        try:
            request = build_request(action, transfer, self.timeout)
            host, seconds = request.url.host, min(self.timeout, action.seconds)
            with self.transports.open(request.url) as transport:
                with map_network_errors(host, seconds), request_deadline(seconds):
                    limit_timeouts(request)
                    response = transport.handle_request(request)
                with closing(response):
                    transfer = state.head_received(transfer, head_of(response), self.clock(), self.rand())
                    if not transfer.accepts_body:
                        return transfer
                    self._receive(response, host, transfer, file)
                    return state.body_ended(transfer, file.size, self.clock(), self.rand())
        except (TransferInterrupted, UnsafeURL) as error:
            return after_failure(transfer, error, file.size, self.clock(), self.rand())

    def _receive(self, response: httpx.Response, host: str, transfer: TransferState, file: PartialFile) -> None:
        """Writes the body of a response to the file."""
        if transfer.record is not None and transfer.kept == 0:
            file.restart(transfer.record)
        # Not by httpx's own methods: there is nothing to decode, and a mocked response counts as read.
        chunks = iter(cast("httpx.SyncByteStream", response.stream))
        while True:
            if self.on_progress is not None:
                self.on_progress(file.size, file.total)
            seconds = min(self.timeout, transfer.deadline - self.clock())
            with map_network_errors(host, seconds), request_deadline(seconds):
                # A transport of the user's client does not check the deadline.
                time_left()
                chunk = next(chunks, None)
            if chunk is None:
                return
            file.write(chunk)
