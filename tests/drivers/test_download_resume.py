"""A download that was interrupted resumes where it ended, if the server's file is unchanged."""

from __future__ import annotations

import pickle
import resource
import signal
import threading
from pathlib import Path

import anyio
import pytest

from meshapi_video import (
    AsyncVideoClient,
    DownloadError,
    Video,
)
from support.clients import KEY, Caller
from support.files import (
    LOCAL,
    StoredFile,
    download,
    leave_partial_file,
    names,
    ranges,
    video_at,
)
from support.marks import unclosed_generators
from support.server import Response, Server, close, http, raw, reset, response


@unclosed_generators
@pytest.mark.parametrize("how", [reset, close])
def test_after_a_broken_connection_the_download_resumes(
    client: Caller, stored: StoredFile, video: Video, out: Path, how: Response
) -> None:
    stored.server.script(stored.broken(100_000, how), stored.broken(50_000, how), stored)
    reports = list[tuple[int, int | None]]()
    download(client, video, out, on_progress=lambda so_far, total: reports.append((so_far, total)))
    assert out.read_bytes() == stored.content
    starts = [int(request.headers["range"][6:-1]) for request in stored.server.requests[1:]]
    # A reset loses the bytes that the system had received and the client had not read.
    assert 0 <= starts[0] <= 100_000
    assert starts[0] <= starts[1] <= 150_000
    if how is close:
        assert starts == [100_000, 150_000]
    assert {request.headers.get("if-range") for request in stored.server.requests[1:]} <= {None, '"v1"'}
    assert all(0.3 < seconds <= 1 for seconds in client.clock.sleeps)
    assert len(client.clock.sleeps) == 2
    assert reports[0] == (0, 300_000)
    assert reports[-1] == (300_000, 300_000)
    assert [so_far for so_far, _ in reports] == sorted(so_far for so_far, _ in reports)


@unclosed_generators
@pytest.mark.parametrize("headers", [{"etag": '"v1"'}, {"last-modified": "Mon, 03 Nov 2025 10:00:00 GMT"}])
def test_the_next_call_resumes_where_the_last_call_ended(
    client: Caller, stored: StoredFile, video: Video, out: Path, headers: dict[str, str]
) -> None:
    stored.headers = headers
    client.settings["max_retries"] = 0
    stored.server.script(stored.broken(100_000, close), stored)
    with pytest.raises(DownloadError) as caught:
        download(client, video, out)
    part = out.with_name("out.mp4.part")
    assert part.read_bytes() == stored.content[:100_000]
    assert str(caught.value).startswith("task task-1: the connection to 127.0.0.1 failed: ")
    assert str(caught.value).endswith(f". 100,000 of 300,000 bytes are kept in {part}: the next download resumes there")
    assert (caught.value.task_id, caught.value.path, caught.value.part) == ("task-1", out, part)
    assert (caught.value.received, caught.value.total) == (100_000, 300_000)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - ours
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert ranges(stored.server) == [None, "bytes=100000-"]
    assert names(out.parent) == ["out.mp4"]


OTHER = bytes(range(256)) * 1000


@unclosed_generators
@pytest.mark.parametrize(
    "changes",
    [
        {"content": OTHER, "headers": {"etag": '"v2"'}},
        {"content": OTHER, "headers": {"etag": '"v2"'}, "supports_ranges": False},
        {"content": OTHER, "headers": {}},
        {"content": OTHER[:50_000]},
        {"content": OTHER, "supports_ranges": False},
        {"content": OTHER[:50_000], "headers": {"etag": '"v1"', "content-range": "bytes */50000"}},
    ],
    ids=[
        "another version",
        "no ranges any more",
        "no validator any more",
        "416",
        "ignores ranges",
        "416 with its own headers",
    ],
)
def test_a_file_that_has_changed_is_downloaded_from_the_beginning(
    client: Caller, stored: StoredFile, video: Video, out: Path, changes: dict[str, object]
) -> None:
    leave_partial_file(client, stored, video, out)
    for name, value in changes.items():
        setattr(stored, name, value)
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert ranges(stored.server)[0] == "bytes=100000-"
    assert client.clock.sleeps == []


@unclosed_generators
@pytest.mark.parametrize(
    "wrong",
    [
        {"content_range": "bytes 99999-299999/300000"},
        {"content_range": "bytes 100000-299999/300001"},
        {"content_range": "bytes 100000-299998/300000"},
        {"content_range": "bytes 100000-299999/*"},
        {"content_range": "about half of it"},
        {"etag": '"v2"'},
        {"etag": 'W/"v1"'},
    ],
)
def test_a_range_that_does_not_continue_the_kept_bytes_is_ignored(
    client: Caller, stored: StoredFile, video: Video, out: Path, wrong: dict[str, str]
) -> None:
    leave_partial_file(client, stored, video, out)
    content = stored.content[100_000:]
    head = {"content_range": "bytes 100000-299999/300000", "etag": '"v1"', **wrong}
    stored.server.script(
        raw(http(206, content, **{k.replace("-", "_"): v for k, v in head.items()}), stays_open=True), stored
    )
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert ranges(stored.server) == ["bytes=100000-", None]


