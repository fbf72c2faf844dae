"""How long a download may take, and what a cancellation leaves: real sockets, short real times."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import anyio.lowlevel
import httpx
import pytest

from meshapi_video import (
    AsyncVideoClient,
    DownloadError,
    Video,
)
from meshapi_video._download.partial_file import PartialFile
from support.clients import KEY, Caller, Kind
from support.clock import Clock
from support.files import (
    LOCAL,
    StoredFile,
    download,
    download_through_user_client,
    names,
    video_at,
)
from support.many_tasks import LONG, RealClock
from support.marks import unclosed_generators
from support.server import response


@unclosed_generators
@pytest.mark.parametrize("stalls", ["at once", "in the headers", "in the body"])
def test_a_connection_that_stalls_is_closed_and_the_download_resumes(
    client: Caller, stored: StoredFile, video: Video, out: Path, stalls: str
) -> None:
    store = stored.server
    client.settings["timeout"] = 0.2
    responses = {
        "at once": store.stall(),
        "in the headers": store.drip(b"HTTP/1.1 200 OK\r\nx-slow: " + b"y" * 9999, every=0.05),
        "in the body": stored.broken(100_000, store.stall()),
    }
    store.script(responses[stalls], stored)
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert store.requests[1].headers.get("range") == ("bytes=100000-" if stalls == "in the body" else None)
    client.settings["max_retries"] = 0
    store.script(responses[stalls])
    with pytest.raises(DownloadError, match=r"no data from 127\.0\.0\.1 for 0\.2 s"):
        download(client, video, out, overwrite=True)


@unclosed_generators
def test_a_slow_transfer_does_not_count_as_stalled(client: Caller, stored: StoredFile, video: Video, out: Path) -> None:
    client.settings |= {"timeout": 0.6, "max_retries": 0}
    stored.content = stored.content[:600]
    stored.server.script(stored.dripping(100, every=0.15))
    download(client, video, out)
    assert out.read_bytes() == stored.content


def real_time(_clock: Clock) -> float:
    return time.monotonic()


@unclosed_generators
def test_the_timeout_limits_the_whole_call(
    client: Caller, stored: StoredFile, video: Video, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored.server.script(stored.dripping(100, every=0.02))
    monkeypatch.setattr(Clock, "__call__", real_time)
    with pytest.raises(DownloadError, match=r"no time is left to retry|is not complete after") as caught:
        download(client, video, out, timeout=0.4)
    assert caught.value.received > 0


def test_the_timeout_limits_a_download_through_a_user_client(kind: Kind, out: Path) -> None:
    class Endless(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b"x"

        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                await anyio.lowlevel.checkpoint()
                yield b"x"

    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-length": "9999999"}, stream=Endless())

    transport = httpx.MockTransport(handler)
    with pytest.raises(DownloadError, match=r"no time is left to retry|is not complete after"):
        download_through_user_client(
            kind, video_at("https://files.example/v"), out, timeout=0.3, clock=RealClock(), transport=transport
        )


def test_the_timeout_limits_the_backoff(client: Caller, stored: StoredFile, video: Video, out: Path) -> None:
    stored.server.script(response(503))
    client.settings["max_retries"] = 99
    with pytest.raises(DownloadError, match=r"(responded 503|no data) .*, and no time is left to retry"):
        download(client, video, out, timeout=3)
    assert sum(client.clock.sleeps) < 3
    with pytest.raises(DownloadError, match=r"the file is not complete after 0 s, the timeout"):
        download(client, video, out, timeout=0)
    stored.server.script(stored)
    assert download(client, video, out, timeout=None) == out


# Writing in other threads.


@unclosed_generators
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("seconds", [0, 3600])
def test_slow_chunks_are_written_at_once_and_fast_chunks_together(
    stored: StoredFile, video: Video, out: Path, backend: str, seconds: float
) -> None:
    stored.server.script(stored.broken(200_000, stored.server.stall(), pieces=100_000, every=0.1), stored)
    part, sizes = out.with_name("out.mp4.part"), list[tuple[int, int]]()

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=LOCAL) as client:
            with anyio.CancelScope() as scope:

                def on_progress(so_far: int, _total: int | None) -> None:
                    clock.now += seconds
                    sizes.append((so_far, part.stat().st_size))
                    if so_far == 200_000:
                        scope.cancel()

                clock = Clock()
                client._clock = clock
                await client.download(video, out, timeout=None, on_progress=on_progress)

    anyio.run(main, backend=backend)
    assert all(size == (so_far if seconds else 0) for so_far, size in sizes)
    assert part.stat().st_size == 200_000


@pytest.mark.parametrize("step", ["open", "restart", "write", "finish"])
def test_a_cancellation_by_asyncio_leaves_no_writing_thread_and_no_lock(
    stored: StoredFile, video: Video, out: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, may_continue, left = threading.Event(), threading.Event(), threading.Event()
    original = getattr(PartialFile, step)

    def slow(*arguments: object) -> object:
        entered.set()
        may_continue.wait(LONG)
        try:
            return original(*arguments)
        finally:
            left.set()

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=LOCAL) as client:
            with monkeypatch.context() as patch:
                patch.setattr(PartialFile, step, slow)
                running = asyncio.create_task(client.download(video, out))
                await asyncio.to_thread(entered.wait, LONG)
                running.cancel()
                # The download waits for a step that has the lock of the partial file, and for no other one.
                await asyncio.wait([running], timeout=0.1)
                may_continue.set()
                with pytest.raises(asyncio.CancelledError):
                    await running
            await asyncio.to_thread(left.wait, LONG)
            await client.download(video, out, overwrite=True)

    asyncio.run(main())
    assert out.read_bytes() == stored.content
    assert names(out.parent) == ["out.mp4"]
