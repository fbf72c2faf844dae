"""Drives a download, blocking: what to do is decided in `_transfer`, the file is `_part`'s."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, cast

import httpx
from attrs import define

from meshapi_video import _transfer
from meshapi_video._deadline import bound, request_deadline, time_left
from meshapi_video._fetching import AT_ONCE, Authorities, Broken, Order, Refused, breaking, failed, head_of, request
from meshapi_video._logging import log_attempt
from meshapi_video._part import Part
from meshapi_video._polling import Sleep
from meshapi_video._transfer import Done, Fetch, GiveUp, Transfer
from meshapi_video._transport import environment_proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from meshapi_video_generated.models import VideoTaskResponse


class WayOut:
    """Transports to where files lie: none of them knows the key, a cookie or a password."""

    def __init__(self, http_client: httpx.Client | None) -> None:
        self._http_client = http_client
        self._authorities = Authorities()

    @contextmanager
    def to(self, url: httpx.URL) -> Generator[httpx.BaseTransport]:
        """One for this address: the borrowed client's own, or a new one."""
        if self._http_client is not None:
            # Below its `send`, which would log the address, and let its hooks read a whole video into memory.
            yield self._http_client._transport_for_url(url)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - nothing public has it
        else:
            from meshapi_video._sockets import DeadlineTransport  # noqa: PLC0415 - it loads httpcore, which takes a while

            tls, proxy = self._authorities.of(url), environment_proxy(str(url))
            with DeadlineTransport(tls, proxy, at_once=AT_ONCE) as transport:
                yield transport


@define(kw_only=True)
class Download:
    """One download."""

    order: Order
    way_out: WayOut
    timeout: float
    """Seconds without a byte after which a connection is given up."""
    retries: int
    on_progress: Callable[[int, int | None], object] | None
    clock: Callable[[], float]
    chance: Callable[[], float]
    sleep: Callable[[float], None]

    def run(self, get: Callable[[str], VideoTaskResponse]) -> Path:
        """The file, once it is there and whole."""
        order = self.order
        with Part(order.path, order.task_id, order.what, overwrite=order.overwrite) as part:
            part.open()
            task = get(order.task_id) if order.video is None else None
            transfer = order.begin(task, part, self.retries, self.clock())
            while True:
                match _transfer.decide(transfer, self.clock()):
                    case Fetch() as fetch:
                        transfer = self._fetch(fetch, transfer, part)
                        log_attempt(transfer, self.clock())
                    case Sleep(seconds):
                        self.sleep(seconds)
                    case Done():
                        return part.finish()
                    case GiveUp(reason):
                        raise part.error(reason)

    def _fetch(self, fetch: Fetch, transfer: Transfer, part: Part) -> Transfer:
        """The state after one request."""
        try:
            asked = request(fetch, transfer, self.timeout)
            host, seconds = asked.url.host, min(self.timeout, fetch.seconds)
            with self.way_out.to(asked.url) as transport:
                with breaking(host, seconds), request_deadline(seconds):
                    bound(asked)
                    answer = transport.handle_request(asked)
                with closing(answer):
                    transfer = _transfer.answered(transfer, head_of(answer), self.clock(), self.chance())
                    if not transfer.taking:
                        return transfer
                    self._take(answer, host, transfer, part)
                    return _transfer.whole(transfer, part.size, self.clock(), self.chance())
        except (Broken, Refused) as error:
            return failed(transfer, error, part.size, self.clock(), self.chance())

    def _take(self, answer: httpx.Response, host: str, transfer: Transfer, part: Part) -> None:
        """Adds an answer's body to the file."""
        if transfer.note is not None and transfer.kept == 0:
            part.begin(transfer.note)
        # Not by httpx's own methods: there is nothing to decode, and a mocked answer counts as read.
        pieces = iter(cast("httpx.SyncByteStream", answer.stream))
        while True:
            if self.on_progress is not None:
                self.on_progress(part.size, part.total)
            seconds = min(self.timeout, transfer.deadline - self.clock())
            with breaking(host, seconds), request_deadline(seconds):
                # A borrowed transport does not ask by itself.
                time_left()
                piece = next(pieces, None)
            if piece is None:
                return
            part.write(piece)
