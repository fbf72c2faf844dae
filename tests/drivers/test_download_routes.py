"""Which way a file comes, how long it may take, and what an interruption leaves: real sockets, moments of real time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from meshapi_video import AsyncVideoClient, DownloadError, MeshVideoError, Video, VideoClient, VideoTaskResponse
from support.by_id import LONG, RealTime
from support.clients import KEY, Caller, Kind
from support.clock import Clock
from support.files import SIGNATURE, StoredFile, download, names, video_at
from support.server import Answer, Server, answer, close, http, raw

left_by_httpx = pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")


def redirect(target: str, status: int = 302) -> Answer:
    return answer(status, b"", location=target, set_cookie="who=me; Path=/")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_and_takes_nothing_along(
    client: Caller, server: Server, stored: StoredFile, out: Path, status: int
) -> None:
    server.script(redirect("/moved", status), redirect(f"{stored.server.base_url}/x?X-Signature=other", status))
    download(client, video_at(server), out)
    assert out.read_bytes() == stored.content
    assert [request.target for request in server.requests] == [f"/v?X-Signature={SIGNATURE}", "/moved"]
    (request,) = stored.server.requests
    assert request.target == "/x?X-Signature=other"
    for sent in (*server.requests, request):
        assert sorted(sent.headers) == ["accept", "accept-encoding", "host", "user-agent"]


def test_redirects_are_followed_only_so_far(client: Caller, stored: StoredFile, video: Video, out: Path) -> None:
    stored.server.script(*[redirect("/again")] * 5, stored)
    download(client, video, out)
    assert out.read_bytes() == stored.content
    stored.server.script(redirect("/again"))
    stored.server.requests.clear()
    with pytest.raises(DownloadError, match="more than 5 redirects in a row"):
        download(client, video, out, overwrite=True)
    assert len(stored.server.requests) == 6


@left_by_httpx
def test_after_a_break_it_is_asked_for_at_its_first_address(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    store = stored.server
    store.script(redirect("/a"), stored.broken(100_000, close), redirect("/b"), stored)
    download(client, video, out)
    assert out.read_bytes() == stored.content
    first = f"/v?X-Signature={SIGNATURE}"
    assert [request.target for request in store.requests] == [first, "/a", first, "/b"]
    assert [request.headers.get("range") for request in store.requests[2:]] == ["bytes=100000-"] * 2


NOT_TO_BE_ASKED = {
    "ftp://files.example/v.mp4": "should be https, and is ftp",
    "file:///etc/passwd": "should be https, and is file",
    "https:///v.mp4": "no web address",
    "//": "no web address",
    "https://a:b@files.example/v.mp4": r"on files\.example holds a user's name or password",
    "http://files.example/v.mp4": r"on files\.example is plain http",
    "http://192.168.0.1/v.mp4": r"on 192\.168\.0\.1 is plain http",
    "http://127.0.0.1.files.example/v.mp4": "is plain http",
    "http://localhost@files.example/v.mp4": "holds a user's name",
    "https://[/v.mp4": "no web address",
    "https://x:y/v.mp4": "no web address",
}


@pytest.mark.parametrize(("address", "said"), NOT_TO_BE_ASKED.items())
def test_an_address_that_is_not_to_be_asked_is_refused(
    client: Caller, store: Server, out: Path, address: str, said: str
) -> None:
    with pytest.raises(DownloadError, match=said) as caught:
        download(client, Video(address, None, VideoTaskResponse("task-1", "succeeded")), out)
    assert names(out.parent) == []
    store.script(redirect(address))
    if address != "//":
        with pytest.raises(DownloadError, match=f"{said}|redirect to what is no web address"):
            download(client, video_at(store), out)
        assert len(store.requests) == 1
    assert client.clock.sleeps == []
    assert "a:b" not in str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_plain_http_is_good_enough_for_this_machine(client: Caller, stored: StoredFile, out: Path, host: str) -> None:
    download(client, video_at(f"{stored.server.base_url.replace('127.0.0.1', host)}/v"), out)
    assert out.read_bytes() == stored.content


def test_a_file_comes_over_tls(client: Caller, secure: Server, out: Path) -> None:
    stored = StoredFile(secure)
    secure.script(stored)
    download(client, video_at(secure), out)
    assert out.read_bytes() == stored.content


def test_the_environments_proxy_is_asked_for_the_way(
    client: Caller, store: Server, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", store.base_url)
    store.script(answer(403))
    with pytest.raises(DownloadError, match=r"the connection to files\.example failed: 403"):
        download(client, video_at("https://files.example/v.mp4"), out)
    assert {(request.method, request.target) for request in store.requests} == {("CONNECT", "files.example:443")}
    assert "authorization" not in store.requests[0].headers
    monkeypatch.setenv("https_proxy", "http://")
    with pytest.raises(MeshVideoError, match="HTTPS_PROXY cannot be used"):
        download(client, video_at("https://files.example/v.mp4"), out)


# Through a client of the user's.


def borrowing(
    kind: Kind,
    video: Video,
    out: Path,
    *,
    timeout: float = 60,
    clock: Clock | None = None,
    **borrowed: Any,  # noqa: ANN401
) -> httpx.Client | httpx.AsyncClient:
    """Downloads through a client with these settings of httpx's, and hands it back as it was afterwards."""
    clock = clock or Clock()
    if kind == "sync":
        with httpx.Client(**borrowed) as http_client, VideoClient(KEY, http_client=http_client) as client:
            client._clock, client._sleep = clock, clock.sleep
            client.download(video, out, timeout=timeout)
            client.close()
            assert not http_client.is_closed
            return http_client

    async def main() -> httpx.AsyncClient:
        async with (
            httpx.AsyncClient(**borrowed) as http_client,
            AsyncVideoClient(KEY, http_client=http_client) as client,
        ):
            client._clock, client._sleep = clock, clock.sleep_async
            await client.download(video, out, timeout=timeout)
            await client.close()
            assert not http_client.is_closed
            return http_client

    return anyio.run(main, backend=kind)


