"""The signed URL of a file is in no frame of a traceback, however the download ends."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import threading
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from meshapi_video import AsyncVideoClient, DownloadError, MeshVideoError, Video
from support.clients import Caller, Kind
from support.files import LOCAL, PUBLIC, SIGNATURE, StoredFile, download, video_at
from support.frames import places_of
from support.http_library import httpx
from support.marks import unclosed_generators
from support.server import Response, Server, close, finished, reset, response, until_requested

USER_CLIENTS = pytest.mark.parametrize("user_client", [None, {"verify": False}], ids=["own transports", "user client"])


@pytest.fixture
def client(kind: Kind, user_client: dict[str, Any] | None) -> Caller:
    """A client with at most one retry."""
    made = Caller(kind, LOCAL, user_client=user_client)
    made.settings |= {"max_retries": 1, "timeout": 0.2}
    return made


# The signed URL.


FAILURES: dict[str, Callable[[StoredFile], Response]] = {
    "a reset": lambda _stored: reset,
    "a reset in the body": lambda stored: stored.broken(100_000, reset),
    "an end in the body": lambda stored: stored.broken(100_000, close),
    "no response": lambda stored: stored.server.stall(),
    "a body that stalls": lambda stored: stored.broken(100_000, stored.server.stall()),
    "no HTTP": lambda stored: stored.server.drip(b"hello\r\n\r\n"),
    "an expired URL": lambda _stored: response(403),
    "an unsafe redirect": lambda _stored: response(302, b"", location=f"https://10.0.0.1/v?X-Signature={SIGNATURE}"),
    "a redirect that is no URL": lambda _stored: response(302, b"", location=f"http://[x/?X-Signature={SIGNATURE}"),
}


@unclosed_generators
@USER_CLIENTS
@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_after_a_failure_no_frame_shows_the_signed_url(
    client: Caller, stored: StoredFile, video: Video, out: Path, failure: Callable[[StoredFile], Response]
) -> None:
    stored.supports_ranges = False
    stored.server.script(failure(stored))
    with pytest.raises(DownloadError) as caught:
        download(client, video, out)
    assert places_of(SIGNATURE, caught.value) == []


@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
def test_before_the_first_request_no_frame_shows_the_signed_url(
    kind: Kind, server: Server, video: Video, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Caller(kind, server.base_url)
    server.script(finished(url=video.url))
    with pytest.raises(DownloadError, match="has no last frame") as caught:
        download(client, "task-1", out, last_frame=True)
    assert places_of(SIGNATURE, caught.value) == []
    monkeypatch.setenv("https_proxy", "http://")
    with pytest.raises(MeshVideoError, match="HTTPS_PROXY cannot be used") as of_the_proxy:
        download(Caller(kind, LOCAL), video_at("https://files.example/v"), out)
    assert places_of(SIGNATURE, of_the_proxy.value) == []


@unclosed_generators
@USER_CLIENTS
@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
def test_after_an_exception_in_on_progress_no_frame_shows_the_signed_url(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    def fail(so_far: int, _total: int | None) -> None:
        if so_far:
            raise ZeroDivisionError

    assert stored.content
    with pytest.raises(ZeroDivisionError) as caught:
        download(client, video, out, on_progress=fail)
    assert places_of(SIGNATURE, caught.value) == []


STALLS = {"in the headers": 0, "in the body": 100_000}


@unclosed_generators
@USER_CLIENTS
@pytest.mark.parametrize("kind", ["sync"])
@pytest.mark.parametrize("after", STALLS.values(), ids=STALLS)
def test_after_ctrl_c_no_frame_shows_the_signed_url(
    client: Caller, stored: StoredFile, video: Video, out: Path, after: int
) -> None:
    def press_ctrl_c(connection: socket.socket) -> bool:
        # When the client has had time to wait for the next byte.
        stored.server.stopping.wait(0.1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        return stored.server.stall()(connection)

    stored.server.script(stored.broken(after, press_ctrl_c) if after else press_ctrl_c)
    client.settings["timeout"] = 20
    # A shell that starts the tests in the background makes them ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            download(client, video, out)
    finally:
        signal.signal(signal.SIGINT, before)
    assert places_of(SIGNATURE, caught.value) == []


async def cancel_by_asyncio_timeout(started: Awaitable[object], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        await started


async def cancel_by_wait_for(started: Awaitable[object], seconds: float) -> None:
    await asyncio.wait_for(started, seconds)


async def cancel_by_anyio(started: Awaitable[object], seconds: float) -> None:
    with anyio.fail_after(seconds):
        await started


async def cancel_the_task(started: Awaitable[object], seconds: float) -> None:
    running = asyncio.ensure_future(started)
    asyncio.get_running_loop().call_later(seconds, running.cancel)
    await running


@unclosed_generators
@USER_CLIENTS
@pytest.mark.parametrize(
    ("kind", "cancel"),
    [
        ("asyncio", cancel_by_asyncio_timeout),
        ("asyncio", cancel_by_wait_for),
        ("asyncio", cancel_the_task),
        ("asyncio", cancel_by_anyio),
        ("trio", cancel_by_anyio),
    ],
)
@pytest.mark.parametrize("after", STALLS.values(), ids=STALLS)
def test_after_a_cancellation_no_frame_shows_the_signed_url(
    client: Caller,
    stored: StoredFile,
    video: Video,
    out: Path,
    after: int,
    cancel: Callable[[Awaitable[object], float], Awaitable[None]],
) -> None:
    stalls = stored.server.stall()
    stored.server.script(stored.broken(after, stalls) if after else stalls)
    client.settings["timeout"] = 20
    inside, shown = list[BaseException](), list[str]()

    async def watched(client: AsyncVideoClient) -> None:
        try:
            await client.download(video, out)
        except BaseException as error:
            inside.append(error)
            shown.extend(places_of(SIGNATURE, error))
            raise

    async def cancelled(client: AsyncVideoClient, seconds: float) -> None:
        await cancel(watched(client), seconds)

    for attempts, seconds in enumerate(until_requested(stored.server), 1):
        with pytest.raises((TimeoutError, asyncio.CancelledError)) as caught:
            client.run(partial(cancelled, seconds=seconds))
        assert len(inside) == attempts
        assert shown + places_of(SIGNATURE, caught.value) == []


def test_the_error_of_a_user_transport_says_where_it_was_raised(kind: Kind, out: Path) -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError("mine")

    client = Caller(kind, PUBLIC, user_client={"transport": httpx.MockTransport(handler)})
    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        download(client, video_at("https://files.example/v"), out)
    assert "in handler" in "".join(caught.value.__notes__)
    assert SIGNATURE not in "".join(caught.value.__notes__)
    assert places_of(SIGNATURE, caught.value) == []


def test_the_exception_that_the_caller_handles_keeps_its_traceback(kind: Kind, out: Path) -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError

    client = Caller(kind, PUBLIC, user_client={"transport": httpx.MockTransport(handler)})
    handled = list[Exception]()
    try:
        json.loads("{")
    except ValueError as error:
        handled.append(error)
        with pytest.raises(ZeroDivisionError):
            download(client, video_at("https://files.example/v"), out)
    assert traceback.extract_tb(handled[0].__traceback__)[-1].name == "raw_decode"
    assert not hasattr(handled[0], "__notes__")
