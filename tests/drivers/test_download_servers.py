"""Servers of files with other habits: pages instead of files, URLs that expire, bodies that end in other ways."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

import meshapi_video_sandbox
from meshapi_video import APIError, ConnectionFailed, DownloadError, MeshVideoError, Video
from support.clients import Caller
from support.files import StoredFile, download, names, ranges
from support.marks import unclosed_generators
from support.server import Response, Server, close, finished, http, raw, reset, response

CLIP = Path(meshapi_video_sandbox.__file__).with_name("video.mp4").read_bytes()

PAGES = {
    "JSON": response(200, b'{"error": "expired"}', content_type="application/json"),
    "JSON as a video": response(200, b' {"error": "expired"}', content_type="video/mp4", etag='"v1"'),
    "XML": response(200, b"<Error><Code>AccessDenied</Code></Error>", content_type="application/xml"),
    "XML as bytes": response(
        200, b"\xef\xbb\xbf<?xml ?><Error/>", content_type="application/octet-stream", etag='"v1"'
    ),
    "text": response(200, b"Access denied", content_type="text/plain"),
    "HTML without a type": raw(http(200, b"<html>Log in", etag='"v1"')),
}


@unclosed_generators
@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_page_with_the_status_200_is_retried_and_is_never_saved(
    client: Caller, stored: StoredFile, video: Video, out: Path, page: Response
) -> None:
    stored.server.script(page, stored)
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert ranges(stored.server) == [None, None]
    stored.server.script(page)
    with pytest.raises(DownloadError, match="instead of the video") as caught:
        download(client, video, out, overwrite=True)
    assert caught.value.part is None
    assert out.read_bytes() == stored.content
    assert names(out.parent) == ["out.mp4"]


@pytest.mark.parametrize("media_type", ["video/mp4", "application/octet-stream", "binary/octet-stream", "image/x"])
def test_bytes_of_any_other_type_are_saved(
    client: Caller, stored: StoredFile, video: Video, out: Path, media_type: str
) -> None:
    stored.headers["content-type"] = media_type
    download(client, video, out)
    assert out.read_bytes() == stored.content


@unclosed_generators
@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_url_that_expires_during_a_download_by_id_is_replaced_and_the_download_continues(
    client: Caller, server: Server, stored: StoredFile, video: Video, out: Path, status: int
) -> None:
    new_url = video.url.replace("/v?", "/new?")
    server.script(finished(url=video.url), finished(url=new_url))
    stored.server.script(stored.broken(100_000, reset), response(status, b"<Error/>"), stored)
    assert download(client, "task-1", out) == out
    assert out.read_bytes() == stored.content
    assert len(server.requests) == 2
    first, second, third = stored.server.requests
    assert first.target == second.target
    assert third.target.startswith("/new?")
    assert ranges(stored.server)[2] == "bytes=100000-"
    assert "authorization" not in third.headers


@unclosed_generators
def test_a_url_that_expires_before_each_new_byte_ends_the_download(
    client: Caller, server: Server, stored: StoredFile, video: Video, out: Path
) -> None:
    server.script(finished(url=video.url))
    refused = response(403)
    stored.server.script(stored.broken(100_000, reset), refused, stored.broken(1, reset), refused, refused)
    with pytest.raises(DownloadError, match="this URL is new") as caught:
        download(client, "task-1", out)
    assert caught.value.received == 100_001
    assert len(server.requests) == 3
    assert len(stored.server.requests) == 5


@unclosed_generators
def test_an_error_of_the_new_url_reaches_the_caller_and_the_bytes_stay(
    client: Caller, server: Server, stored: StoredFile, video: Video, out: Path
) -> None:
    server.script(finished(url=video.url), response(401, {"error": {"message": "no key"}}))
    stored.server.script(stored.broken(100_000, reset), response(403))
    with pytest.raises(APIError, match="no key"):
        download(client, "task-1", out)
    assert out.with_name("out.mp4.part").stat().st_size == 100_000


def closed_after(client: Caller, seconds: float) -> Response:
    """Closes the connection, after the clock of the client has moved."""

    def close_late(connection: socket.socket) -> bool:
        client.clock.now += seconds
        return close(connection)

    return close_late


@pytest.mark.parametrize(("seconds", "error"), [(1, ConnectionFailed), (30, DownloadError)])
def test_the_timeout_of_a_download_includes_the_request_for_its_url(
    client: Caller, server: Server, out: Path, seconds: float, error: type[MeshVideoError]
) -> None:
    client.settings["max_retries"] = 0
    server.script(closed_after(client, seconds))
    with pytest.raises(error, match="before the timeout" if error is DownloadError else "no complete response"):
        download(client, "task-1", out, timeout=20)


@unclosed_generators
def test_the_timeout_of_a_download_includes_the_request_for_a_new_url(
    client: Caller, server: Server, stored: StoredFile, video: Video, out: Path
) -> None:
    server.script(finished(url=video.url), closed_after(client, 30))
    stored.server.script(stored.broken(100_000, reset), response(403))
    with pytest.raises(DownloadError, match="the task could not be fetched before the timeout") as caught:
        download(client, "task-1", out, timeout=20)
    assert caught.value.received == 100_000


@unclosed_generators
def test_the_url_of_a_callers_video_is_not_replaced(
    client: Caller, server: Server, stored: StoredFile, video: Video, out: Path
) -> None:
    stored.server.script(stored.broken(100_000, reset), response(403))
    with pytest.raises(DownloadError, match="download by the task's id"):
        download(client, video, out)
    assert server.requests == []


def head(version: str, *headers: str) -> bytes:
    return "\r\n".join([f"{version} 200 OK", "Content-Type: video/mp4", *headers, "", ""]).encode()


CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(CLIP), CLIP)
ENDS = {
    "aws-chunked": head("HTTP/1.1", f"Content-Length: {len(CLIP)}", "Content-Encoding: aws-chunked") + CLIP,
    "HTTP/1.0 with a length": head("HTTP/1.0", f"Content-Length: {len(CLIP)}") + CLIP,
    "HTTP/1.0 that closes": head("HTTP/1.0") + CLIP,
    "HTTP/1.1 that closes": head("HTTP/1.1", "Connection: close") + CLIP,
    "a length beside chunks": head("HTTP/1.1", "Content-Length: 5", "Transfer-Encoding: chunked") + CHUNKS,
    "an unasked 206": (
        head("HTTP/1.1", f"Content-Range: bytes 0-{len(CLIP) - 1}/{len(CLIP)}", f"Content-Length: {len(CLIP)}") + CLIP
    ).replace(b"200 OK", b"206 Partial Content"),
}


@pytest.mark.parametrize("sent", ENDS.values(), ids=ENDS)
def test_a_body_is_complete_however_its_end_is_stated(
    client: Caller, stored: StoredFile, video: Video, out: Path, sent: bytes
) -> None:
    stored.server.script(raw(sent))
    download(client, video, out)
    assert out.read_bytes() == CLIP
    assert len(stored.server.requests) == 1


@unclosed_generators
def test_an_unasked_206_of_the_first_part_is_continued(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    size = len(stored.content)
    part = http(200, stored.content[:1000], content_range=f"bytes 0-999/{size}", etag='"v1"', content_type="video/mp4")
    stored.server.script(raw(part.replace(b"200 Whatever", b"206 Partial Content")), stored)
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert ranges(stored.server) == [None, "bytes=1000-"]


@unclosed_generators
def test_a_video_that_ends_early_with_its_connection_is_requested_again(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    truncated = head("HTTP/1.1", "Connection: close") + CLIP[:-1]
    stored.server.script(raw(truncated), raw(ENDS["HTTP/1.1 that closes"]))
    download(client, video, out)
    assert out.read_bytes() == CLIP
    stored.server.script(raw(truncated))
    with pytest.raises(DownloadError, match="the connection ended before the end of the video"):
        download(client, video, out, overwrite=True)
    assert out.read_bytes() == CLIP


@unclosed_generators
def test_bytes_of_another_format_need_a_stated_length(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    stored.server.script(raw(head("HTTP/1.1", 'ETag: "v1"') + b"abc"))
    with pytest.raises(DownloadError, match="the server does not state the length"):
        download(client, video, out)
    assert len(stored.server.requests) == 1
    assert names(out.parent) == []