def test_a_borrowed_client_lends_its_transport_and_nothing_else(
    kind: Kind, stored: StoredFile, video: Video, out: Path
) -> None:
    def fail(_something: object) -> None:
        raise AssertionError

    stored.headers["set-cookie"] = "a=b"
    hooks = {"request": [fail], "response": [fail]}
    lent = borrowing(
        kind,
        video,
        out,
        auth=("me", "secret"),
        cookies={"who": "me"},
        headers={"x-mine": "1"},
        params={"x": "1"},
        event_hooks=hooks,
    )
    assert out.read_bytes() == stored.content
    assert sorted(stored.server.requests[0].headers) == ["accept", "accept-encoding", "host", "user-agent"]
    assert stored.server.requests[0].target == f"/v?X-Signature={SIGNATURE}"
    assert dict(lent.cookies) == {"who": "me"}


def test_a_borrowed_clients_mounts_are_the_way(kind: Kind, out: Path) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        assert "authorization" not in request.headers
        return httpx.Response(200, content=b"from the mount")

    video = video_at("https://files.example/v")
    borrowing(kind, video, out, mounts={"https://files.example": httpx.MockTransport(handler)})
    assert out.read_bytes() == b"from the mount"


def test_more_than_was_announced_is_not_the_file(kind: Kind, out: Path) -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"four", headers={"content-length": "3", "etag": '"v1"'})

    with pytest.raises(DownloadError, match="more came than the 3 bytes announced"):
        borrowing(kind, video_at("https://files.example/v"), out, transport=httpx.MockTransport(handler))
    assert not out.exists()


# How long it may take.


@pytest.mark.parametrize("target", ["http://127.0.0.1:9/admin", "https://localhost/admin", "http://[::1]/"])
def test_nobody_elsewhere_points_at_what_only_this_machine_can_reach(kind: Kind, out: Path, target: str) -> None:
    asked = list[str]()

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(302, headers={"location": target})

    with pytest.raises(DownloadError, match="it redirects to this machine itself"):
        borrowing(kind, video_at("https://files.example/v"), out, transport=httpx.MockTransport(handler))
    assert asked == ["files.example"]


@left_by_httpx
@pytest.mark.parametrize("stalls", ["at once", "in the headers", "in the body"])
def test_a_connection_on_which_nothing_comes_is_given_up_and_gone_on_from(
    client: Caller, stored: StoredFile, video: Video, out: Path, stalls: str
) -> None:
    store = stored.server
    client.settings["timeout"] = 0.2
    ways = {
        "at once": store.stall(),
        "in the headers": store.drip(b"HTTP/1.1 200 OK\r\nx-slow: " + b"y" * 9999, every=0.05),
        "in the body": stored.broken(100_000, store.stall()),
    }
    store.script(ways[stalls], stored)
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert store.requests[1].headers.get("range") == ("bytes=100000-" if stalls == "in the body" else None)
    client.settings["max_retries"] = 0
    store.script(ways[stalls])
    with pytest.raises(DownloadError, match=r"nothing came from 127\.0\.0\.1 for 0\.2 s"):
        download(client, video, out, overwrite=True)


@left_by_httpx
def test_a_slow_file_is_no_stalled_one(client: Caller, stored: StoredFile, video: Video, out: Path) -> None:
    client.settings |= {"timeout": 0.6, "max_retries": 0}
    stored.content = stored.content[:600]
    stored.server.script(stored.dripping(100, every=0.15))
    download(client, video, out)
    assert out.read_bytes() == stored.content


def real_time(_clock: Clock) -> float:
    return time.monotonic()


