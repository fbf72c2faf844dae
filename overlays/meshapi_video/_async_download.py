"""Drives a download on asyncio or trio: what to do is decided in `_transfer`, the file is `_part`'s."""

from __future__ import annotations

import inspect
from contextlib import aclosing, asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, cast

import anyio
import httpx
from anyio import to_thread
from attrs import define

from meshapi_video import _transfer
from meshapi_video._fetching import Broken, Order, Refused, breaking, failed, head_of, request
from meshapi_video._logging import log_attempt
from meshapi_video._part import Part
from meshapi_video._polling import Sleep
from meshapi_video._transfer import Done, Fetch, GiveUp, Transfer
from meshapi_video._transport import environment_proxy, tls_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from meshapi_video_generated.models import VideoTaskResponse


class AsyncWayOut:
    """Transports to where files lie: none of them knows the key, a cookie or a password."""

    def __init__(self, http_client: httpx.AsyncClient | None) -> None:
        self._http_client = http_client

    @cached_property
    def _authorities(self) -> ssl.SSLContext:
        # Loading them costs more than the rest of a small download.
        return tls_context("https:")

    def _tls(self, url: httpx.URL) -> ssl.SSLContext:
        return self._authorities if url.scheme == "https" else tls_context(str(url))

    @asynccontextmanager
    async def to(self, url: httpx.URL) -> AsyncGenerator[httpx.AsyncBaseTransport]:
        """One for this address: the borrowed client's own, or a new one."""
        if self._http_client is not None:
            # Below its `send`, which would log the address, and let its hooks read a whole video into memory.
            yield self._http_client._transport_for_url(url)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - nothing public has it
        else:
            async with httpx.AsyncHTTPTransport(self._tls(url), proxy=environment_proxy(str(url))) as transport:
                yield transport


@define(kw_only=True)
class AsyncDownload:
    """One download."""

    order: Order
    way_out: AsyncWayOut
    timeout: float
    """Seconds without a byte after which a connection is given up."""
    retries: int
    on_progress: Callable[[int, int | None], object] | None
    clock: Callable[[], float]
    chance: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]

    async def run(self, get: Callable[[str], Awaitable[VideoTaskResponse]]) -> Path:
        """The file, once it is there and whole."""
        order = self.order
        part = Part(order.path, order.task_id, order.what, overwrite=order.overwrite)
        try:
            await to_thread.run_sync(part.open)
            task = await get(order.task_id) if order.video is None else None
            transfer = order.begin(task, part, self.retries, self.clock())
            while True:
                match _transfer.decide(transfer, self.clock()):
                    case Fetch() as fetch:
                        transfer = await self._fetch(fetch, transfer, part)
                        log_attempt(transfer, self.clock())
                    case Sleep(seconds):
                        await self.sleep(seconds)
                    case Done():
                        return await to_thread.run_sync(part.finish)
                    case GiveUp(reason):
                        raise part.error(reason)
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(part.close)

    async def _fetch(self, fetch: Fetch, transfer: Transfer, part: Part) -> Transfer:
        """The state after one request."""
        try:
            asked = request(fetch, self.timeout)
            host, seconds = asked.url.host, min(self.timeout, fetch.seconds)
            async with self.way_out.to(asked.url) as transport:
                with breaking(host, seconds), anyio.fail_after(seconds):
                    answer = await transport.handle_async_request(asked)
                async with aclosing(answer):
                    transfer = _transfer.answered(transfer, head_of(answer), self.clock(), self.chance())
                    if not transfer.taking:
                        return transfer
                    await self._take(answer, host, transfer, part)
                    return _transfer.whole(transfer, part.size, self.clock(), self.chance())
        except (Broken, Refused) as error:
            return failed(transfer, error, part.size, self.clock(), self.chance())

    async def _take(self, answer: httpx.Response, host: str, transfer: Transfer, part: Part) -> None:
        """Adds an answer's body to the file."""
        if transfer.note is not None and transfer.kept == 0:
            await to_thread.run_sync(part.begin, transfer.note)
        pieces = aiter(cast("httpx.AsyncByteStream", answer.stream))
        while True:
            if self.on_progress is not None:
                told = self.on_progress(part.size, part.total)
                if inspect.isawaitable(told):
                    await told
            seconds = min(self.timeout, transfer.deadline - self.clock())
            with breaking(host, seconds), anyio.fail_after(seconds):
                piece = await anext(pieces, None)
            if piece is None:
                return
            await to_thread.run_sync(part.write, piece)
