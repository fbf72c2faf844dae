"""Which failures a download retries, and which errors it raises."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from meshapi_video import (
    DownloadError,
    Video,
)
from support.clients import Caller, Kind
from support.files import (
    StoredFile,
    download,
    download_through_user_client,
    leave_partial_file,
    names,
    video_at,
)
from support.marks import unclosed_generators
from support.server import Response, Server, close, finished, http, raw, reset, response, serving

FAILURES: dict[str, Response] = {
    "408": response(408),
    "429": response(429),
    "500": response(500, b"<Error/>", content_type="application/xml"),
    "503": response(503),
    "a reset": reset,
    "no response": close,
    "not HTTP": raw(b"garbage\r\n\r\n"),
    "an HTML page": response(200, b"<html>Log in", content_type="text/html; charset=utf-8"),
    "no body": response(200, b"", content_type="video/mp4"),
    "a truncated body": raw(http(200, b"1234").replace(b"length: 4", b"length: 300000")),
}


@unclosed_generators
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_a_temporary_failure_is_retried_and_raised_after_the_last_retry(
    client: Caller, stored: StoredFile, video: Video, out: Path, failure: Response
) -> None:
    client.settings["max_retries"] = 3
    stored.server.script(failure, failure, stored)
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert client.clock.sleeps == sorted(client.clock.sleeps)
    out.unlink()
    stored.server.script(failure)
    stored.server.requests.clear()
    with pytest.raises(DownloadError, match=r"^task task-1: "):
        download(client, video, out)
    assert 4 <= len(stored.server.requests) <= 5
    assert not out.exists()


@unclosed_generators
def test_each_new_byte_resets_the_count_of_failures(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    client.settings["max_retries"] = 1
    stored.server.script(*[stored.broken(30_000, close)] * 9, stored)
    download(client, video, out)
    assert out.read_bytes() == stored.content


@unclosed_generators
def test_the_same_bytes_again_do_not_reset_the_count_of_failures(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    stored.supports_ranges = False
    stored.server.script(stored.broken(30_000, close))
    with pytest.raises(DownloadError):
        download(client, video, out)
    assert len(stored.server.requests) == 3


def test_a_download_respects_retry_after(client: Caller, stored: StoredFile, video: Video, out: Path) -> None:
    stored.server.script(response(503, retry_after="7"), stored)
    download(client, video, out)
    assert client.clock.sleeps == [7]
    stored.server.script(response(429, retry_after="60"))
    with pytest.raises(DownloadError, match=r"429 Too Many Requests, and sent Retry-After: 60 s"):
        download(client, video, out, overwrite=True)
    assert client.clock.sleeps == [7]


@unclosed_generators
def test_the_error_for_a_server_that_is_gone_names_the_kept_bytes(client: Caller, out: Path) -> None:
    with serving() as store:
        stored = StoredFile(store)
        leave_partial_file(client, stored, video_at(store), out)
        gone = video_at(store)
    with pytest.raises(DownloadError, match=r"the connection to 127\.0\.0\.1 failed") as caught:
        download(client, gone, out)
    assert caught.value.received == 100_000
    assert len(client.clock.sleeps) == 2


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_the_error_for_an_expired_url_says_how_to_get_a_new_url(
    client: Caller, server: Server, stored: StoredFile, video: Video, out: Path, status: int
) -> None:
    stored.server.script(response(status, b"<Error><Code>AccessDenied</Code></Error>"))
    with pytest.raises(DownloadError, match=rf"responded {status} .* 24 hours .* download by the task's id"):
        download(client, video, out)
    server.script(finished(url=video.url))
    with pytest.raises(
        DownloadError, match=rf"responded {status} .* 24 hours .* this URL is new, so the video may have been deleted"
    ):
        download(client, "task-1", out)
    assert len(stored.server.requests) == 2
    assert names(out.parent) == []


@pytest.mark.parametrize(
    ("of_the_server", "message"),
    [
        (response(400), "responded 400 Bad Request"),
        (response(206, b"x"), "responded 206"),
        (response(416), "responded 416"),
        (response(204), "responded 204"),
        (response(499), "responded 499"),
        (raw(http(200, b"x", content_encoding="gzip")), "content encoding 'gzip', which was not requested"),
        (raw(b"HTTP/1.1 200 OK\r\n\r\nabc"), "does not state the length"),
        (response(302), "sent a redirect without a location"),
        (response(302, location="http://[x/"), "sent a redirect to a location that is not a URL"),
    ],
)
@unclosed_generators
def test_a_permanent_failure_is_raised_at_once(
    client: Caller, stored: StoredFile, video: Video, out: Path, of_the_server: Response, message: str
) -> None:
    stored.server.script(of_the_server)
    with pytest.raises(DownloadError, match=message):
        download(client, video, out)
    assert len(stored.server.requests) == 1
    assert names(out.parent) == []


def test_a_file_of_unknown_length_is_complete_at_the_regular_end_of_the_body(
    client: Caller, store: Server, video: Video, out: Path
) -> None:
    head = b'HTTP/1.1 200 OK\r\netag: "v1"\r\ntransfer-encoding: chunked\r\n\r\n'
    store.script(raw(head + b"5\r\nhello\r\n"), raw(head + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"))
    reports = list[tuple[int, int | None]]()
    download(client, video, out, on_progress=lambda so_far, total: reports.append((so_far, total)))
    assert out.read_bytes() == b"hello world"
    assert {total for _, total in reports} == {None}


def test_a_body_longer_than_its_headers_state_is_not_the_file(kind: Kind, out: Path) -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"four", headers={"content-length": "3", "etag": '"v1"'})

    with pytest.raises(DownloadError, match="the response is longer than the 3 bytes that its headers state"):
        download_through_user_client(
            kind, video_at("https://files.example/v"), out, transport=httpx.MockTransport(handler)
        )
    assert not out.exists()