@left_by_httpx
def test_the_whole_call_takes_no_longer_than_it_may(
    client: Caller, stored: StoredFile, video: Video, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored.server.script(stored.dripping(100, every=0.02))
    monkeypatch.setattr(Clock, "__call__", real_time)
    with pytest.raises(DownloadError, match=r"no time is left to ask again|all the time it had") as caught:
        download(client, video, out, timeout=0.4)
    assert caught.value.received > 0


def test_a_borrowed_client_is_given_no_more_time_either(kind: Kind, out: Path) -> None:
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
    with pytest.raises(DownloadError, match=r"no time is left to ask again|all the time it had"):
        borrowing(kind, video_at("https://files.example/v"), out, timeout=0.3, clock=RealTime(), transport=transport)


def test_waiting_for_another_try_ends_with_the_time_of_the_call(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    stored.server.script(answer(503))
    client.settings["max_retries"] = 99
    with pytest.raises(DownloadError, match=r"(answers 503|nothing came) .*, and no time is left to ask again"):
        download(client, video, out, timeout=3)
    assert sum(client.clock.sleeps) < 3
    with pytest.raises(DownloadError, match=r"not whole after 0 s, which is all the time it had"):
        download(client, video, out, timeout=0)
    stored.server.script(stored)
    assert download(client, video, out, timeout=None) == out


# Cancelling.


@left_by_httpx
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_cancelling_is_prompt_and_keeps_the_bytes(stored: StoredFile, video: Video, out: Path, backend: str) -> None:
    stored.server.script(stored.broken(100_000, stored.server.stall()), stored)

    async def main() -> None:
        async with AsyncVideoClient(KEY) as client:
            with anyio.fail_after(10), anyio.CancelScope() as scope:
                await client.download(
                    video, out, on_progress=lambda so_far, _: scope.cancel() if so_far == 100_000 else None
                )
            assert scope.cancelled_caught
            assert out.with_name("out.mp4.part").stat().st_size == 100_000
            await client.download(video, out)

    anyio.run(main, backend=backend)
    assert out.read_bytes() == stored.content
    assert stored.server.requests[1].headers["range"] == "bytes=100000-"


@left_by_httpx
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("seconds", [0, 3600])
def test_what_comes_slowly_is_written_soon_and_what_comes_fast_in_few_pieces(
    stored: StoredFile, video: Video, out: Path, backend: str, seconds: float
) -> None:
    stored.server.script(stored.broken(200_000, stored.server.stall(), pieces=100_000, every=0.1), stored)
    part, sizes = out.with_name("out.mp4.part"), list[tuple[int, int]]()

    async def main() -> None:
        async with AsyncVideoClient(KEY) as client:
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


@pytest.mark.parametrize("step", ["open", "begin", "write", "finish"])
def test_a_task_that_asyncio_cancels_leaves_no_thread_writing_and_no_lock(
    stored: StoredFile, video: Video, out: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, go_on, left = threading.Event(), threading.Event(), threading.Event()
    real = getattr(__import__("meshapi_video._part", fromlist=["Part"]).Part, step)

    def slow(*arguments: object) -> object:
        entered.set()
        go_on.wait(LONG)
        try:
            return real(*arguments)
        finally:
            left.set()

    async def main() -> None:
        async with AsyncVideoClient(KEY) as client:
            with monkeypatch.context() as patch:
                patch.setattr(f"meshapi_video._part.Part.{step}", slow)
                running = asyncio.create_task(client.download(video, out))
                await asyncio.to_thread(entered.wait, LONG)
                running.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await running
            # What the thread was at, it does now.
            go_on.set()
            await asyncio.to_thread(left.wait, LONG)
            await client.download(video, out, overwrite=True)

    asyncio.run(main())
    assert out.read_bytes() == stored.content
    assert names(out.parent) == ["out.mp4"]


# How it stands beside others.


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_many_at_once_do_not_hinder_each_other(stored: StoredFile, tmp_path: Path, backend: str) -> None:
    stored.server.script(raw(http(200, stored.content), stays_open=True))

    async def main() -> None:
        async with AsyncVideoClient(KEY) as client, anyio.create_task_group() as group:
            for number in range(30):
                group.start_soon(client.download, video_at(stored.server, f"task-{number}"), tmp_path)

    anyio.run(main, backend=backend)
    assert len(names(tmp_path)) == 30
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {stored.content}


def test_threads_that_want_the_same_file_get_it_once(stored: StoredFile, video: Video, out: Path) -> None:
    stored.server.script(raw(http(200, stored.content), stays_open=True))
    got, refused = list[Path](), list[str]()

    def run(client: VideoClient) -> None:
        try:
            got.append(client.download(video, out))
        except DownloadError as error:
            refused.append(str(error))

    with VideoClient(KEY) as client:
        threads = [threading.Thread(target=run, args=(client,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert got == [out]
    assert len(refused) == 7
    assert all("under way" in said or "exists already" in said for said in refused)
    assert out.read_bytes() == stored.content
    assert names(out.parent) == ["out.mp4"]
