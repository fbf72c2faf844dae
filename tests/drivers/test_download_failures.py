"""Which failures a download retries, and which errors it raises."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshapi_video import (
    DownloadError,
    Video,
)
from meshapi_video._download import state
from support.clients import Caller, Kind
from support.files import (
    LOCAL,
    StoredFile,
    download,
    download_through_user_client,
    leave_partial_file,
    names,
    ranges,
    video_at,
)
from support.http_library import httpx
from support.marks import unclosed_generators
from support.server import Response, Server, close, endless, finished, http, raw, reset, response, serving

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


@unclosed_generators
def test_a_body_longer_than_its_headers_state_is_not_the_file(kind: Kind, out: Path) -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"four", headers={"content-length": "3", "etag": '"v1"'})

    with pytest.raises(DownloadError, match="the response is longer than the 3 bytes that its headers state"):
        download_through_user_client(
            kind, video_at("https://files.example/v"), out, transport=httpx.MockTransport(handler)
        )
    assert not out.exists()


CHUNK = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"


@unclosed_generators
def test_a_rest_that_is_longer_than_stated_is_not_received_to_its_end(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    leave_partial_file(client, stored, video, out)
    # Without the size of the whole file in the record, only the response states it.
    record = out.with_name("out.mp4.part.json")
    record.write_text(record.read_text().replace("300000", "null"))
    head = b'HTTP/1.1 206 Whatever\r\netag: "v1"\r\ncontent-range: bytes 100000-299999/300000\r\n'
    stored.server.script(endless(head + b"transfer-encoding: chunked\r\n\r\n", CHUNK), stored)
    sizes = set[int]()
    download(client, video, out, on_progress=lambda so_far, _total: sizes.add(so_far))
    assert out.read_bytes() == stored.content
    assert max(sizes) == 300_000
    assert ranges(stored.server) == ["bytes=100000-", None]
    assert len(client.clock.sleeps) == 1


@unclosed_generators
def test_a_file_of_unknown_length_has_a_limit(
    client: Caller, store: Server, video: Video, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "LARGEST_UNSTATED", 1_000_000)
    store.script(endless(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", CHUNK))
    with pytest.raises(DownloadError, match="the response states no length, and is longer than the limit"):
        download(client, video, out)
    assert len(store.requests) == 1
    assert names(out.parent) == []


def test_a_file_that_the_disk_cannot_hold_is_not_received(
    client: Caller, store: Server, video: Video, out: Path
) -> None:
    store.script(endless(f"HTTP/1.1 200 OK\r\ncontent-length: {10**17}\r\n\r\n".encode(), b"x" * 65536))
    with pytest.raises(DownloadError, match=r"needs 100,000,000,000,000,000 bytes more, but the disk has [\d,]+ bytes"):
        download(client, video, out)
    assert len(store.requests) == 1
    assert names(out.parent) == []


# Out of step.


def test_a_response_too_many_is_no_part_of_the_next_download(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    too_many = http(200, b"of another request", etag='"v9"')

    def twice(connection: socket.socket) -> bool:
        stored(connection)
        connection.sendall(too_many)
        return True

    stored.server.script(raw(http(302, b"", location="/v") + too_many, stays_open=True), twice, stored)
    for _ in range(2):
        download(client, video, out, overwrite=True)
        assert out.read_bytes() == stored.content


# Hostile responses.


HOSTILE_HEADERS = st.sampled_from(
    [
        b"location",
        b"etag",
        b"last-modified",
        b"content-length",
        b"content-range",
        b"content-encoding",
        b"content-type",
        b"transfer-encoding",
        b"retry-after",
        b"date",
    ]
)
HOSTILE_VALUES = st.one_of(
    st.sampled_from(
        [
            b"javascript:1",
            b"https://xn--a/",
            b"https://[/",
            b"http://127.0.0.1:99999/",
            b"//user@host/",
            b"https://\xff.example/",
            b"https://files.example:\xb2/",
            b'"\xe9"',
            b"Mon, 03 Nov 2025 10:00:00 GMT (\xe9)",
            b"Mon, 03 Nov 99999999999 10:00:00 GMT",
            b"chunked",
            b"bytes 1000-1999/2000",
            b"9" * 5000,
            b"1e999",
            b"nan",
        ]
    ),
    st.binary(max_size=30).map(lambda value: value.translate(None, b"\r\n\x00")),
)
HOSTILE_HEADS = st.tuples(
    st.sampled_from([b"200", b"206", b"302", b"308", b"416", b"503", b"101", b"099", b"999", b"abc"]),
    st.lists(st.tuples(HOSTILE_HEADERS, HOSTILE_VALUES), max_size=5),
)


@unclosed_generators
@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
@pytest.mark.parametrize("user_client", [None, {"verify": False}], ids=["own transports", "user client"])
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(heads=st.lists(HOSTILE_HEADS, min_size=1, max_size=3))
def test_a_hostile_response_ends_a_download_with_its_own_error_only(
    kind: Kind, stored: StoredFile, out: Path, user_client: dict[str, object] | None, heads: list[Any]
) -> None:
    store = stored.server
    stored.content = stored.content[:2000]
    store.requests.clear()
    # A partial file, so that the requests have a range, and a validator from the server.
    store.script(
        stored.broken(1000, close),
        *[
            raw(b"HTTP/1.1 %b Whatever\r\n" % status + b"".join(b"%b: %b\r\n" % pair for pair in pairs) + b"\r\nx")
            for status, pairs in heads
        ],
        stored,
    )
    client = Caller(kind, LOCAL, user_client=user_client)
    with suppress(DownloadError):
        download(client, video_at(store), out, overwrite=True, timeout=60)
    assert store.requests
    store.requests.clear()
    store.script(stored)
    # Whatever the server sent, it does not block the next download.
    download(client, video_at(store), out, overwrite=True)
    assert out.read_bytes() == stored.content
