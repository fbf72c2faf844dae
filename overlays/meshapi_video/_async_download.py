"""Drives a download on asyncio or trio: what to do is decided in `_transfer`, the file is `_part`'s."""

from __future__ import annotations

import inspect
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Final, cast

import anyio
import httpx
from anyio import to_thread
from attrs import define

from meshapi_video import _transfer
from meshapi_video._fetching import AT_ONCE, Authorities, Broken, Order, Refused, breaking, failed, head_of, request
from meshapi_video._logging import log_attempt
from meshapi_video._part import Part
from meshapi_video._polling import Sleep
from meshapi_video._transfer import Done, Fetch, GiveUp, Transfer
from meshapi_video._transport import environment_proxy

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from meshapi_video_generated.models import VideoTaskResponse

_MUCH: Final = 512 * 1024
"""Bytes that are written together."""
_A_WHILE: Final = 0.25
"""Seconds: what was fetched in less than that is lost when the process is killed."""


class AsyncWayOut:
    """Transports to where files lie: none of them knows the key, a cookie or a password."""

    def __init__(self, http_client: httpx.AsyncClient | None) -> None:
        self._http_client = http_client
        self._authorities = Authorities()

    @asynccontextmanager
    async def to(self, url: httpx.URL) -> AsyncGenerator[httpx.AsyncBaseTransport]:
        """One for this address: the borrowed client's own, or a new one."""
        if self._http_client is not None:
            # Below its `send`, which would log the address, and let its hooks read a whole video into memory.
            yield self._http_client._transport_for_url(url)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - nothing public has it
        else:
            tls, proxy = self._authorities.of(url), environment_proxy(str(url))
            from meshapi_video._sockets import WideTransport  # noqa: PLC0415 - it loads httpcore, which takes a while

            async with WideTransport(tls, proxy, at_once=AT_ONCE) as transport:
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
            asked = request(fetch, transfer, self.timeout)
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
        written = _Written(part, self.clock)
        try:
            while True:
                if self.on_progress is not None:
                    told = self.on_progress(written.size, part.total)
                    if inspect.isawaitable(told):
                        await told
                seconds = min(self.timeout, transfer.deadline - self.clock())
                with breaking(host, seconds), anyio.fail_after(seconds):
                    piece = await anext(pieces, None)
                if piece is None:
                    return
                await written.add(piece)
        finally:
            with anyio.CancelScope(shield=True):
                await written.all()


class _Written:
    """Writes several pieces in one go: going to another thread costs more than writing one does."""

    def __init__(self, part: Part, clock: Callable[[], float]) -> None:
        self._part = part
        self._clock = clock
        self._pieces: list[bytes] = []
        self._size = 0
        self._last = clock()

    @property
    def size(self) -> int:
        """The bytes that are in the file, or on their way to it."""
        return self._part.size + self._size

    async def add(self, piece: bytes) -> None:
        """Takes a piece, and writes what was taken if that is much, or was taken a while ago."""
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size >= _MUCH or self._clock() >= self._last + _A_WHILE:
            await self.all()

    async def all(self) -> None:
        """Writes what was taken."""
        pieces, self._pieces, self._size = self._pieces, [], 0
        if pieces:
            await to_thread.run_sync(self._part.write, *pieces)
            self._last = self._clock()
