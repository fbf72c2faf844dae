"""What both drivers of a download share: the order, the request, the errors of the network."""

from __future__ import annotations

import contextlib
import math
import ssl
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
from attrs import frozen

from meshapi_video import _transfer
from meshapi_video._heads import Head
from meshapi_video._part import target
from meshapi_video._polling import deadline_after
from meshapi_video._prepared import HEADERS
from meshapi_video._tasks import Video, check_task_id, is_terminal, video_of
from meshapi_video._times import retry_after
from meshapi_video._transfer import Fetch, Transfer
from meshapi_video._transport import is_loopback, reason_of, tls_context

if TYPE_CHECKING:
    import os
    from collections.abc import Generator

    from meshapi_video._part import Part
    from meshapi_video_generated.models import VideoTaskResponse


AT_ONCE: Final = 256 * 1024
"""Bytes that are read off the network together: with httpcore's 64 KiB the same file costs half as much CPU again."""


class Broken(Exception):
    """The network brought no answer, or not all of one."""


class Refused(Exception):
    """An address that nothing is asked of."""


@frozen(kw_only=True)
class Order:
    """What to fetch, and to where."""

    task_id: str
    video: Video | None
    """None where the task is to be asked for it."""
    what: str
    path: Path
    overwrite: bool
    deadline: float

    @classmethod
    def of(
        cls,
        video: Video | str,
        path: str | os.PathLike[str],
        *,
        last_frame: bool,
        overwrite: bool,
        timeout: float | None,
        now: float,
    ) -> Order:
        """Raises `ValueError` for what cannot be an id or a time."""
        task_id = video.id if isinstance(video, Video) else check_task_id(video)
        what = "last frame" if last_frame else "video"
        deadline = deadline_after(timeout, now)
        return cls(
            task_id=task_id,
            video=video if isinstance(video, Video) else None,
            what=what,
            path=target(path, task_id, what),
            overwrite=overwrite,
            deadline=math.inf if deadline is None else deadline,
        )

    def begin(self, task: VideoTaskResponse | None, part: Part, retries: int, now: float) -> Transfer:
        """The transfer of what was ordered, `task` being the answer where one was asked for."""
        if task is not None and not is_terminal(task):
            raise part.error(f"it is {task.status!r}, and has no video yet: wait for it first")
        video = self.video if task is None else video_of(task)
        address = video and (video.last_frame_url if self.what == "last frame" else video.url)
        if not address:
            raise part.error("it has no last frame; one is made where that was asked for when the task was created")
        return _transfer.begin(
            self.task_id,
            self.what,
            address,
            is_fresh=task is not None,
            note=part.note,
            kept=part.size,
            retries=retries,
            now=now,
            deadline=self.deadline,
        )


class Authorities:
    """Whom to believe that they are who they say."""

    @cached_property
    def _for_https(self) -> ssl.SSLContext:
        # Loading them costs more than the rest of a small download.
        return tls_context("https:")

    def of(self, url: httpx.URL) -> ssl.SSLContext:
        """What a transport to this address is made with."""
        return self._for_https if url.scheme == "https" else tls_context(str(url))


def request(fetch: Fetch, transfer: Transfer, timeout: float) -> httpx.Request:
    """What is sent: no key, no cookie, no password. Raises `Refused` for an address that is not to be asked."""
    url = _checked(fetch.address)
    # What only this machine can reach is nobody else's to point at.
    if is_loopback(url.host) and not is_loopback(httpx.URL(transfer.address).host):
        raise Refused(f"it redirects to this machine itself, {url.host}")
    return httpx.Request(
        "GET",
        url,
        headers={**HEADERS, "Accept": "*/*", **fetch.headers},
        extensions={"timeout": httpx.Timeout(min(timeout, fetch.seconds)).as_dict()},
    )


def _checked(address: str) -> httpx.URL:
    # As httpx reads it, because that is where it goes.
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        raise Refused("its address is no web address") from None
    if url.scheme not in {"", "http", "https"}:
        raise Refused(f"its address should be https, and is {url.scheme}")
    # httpx quotes what no host's name holds.
    if not url.scheme or not url.host or "%" in url.host:
        raise Refused("its address is no web address")
    if url.userinfo:
        raise Refused(f"its address on {url.host} holds a user's name or password")
    if url.scheme == "http" and not is_loopback(url.host):
        raise Refused(f"its address on {url.host} is plain http, where anybody on the way could change what comes")
    return url


def head_of(answer: httpx.Response) -> Head:
    """What is decided upon before the body comes."""
    return Head(
        status=answer.status_code,
        headers=answer.headers,
        version=answer.http_version,
        retry_after=retry_after(answer.headers),
    )


@contextlib.contextmanager
def breaking(host: str, seconds: float) -> Generator[None]:
    """Turns what the network raises, which has no more than so many seconds, into `Broken`."""
    # `from None`: the original holds the request, and so the address.
    try:
        yield
    except (httpx.TimeoutException, TimeoutError):
        raise Broken(f"nothing came from {host} for {max(seconds, 0):.3g} s") from None
    # The last is what anyio raises for what TLS says is wrong after the handshake.
    except (httpx.HTTPError, ssl.SSLError) as error:
        raise Broken(f"the connection to {host} failed: {reason_of(error)}") from None


def failed(transfer: Transfer, error: Broken | Refused, kept: int, now: float, chance: float) -> Transfer:
    """The state after what `request` or `breaking` raised."""
    if isinstance(error, Refused):
        return _transfer.give_up(transfer, str(error))
    return _transfer.missed(transfer, str(error), kept if transfer.taking else transfer.kept, now, chance)