@unclosed_generators
@pytest.mark.parametrize("headers", [{}, {"etag": 'W/"v1"'}, {"last-modified": "yesterday"}, {"etag": "v1"}])
def test_without_a_strong_validator_the_next_download_starts_from_the_beginning(
    client: Caller, stored: StoredFile, video: Video, out: Path, headers: dict[str, str]
) -> None:
    stored.headers = headers
    client.settings["max_retries"] = 1
    stored.server.script(stored.broken(100_000, close))
    with pytest.raises(DownloadError, match=r"100,000 of 300,000 bytes are kept .* starts from the beginning"):
        download(client, video, out)
    stored.server.script(stored)
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert set(ranges(stored.server)) == {None}


@unclosed_generators
@pytest.mark.parametrize("record", ["", "{", "[]", '{"task_id": 5}', "\x00" * 99], ids=repr)
def test_bytes_without_a_valid_record_are_not_used(
    client: Caller, stored: StoredFile, video: Video, out: Path, record: str
) -> None:
    out.with_name("out.mp4.part").write_bytes(stored.content[:100_000])
    out.with_name("out.mp4.part.json").write_text(record)
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert ranges(stored.server) == [None]


@unclosed_generators
def test_the_bytes_of_another_task_are_not_used(
    client: Caller, stored: StoredFile, store: Server, video: Video, out: Path
) -> None:
    leave_partial_file(client, stored, video, out)
    store.script(response(403))
    with pytest.raises(DownloadError) as caught:
        download(client, video_at(store, "task-2"), out)
    assert (caught.value.part, caught.value.received) == (None, 0)
    store.script(stored)
    download(client, video_at(store, "task-2"), out)
    assert ranges(store) == [None, None]
    assert out.read_bytes() == stored.content


def test_a_partial_file_with_all_bytes_is_completed_without_a_request(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    with pytest.raises(ZeroDivisionError):
        download(client, video, out, on_progress=lambda so_far, _: 1 // (len(stored.content) - so_far))
    stored.server.requests.clear()
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert stored.server.requests == []


# What interrupts a download.


def test_after_a_full_disk_the_next_download_resumes(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    stored.content = stored.content * 10
    _, hard_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_001, hard_limit))
    try:
        with pytest.raises(
            DownloadError, match=r"out\.mp4\.part cannot be written: File too large\. 1,000,001 of"
        ) as caught:
            download(client, video, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard_limit))
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.received == 1_000_001
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert ranges(stored.server) == [None, "bytes=1000001-"]


@unclosed_generators
@pytest.mark.parametrize(
    "raised", [ZeroDivisionError(), TimeoutError(), KeyboardInterrupt(), OSError("mine")], ids=repr
)
def test_an_exception_in_on_progress_reaches_the_caller_and_the_bytes_are_kept(
    client: Caller, stored: StoredFile, video: Video, out: Path, raised: BaseException
) -> None:
    def fail(so_far: int, _total: int | None) -> None:
        if so_far > 100_000:
            raise raised

    with pytest.raises(type(raised)) as caught:
        download(client, video, out, on_progress=fail)
    assert caught.value is raised
    kept = out.with_name("out.mp4.part").stat().st_size
    assert kept > 100_000
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert ranges(stored.server) == [None, f"bytes={kept}-"]


@pytest.mark.parametrize("kind", ["sync"])
def test_ctrl_c_ends_the_download_and_the_bytes_are_kept(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    stored.server.script(stored.broken(100_000, stored.server.stall()), stored)

    def press_ctrl_c(so_far: int, _total: int | None) -> None:
        if so_far == 100_000:
            threading.Timer(0.1, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT]).start()

    # A shell that starts the tests in the background makes them ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            download(client, video, out, on_progress=press_ctrl_c)
    finally:
        signal.signal(signal.SIGINT, before)
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert ranges(stored.server) == [None, "bytes=100000-"]


@unclosed_generators
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancellation_ends_the_download_at_once_and_keeps_the_bytes(
    stored: StoredFile, video: Video, out: Path, backend: str
) -> None:
    stored.server.script(stored.broken(100_000, stored.server.stall()), stored)

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=LOCAL) as client:
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
