"""From a video to a file: whole under its name or not there at all, and nothing fetched twice."""

from __future__ import annotations

import logging
import pickle
import re
import resource
import signal
import threading
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from meshapi_video import (
    AsyncVideoClient,
    DownloadError,
    MeshVideoError,
    NotFoundError,
    TaskError,
    TaskFailed,
    Video,
    VideoClient,
    VideoTaskResponse,
    WaitToken,
)
from support.clients import KEY, Caller, Kind
from support.files import SIGNATURE, StoredFile, download, names, video_at
from support.server import Answer, Server, answer, close, finished, http, raw, reset, serving, task

# httpx leaves the generators of a body that is not read to its end to the garbage collector, and trio says so.
left_by_httpx = pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")


def ranges(store: Server) -> list[str | None]:
    """What each request asked for; None is everything."""
    return [request.headers.get("range") for request in store.requests]


def test_the_video_lies_whole_under_its_name_and_nothing_beside_it(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    assert download(client, video, str(out)) == out
    assert out.read_bytes() == stored.content
    assert names(out.parent) == ["out.mp4"]


def test_until_it_is_whole_its_name_is_not_there(client: Caller, stored: StoredFile, video: Video, out: Path) -> None:
    seen = list[tuple[bool, bool]]()
    part = out.with_name("out.mp4.part")
    download(client, video, out, on_progress=lambda _so_far, _total: seen.append((out.exists(), part.exists())))
    assert stored.content
    assert set(seen) == {(False, True)}


def test_it_is_asked_for_without_the_key_or_anything_else_that_tells_who_asks(
    client: Caller, server: Server, stored: StoredFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\ndefault login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    # Even from the API's own server.
    server.script(StoredFile(server))
    download(client, video_at(server), tmp_path)
    (request,) = server.requests
    assert sorted(request.headers) == ["accept", "accept-encoding", "host", "user-agent"]
    assert request.headers["accept-encoding"] == "identity"
    assert request.target == f"/v?X-Signature={SIGNATURE}"
    assert stored.server.requests == []


def test_a_signed_address_arrives_as_it_was_signed(client: Caller, stored: StoredFile, tmp_path: Path) -> None:
    signed = "/a%20b/c%2Bd~e'f.mp4?X-Tos-Signature=a%2Fb%3D+c%2B&x=1%2C2,3&y=%E4%BD%A0*(!)"
    address = f"{stored.server.base_url}{signed}"
    download(client, Video(url=address, last_frame_url=None, task=VideoTaskResponse("task-1", "succeeded")), tmp_path)
    assert stored.server.requests[0].target == signed


def test_in_a_folder_it_is_named_after_the_task(
    client: Caller, stored: StoredFile, store: Server, tmp_path: Path
) -> None:
    video = Video(f"{store.base_url}/../../evil.exe", None, VideoTaskResponse("task-1", "succeeded"))
    assert download(client, video, tmp_path) == tmp_path / "task-1.mp4"
    assert names(tmp_path) == ["task-1.mp4"]
    assert stored.content == (tmp_path / "task-1.mp4").read_bytes()


def test_the_last_frame_is_fetched_the_same_way(
    client: Caller, stored: StoredFile, video: Video, tmp_path: Path
) -> None:
    assert download(client, video, tmp_path, last_frame=True) == tmp_path / "task-1.jpg"
    assert (tmp_path / "task-1.jpg").read_bytes() == stored.content
    assert stored.server.requests[0].target.startswith("/v.jpg?")


def test_a_task_without_a_last_frame_has_none(client: Caller, store: Server, tmp_path: Path) -> None:
    video = Video(f"{store.base_url}/v", None, VideoTaskResponse("task-1", "succeeded"))
    with pytest.raises(DownloadError, match=r"^task task-1: it has no last frame"):
        download(client, video, tmp_path, last_frame=True)
    assert store.requests == []
    assert names(tmp_path) == []


# By a task's id.


def test_a_tasks_id_is_enough(client: Caller, server: Server, stored: StoredFile, video: Video, out: Path) -> None:
    server.script(finished(url=video.url))
    download(client, "task-1", out)
    assert out.read_bytes() == stored.content
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert "authorization" not in stored.server.requests[0].headers


@pytest.mark.parametrize(
    ("given", "error_type", "said"),
    [
        (task("failed"), TaskFailed, "failed"),
        (task("expired"), TaskError, "expired"),
        (task("running"), DownloadError, "it is 'running', and has no video yet: wait for it first"),
        (answer(404), NotFoundError, "404"),
    ],
)
def test_a_task_without_a_video_is_an_error_and_leaves_nothing(
    client: Caller, server: Server, given: Answer, error_type: type[MeshVideoError], said: str, tmp_path: Path
) -> None:
    server.script(given)
    with pytest.raises(error_type, match=f"^task task-1: .*{said}"):
        download(client, "task-1", tmp_path)
    assert names(tmp_path) == []


def test_what_is_neither_a_video_nor_an_id_is_refused(client: Caller, server: Server, tmp_path: Path) -> None:
    token = WaitToken(task_id="task-1", started=0, looks=0, not_before=0)
    for wrong in ("", "a/b", token):
        with pytest.raises(ValueError, match="task id"):
            download(client, wrong, tmp_path)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - as callers may
    with pytest.raises(ValueError, match="timeout should be"):
        download(client, "task-1", tmp_path, timeout=-1)
    assert server.requests == []


# Going on.


@left_by_httpx
@pytest.mark.parametrize("how", [reset, close])
def test_a_connection_that_breaks_is_gone_on_from_where_it_was(
    client: Caller, stored: StoredFile, video: Video, out: Path, how: Answer
) -> None:
    stored.server.script(stored.broken(100_000, how), stored.broken(50_000, how), stored)
    seen = list[tuple[int, int | None]]()
    download(client, video, out, on_progress=lambda so_far, total: seen.append((so_far, total)))
    assert out.read_bytes() == stored.content
    asked = [int(request.headers["range"][6:-1]) for request in stored.server.requests[1:]]
    # What the system had received and nobody had read is lost with a reset.
    assert 0 <= asked[0] <= 100_000
    assert asked[0] <= asked[1] <= 150_000
    if how is close:
        assert asked == [100_000, 150_000]
    assert {request.headers.get("if-range") for request in stored.server.requests[1:]} <= {None, '"v1"'}
    assert all(0.3 < seconds <= 1 for seconds in client.clock.sleeps)
    assert len(client.clock.sleeps) == 2
    assert seen[0] == (0, 300_000)
    assert seen[-1] == (300_000, 300_000)
    assert [so_far for so_far, _ in seen] == sorted(so_far for so_far, _ in seen)


@left_by_httpx
@pytest.mark.parametrize("headers", [{"etag": '"v1"'}, {"last-modified": "Mon, 03 Nov 2025 10:00:00 GMT"}])
def test_the_next_call_goes_on_where_the_last_one_stopped(
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
    assert str(caught.value).endswith(
        f". 100,000 of 300,000 bytes are kept in {part}: downloading again goes on from there"
    )
    assert (caught.value.task_id, caught.value.path, caught.value.part) == ("task-1", out, part)
    assert (caught.value.received, caught.value.total) == (100_000, 300_000)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - ours
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert ranges(stored.server) == [None, "bytes=100000-"]
    assert names(out.parent) == ["out.mp4"]


def leave_a_part(client: Caller, stored: StoredFile, video: Video, out: Path) -> None:
    """An earlier download, of which 100,000 bytes are left."""
    patient = client.settings
    client.settings = {"max_retries": 0}
    stored.server.script(stored.broken(100_000, close))
    with pytest.raises(DownloadError):
        download(client, video, out)
    client.settings = patient
    client.clock.sleeps.clear()
    stored.server.requests.clear()
    stored.server.script(stored)


OTHER = bytes(range(256)) * 1000


@left_by_httpx
@pytest.mark.parametrize(
    "becomes",
    [
        {"content": OTHER, "headers": {"etag": '"v2"'}},
        {"content": OTHER, "headers": {"etag": '"v2"'}, "does_ranges": False},
        {"content": OTHER, "headers": {}},
        {"content": OTHER[:50_000]},
        {"content": OTHER, "does_ranges": False},
        {"content": OTHER[:50_000], "headers": {"etag": '"v1"', "content-range": "bytes */50000"}},
    ],
    ids=["another version", "no ranges any more", "no validator any more", "416", "ignores ranges", "416 as it likes"],
)
def test_a_file_that_is_another_one_by_now_is_begun_anew(
    client: Caller, stored: StoredFile, video: Video, out: Path, becomes: dict[str, object]
) -> None:
    leave_a_part(client, stored, video, out)
    for name, value in becomes.items():
        setattr(stored, name, value)
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert ranges(stored.server)[0] == "bytes=100000-"
    assert client.clock.sleeps == []


@left_by_httpx
@pytest.mark.parametrize(
    "lie",
    [
        {"content_range": "bytes 99999-299999/300000"},
        {"content_range": "bytes 100000-299999/300001"},
        {"content_range": "bytes 100000-299998/300000"},
        {"content_range": "bytes 100000-299999/*"},
        {"content_range": "about a half"},
        {"etag": '"v2"'},
        {"etag": 'W/"v1"'},
    ],
)
def test_a_part_that_does_not_fit_is_not_taken(
    client: Caller, stored: StoredFile, video: Video, out: Path, lie: dict[str, str]
) -> None:
    leave_a_part(client, stored, video, out)
    content = stored.content[100_000:]
    head = {"content_range": "bytes 100000-299999/300000", "etag": '"v1"', **lie}
    stored.server.script(
        raw(http(206, content, **{k.replace("-", "_"): v for k, v in head.items()}), stays_open=True), stored
    )
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert ranges(stored.server) == ["bytes=100000-", None]


@left_by_httpx
@pytest.mark.parametrize("headers", [{}, {"etag": 'W/"v1"'}, {"last-modified": "yesterday"}, {"etag": "v1"}])
def test_without_a_strong_validator_nothing_is_gone_on_with(
    client: Caller, stored: StoredFile, video: Video, out: Path, headers: dict[str, str]
) -> None:
    stored.headers = headers
    client.settings["max_retries"] = 1
    stored.server.script(stored.broken(100_000, close))
    with pytest.raises(DownloadError, match=r"100,000 of 300,000 bytes are kept .* begins anew"):
        download(client, video, out)
    stored.server.script(stored)
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert set(ranges(stored.server)) == {None}


@left_by_httpx
@pytest.mark.parametrize("note", ["", "{", "[]", '{"task_id": 5}', "\x00" * 99], ids=repr)
def test_bytes_without_a_note_are_not_gone_on_with(
    client: Caller, stored: StoredFile, video: Video, out: Path, note: str
) -> None:
    out.with_name("out.mp4.part").write_bytes(stored.content[:100_000])
    out.with_name("out.mp4.part.json").write_text(note)
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert ranges(stored.server) == [None]


@left_by_httpx
def test_the_bytes_of_another_task_are_not_gone_on_with(
    client: Caller, stored: StoredFile, store: Server, video: Video, out: Path
) -> None:
    leave_a_part(client, stored, video, out)
    store.script(answer(403))
    with pytest.raises(DownloadError) as caught:
        download(client, video_at(store, "task-2"), out)
    assert (caught.value.part, caught.value.received) == (None, 0)
    store.script(stored)
    download(client, video_at(store, "task-2"), out)
    assert ranges(store) == [None, None]
    assert out.read_bytes() == stored.content


def test_what_is_whole_already_is_not_asked_for(client: Caller, stored: StoredFile, video: Video, out: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        download(client, video, out, on_progress=lambda so_far, _: 1 // (len(stored.content) - so_far))
    stored.server.requests.clear()
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert stored.server.requests == []


# Failures.

MISSES: dict[str, Answer] = {
    "408": answer(408),
    "429": answer(429),
    "500": answer(500, b"<Error/>", content_type="application/xml"),
    "503": answer(503),
    "a reset": reset,
    "no answer": close,
    "no HTTP": raw(b"garbage\r\n\r\n"),
    "a page": answer(200, b"<html>Log in", content_type="text/html; charset=utf-8"),
    "nothing": answer(200, b"", content_type="video/mp4"),
    "a body that ends early": raw(http(200, b"1234").replace(b"length: 4", b"length: 300000")),
}


@left_by_httpx
@pytest.mark.parametrize("miss", MISSES.values(), ids=MISSES)
def test_a_failure_that_may_pass_is_ridden_through_and_then_told(
    client: Caller, stored: StoredFile, video: Video, out: Path, miss: Answer
) -> None:
    client.settings["max_retries"] = 3
    stored.server.script(miss, miss, stored)
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert client.clock.sleeps == sorted(client.clock.sleeps)
    out.unlink()
    stored.server.script(miss)
    stored.server.requests.clear()
    with pytest.raises(DownloadError, match=r"^task task-1: "):
        download(client, video, out)
    assert 4 <= len(stored.server.requests) <= 5
    assert not out.exists()


@left_by_httpx
def test_progress_is_what_makes_patience_last(client: Caller, stored: StoredFile, video: Video, out: Path) -> None:
    client.settings["max_retries"] = 1
    stored.server.script(*[stored.broken(30_000, close)] * 9, stored)
    download(client, video, out)
    assert out.read_bytes() == stored.content


@left_by_httpx
def test_the_same_bytes_again_and_again_are_no_progress(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    stored.does_ranges = False
    stored.server.script(stored.broken(30_000, close))
    with pytest.raises(DownloadError):
        download(client, video, out)
    assert len(stored.server.requests) == 3


def test_a_server_that_asks_for_silence_gets_it(client: Caller, stored: StoredFile, video: Video, out: Path) -> None:
    stored.server.script(answer(503, retry_after="7"), stored)
    download(client, video, out)
    assert client.clock.sleeps == [7]
    stored.server.script(answer(429, retry_after="60"))
    with pytest.raises(DownloadError, match=r"429 Too Many Requests, and asks for 60 s of silence"):
        download(client, video, out, overwrite=True)
    assert client.clock.sleeps == [7]


@left_by_httpx
def test_a_server_that_has_vanished_is_told_with_what_is_kept(client: Caller, out: Path) -> None:
    with serving() as store:
        stored = StoredFile(store)
        leave_a_part(client, stored, video_at(store), out)
        gone = video_at(store)
    with pytest.raises(DownloadError, match=r"the connection to 127\.0\.0\.1 failed") as caught:
        download(client, gone, out)
    assert caught.value.received == 100_000
    assert len(client.clock.sleeps) == 2


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_an_expired_link_says_so_and_where_a_fresh_one_is(
    client: Caller, server: Server, stored: StoredFile, video: Video, out: Path, status: int
) -> None:
    stored.server.script(answer(status, b"<Error><Code>AccessDenied</Code></Error>"))
    with pytest.raises(DownloadError, match=rf"answers {status} .* 24 hours .* download by the task's id"):
        download(client, video, out)
    server.script(finished(url=video.url))
    with pytest.raises(DownloadError, match=rf"answers {status} .* 24 hours .* asked for just now.* gone for good"):
        download(client, "task-1", out)
    assert len(stored.server.requests) == 2
    assert names(out.parent) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (answer(400), "answers 400 Bad Request"),
        (answer(206, b"x"), "answers 206"),
        (answer(416), "answers 416"),
        (answer(204), "answers 204"),
        (answer(499), "answers 499"),
        (raw(http(200, b"x", content_encoding="gzip")), "encoding 'gzip', which nobody asked for"),
        (raw(b"HTTP/1.1 200 OK\r\n\r\nabc"), "does not say how long it is"),
        (answer(302), "a redirect to nowhere"),
        (answer(302, location="http://[x/"), "what is no web address"),
    ],
)
@left_by_httpx
def test_an_answer_that_cannot_be_mended_is_told_at_once(
    client: Caller, stored: StoredFile, video: Video, out: Path, given: Answer, said: str
) -> None:
    stored.server.script(given)
    with pytest.raises(DownloadError, match=said):
        download(client, video, out)
    assert len(stored.server.requests) == 1
    assert names(out.parent) == []


def test_a_file_of_unknown_length_is_whole_when_its_answer_says_so(
    client: Caller, store: Server, video: Video, out: Path
) -> None:
    head = b'HTTP/1.1 200 OK\r\netag: "v1"\r\ntransfer-encoding: chunked\r\n\r\n'
    store.script(raw(head + b"5\r\nhello\r\n"), raw(head + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"))
    seen = list[tuple[int, int | None]]()
    download(client, video, out, on_progress=lambda so_far, total: seen.append((so_far, total)))
    assert out.read_bytes() == b"hello world"
    assert {total for _, total in seen} == {None}


# Where it goes.


@pytest.mark.parametrize("kind_of_taken", ["file", "dangling link"])
def test_a_file_that_is_there_stays_and_nothing_is_asked(
    client: Caller, server: Server, store: Server, video: Video, out: Path, kind_of_taken: str
) -> None:
    if kind_of_taken == "file":
        out.write_text("mine")
    else:
        out.symlink_to("nowhere")
    for wanted in (video, "task-1"):
        with pytest.raises(DownloadError, match=r"out\.mp4 exists already, and is replaced only when told to"):
            download(client, wanted, out)
    assert server.requests == store.requests == []
    assert names(out.parent) == ["out.mp4"]


def test_a_file_that_is_there_is_replaced_if_told_to_and_not_before_the_new_one_is_whole(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    out.write_text("mine")
    seen = set[str]()
    download(client, video, out, overwrite=True, on_progress=lambda _so_far, _total: seen.add(out.read_text()))
    assert seen == {"mine"}
    assert out.read_bytes() == stored.content
    assert names(out.parent) == ["out.mp4"]


def test_a_file_that_appears_meanwhile_stays_too(client: Caller, stored: StoredFile, video: Video, out: Path) -> None:
    with pytest.raises(DownloadError, match=r"it is whole, and cannot be named .*: File exists") as caught:
        download(client, video, out, on_progress=lambda _so_far, _total: out.write_text("mine"))
    assert out.read_text() == "mine"
    assert caught.value.received == caught.value.total == len(stored.content)
    download(client, video, out, overwrite=True)
    assert out.read_bytes() == stored.content
    assert len(stored.server.requests) == 1


def test_a_second_download_to_the_same_place_is_told_of_the_first(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    said = list[str]()

    def at_the_same_time(*_progress: object) -> None:
        with VideoClient(KEY) as second, pytest.raises(DownloadError) as caught:
            second.download(video, out, overwrite=True)
        said.append(str(caught.value))

    download(client, video, out, on_progress=at_the_same_time)
    assert set(said) == {f"task task-1: another download to {out} is under way"}
    assert out.read_bytes() == stored.content
    assert len(stored.server.requests) == 1


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("no/folder/out.mp4", r"there is no folder .*no/folder"),
        ("no-folder/", r"there is no folder .*no-folder"),
        ("file/out.mp4", r"there is no folder .*file"),
    ],
)
def test_a_place_that_is_not_there_is_told_before_anything_is_asked(
    client: Caller, server: Server, store: Server, video: Video, tmp_path: Path, path: str, said: str
) -> None:
    tmp_path.joinpath("file").touch()
    for wanted in (video, "task-1"):
        with pytest.raises(DownloadError, match=said):
            download(client, wanted, f"{tmp_path}/{path}")
    assert server.requests == store.requests == []


@pytest.mark.parametrize("ours", ["out.mp4.part", "out.mp4.part.json"])
def test_a_place_that_cannot_be_written_is_told_before_anything_is_asked(
    client: Caller, store: Server, video: Video, out: Path, ours: str
) -> None:
    out.with_name(ours).mkdir()
    with pytest.raises(DownloadError, match=r"out\.mp4 cannot be written: ") as caught:
        download(client, video, out)
    assert isinstance(caught.value.__cause__, OSError)
    assert store.requests == []


def test_a_full_disk_is_told_and_what_is_there_is_gone_on_from(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    stored.content = stored.content * 10
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_001, most))
    try:
        with pytest.raises(
            DownloadError, match=r"out\.mp4\.part cannot be written: File too large\. 1,000,001 of"
        ) as caught:
            download(client, video, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, most))
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.received == 1_000_001
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert ranges(stored.server) == [None, "bytes=1000001-"]


# Callbacks and interruptions.


@left_by_httpx
@pytest.mark.parametrize(
    "raised", [ZeroDivisionError(), TimeoutError(), KeyboardInterrupt(), OSError("mine")], ids=repr
)
def test_what_the_callback_raises_comes_through_and_the_bytes_are_kept(
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


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_an_async_callback_is_awaited(client: Caller, stored: StoredFile, video: Video, out: Path) -> None:
    seen = list[int]()

    async def tell(so_far: int, _total: int | None) -> None:
        await anyio.lowlevel.checkpoint()
        seen.append(so_far)

    download(client, video, out, on_progress=tell)
    assert seen[0] == 0
    assert seen[-1] == len(stored.content)


@pytest.mark.parametrize("kind", ["sync"])
def test_ctrl_c_comes_through_and_the_bytes_are_kept(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    stored.server.script(stored.broken(100_000, stored.server.stall()), stored)

    def press(so_far: int, _total: int | None) -> None:
        if so_far == 100_000:
            threading.Timer(0.1, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT]).start()

    # Whoever runs the tests in the background ignores it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            download(client, video, out, on_progress=press)
    finally:
        signal.signal(signal.SIGINT, before)
    download(client, video, out)
    assert out.read_bytes() == stored.content
    assert ranges(stored.server) == [None, "bytes=100000-"]


# What must not be seen.


@left_by_httpx
def test_the_addresss_signature_is_in_no_error_and_no_log(
    client: Caller, stored: StoredFile, video: Video, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    stored.server.script(stored.broken(1000), answer(500), answer(403))
    with pytest.raises(DownloadError) as caught:
        download(client, video, out)
    assert SIGNATURE not in caplog.text
    assert SIGNATURE not in str(caught.value)
    assert SIGNATURE not in repr(caught.value.__dict__)
    misses = [record for record in caplog.records if record.name == "meshapi_video.downloads"]
    assert re.fullmatch(
        r"video of task task-1: \d+ bytes, and then the connection to 127\.0\.0\.1 failed: .+; again in 0\.\d s",
        misses[0].getMessage(),
    )
    assert "500 Internal Server Error" in misses[1].getMessage()
    assert len(misses) == 2


def test_a_closed_client_downloads_nothing(kind: Kind, stored: StoredFile, video: Video, out: Path) -> None:
    def sync() -> None:
        client = VideoClient(KEY)
        client.close()
        client.download(video, out)

    async def awaited() -> None:
        client = AsyncVideoClient(KEY)
        await client.close()
        await client.download(video, out)

    with pytest.raises(RuntimeError, match="closed"):
        sync() if kind == "sync" else anyio.run(awaited, backend=kind)
    assert stored.server.requests == []
