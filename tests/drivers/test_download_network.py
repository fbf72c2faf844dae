"""Redirects, unsafe addresses, TLS, proxies, and the transports of a user's client."""

from __future__ import annotations

import errno
import os
import socket
import threading
from itertools import pairwise
from pathlib import Path

import anyio
import pytest

from meshapi_video import (
    DownloadError,
    MeshVideoError,
    Video,
    VideoTaskResponse,
)
from meshapi_video._download.request import READ_SIZE
from support.clients import Caller, Kind
from support.files import (
    LOCAL,
    SIGNATURE,
    StoredFile,
    download,
    download_through_user_client,
    names,
    video_at,
)
from support.http_library import httpx
from support.many_tasks import LONG
from support.marks import unclosed_generators
from support.server import Response, Server, close, response


def redirect(target: str, status: int = 302) -> Response:
    return response(status, b"", location=target, set_cookie="user=me; Path=/")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_without_cookies_or_other_headers(
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


def test_at_most_five_redirects_in_a_row_are_followed(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    stored.server.script(*[redirect("/again")] * 5, stored)
    download(client, video, out)
    assert out.read_bytes() == stored.content
    stored.server.script(redirect("/again"))
    stored.server.requests.clear()
    with pytest.raises(DownloadError, match="more than 5 redirects in a row"):
        download(client, video, out, overwrite=True)
    assert len(stored.server.requests) == 6


@unclosed_generators
def test_after_a_failure_the_next_request_goes_to_the_first_address(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    store = stored.server
    store.script(redirect("/a"), stored.broken(100_000, close), redirect("/b"), stored)
    download(client, video, out)
    assert out.read_bytes() == stored.content
    first = f"/v?X-Signature={SIGNATURE}"
    assert [request.target for request in store.requests] == [first, "/a", first, "/b"]
    assert [request.headers.get("range") for request in store.requests[2:]] == ["bytes=100000-"] * 2


UNSAFE_URLS = {
    "ftp://files.example/v.mp4": "its scheme is not http or https",
    "file:///etc/passwd": "its scheme is not http or https",
    "https:///v.mp4": "its host is missing or not usable",
    "//": "its scheme is not http or https",
    "https://a:b@files.example/v.mp4": r"on files\.example contains a user name or a password",
    "http://files.example/v.mp4": r"on files\.example is plain http",
    "http://192.168.0.1/v.mp4": r"on 192\.168\.0\.1 is plain http",
    "http://127.0.0.1.files.example/v.mp4": "is plain http",
    "http://localhost@files.example/v.mp4": "contains a user name",
    "https://[/v.mp4": "its host is missing or not usable",
    "https://x:y/v.mp4": "it is not a URL",
}


@pytest.mark.parametrize(("url", "message"), UNSAFE_URLS.items())
def test_no_request_is_sent_to_an_unsafe_address(
    client: Caller, store: Server, out: Path, url: str, message: str
) -> None:
    with pytest.raises(DownloadError, match=message) as caught:
        download(client, Video(url, None, VideoTaskResponse("task-1", "succeeded")), out)
    assert names(out.parent) == []
    store.script(redirect(url))
    if url != "//":
        with pytest.raises(DownloadError, match=f"{message}|redirect to a location that is not a URL"):
            download(client, video_at(store), out)
        assert len(store.requests) == 1
    assert client.clock.sleeps == []
    assert "a:b" not in str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_plain_http_is_allowed_to_this_machine(client: Caller, stored: StoredFile, out: Path, host: str) -> None:
    download(client, video_at(f"{stored.server.base_url.replace('127.0.0.1', host)}/v"), out)
    assert out.read_bytes() == stored.content


def test_a_download_works_over_tls(client: Caller, tls_server: Server, out: Path) -> None:
    stored = StoredFile(tls_server)
    tls_server.script(stored)
    download(client, video_at(tls_server), out)
    assert out.read_bytes() == stored.content


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_many_records_of_tls_are_read_together(client: Caller, tls_server: Server, out: Path) -> None:
    stored, sizes = StoredFile(tls_server), list[int]()
    tls_server.script(stored)
    download(client, video_at(tls_server), out, on_progress=lambda so_far, _total: sizes.append(so_far))
    assert out.read_bytes() == stored.content
    # A record has at most 16 KiB.
    assert max(later - earlier for earlier, later in pairwise(sizes)) > 16 * 1024


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_records_of_tls_are_read_together_up_to_the_size_of_a_read(
    client: Caller, tls_server: Server, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshapi_video._async.download.READ_SIZE", 20_000)
    stored, sizes = StoredFile(tls_server), list[int]()
    tls_server.script(stored)
    download(client, video_at(tls_server), out, on_progress=lambda so_far, _total: sizes.append(so_far))
    assert out.read_bytes() == stored.content
    assert max(later - earlier for earlier, later in pairwise(sizes)) == 20_000


BOXES = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\0\x08moov\0\0\0\x10mdat" + bytes(8)
"""A whole video, as far as its bytes show."""


def damaged_after(head: bytes) -> Response:
    """A response whose body is followed by a damaged record of TLS."""

    def send(connection: socket.socket) -> bool:
        connection.sendall(head + BOXES)
        # Below TLS.
        os.write(connection.fileno(), b"\x17\x03\x03\x00\x20" + bytes(32))
        return False

    return send


def test_a_damaged_record_of_tls_is_not_the_end_of_a_video_without_a_length(
    client: Caller, tls_server: Server, out: Path
) -> None:
    tls_server.script(damaged_after(b"HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\nconnection: close\r\n\r\n"))
    with pytest.raises(DownloadError, match=f" {len(BOXES)} bytes are kept"):
        download(client, video_at(tls_server), out)
    assert not out.exists()


def test_a_damaged_record_of_tls_after_a_whole_video_does_no_harm(
    client: Caller, tls_server: Server, out: Path
) -> None:
    length = b"content-length: %d\r\n" % len(BOXES)
    tls_server.script(damaged_after(b"HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\n" + length + b"\r\n"))
    download(client, video_at(tls_server), out)
    assert out.read_bytes() == BOXES
    assert len(tls_server.requests) == 1


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_a_download_goes_on_when_the_program_may_open_files_again(
    client: Caller, stored: StoredFile, video: Video, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fromfd, calls = socket.fromfd, list[int]()

    def too_many_once(descriptor: int, family: int, kind: int) -> socket.socket:
        calls.append(descriptor)
        if len(calls) == 1:
            raise OSError(errno.EMFILE, "Too many open files")
        return fromfd(descriptor, family, kind)

    monkeypatch.setattr(socket, "fromfd", too_many_once)
    stored.server.script(stored)
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert len(client.clock.sleeps) == 1


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_the_size_of_a_read_does_not_depend_on_the_size_of_the_file(
    client: Caller, stored: StoredFile, video: Video, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = set[int]()

    class RecordedSocket(socket.socket):
        def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
            sizes.add(bufsize)
            return super().recv(bufsize, flags)

    def recorded(descriptor: int, family: int, kind: int) -> socket.socket:
        return RecordedSocket(family, kind, fileno=os.dup(descriptor))

    monkeypatch.setattr(socket, "fromfd", recorded)
    stored.content = stored.content[:1000] + bytes(3 * READ_SIZE)
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert sizes == {READ_SIZE}


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_a_download_waits_again_if_the_system_says_too_early_that_there_is_something_to_read(
    client: Caller, stored: StoredFile, video: Video, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_readable, calls, may_send = anyio.wait_readable, list[object](), threading.Event()

    async def too_early_once(waited_for: socket.socket) -> None:
        calls.append(waited_for)
        if len(calls) > 1:
            may_send.set()
            await wait_readable(waited_for)

    def send(connection: socket.socket) -> bool:
        return may_send.wait(LONG) and stored(connection)

    monkeypatch.setattr(anyio, "wait_readable", too_early_once)
    stored.server.script(send)
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert len(stored.server.requests) == 1


def test_a_download_uses_the_proxy_of_the_environment(
    client: Caller, store: Server, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", store.base_url)
    store.script(response(403))
    with pytest.raises(
        DownloadError, match=r"the connection to files\.example failed: the proxy http:\S+ refused .*: 403"
    ):
        download(client, video_at("https://files.example/v.mp4"), out)
    assert {(request.method, request.target) for request in store.requests} == {("CONNECT", "files.example:443")}
    assert "authorization" not in store.requests[0].headers
    monkeypatch.setenv("https_proxy", "http://")
    with pytest.raises(MeshVideoError, match="HTTPS_PROXY cannot be used"):
        download(client, video_at("https://files.example/v.mp4"), out)


# Through a user's client.


def test_only_the_transport_of_a_user_client_is_used(kind: Kind, stored: StoredFile, video: Video, out: Path) -> None:
    def fail(_something: object) -> None:
        raise AssertionError

    stored.headers["set-cookie"] = "a=b"
    hooks = {"request": [fail], "response": [fail]}
    cookies = download_through_user_client(
        kind,
        video,
        out,
        auth=("me", "secret"),
        base_url=LOCAL,
        cookies={"user": "me"},
        headers={"x-mine": "1"},
        params={"x": "1"},
        event_hooks=hooks,
    )
    assert out.read_bytes() == stored.content
    assert sorted(stored.server.requests[0].headers) == ["accept", "accept-encoding", "host", "user-agent"]
    assert stored.server.requests[0].target == f"/v?X-Signature={SIGNATURE}"
    assert cookies == {"user": "me"}


def test_the_mounts_of_a_user_client_are_used(kind: Kind, out: Path) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        assert "authorization" not in request.headers
        return httpx.Response(200, content=b"from the mount")

    video = video_at("https://files.example/v")
    download_through_user_client(kind, video, out, mounts={"https://files.example": httpx.MockTransport(handler)})
    assert out.read_bytes() == b"from the mount"
