"""From a video to a file: the file is complete under its final name, or it does not exist."""

from __future__ import annotations

import logging
import re
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
from support.files import (
    LOCAL,
    SIGNATURE,
    StoredFile,
    download,
    names,
    video_at,
)
from support.marks import unclosed_generators
from support.server import Response, Server, finished, http, raw, response, task


def test_a_download_leaves_the_complete_file_and_nothing_else(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    assert download(client, video, str(out)) == out
    assert out.read_bytes() == stored.content
    assert names(out.parent) == ["out.mp4"]


def test_the_final_name_does_not_exist_until_the_file_is_complete(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    states = list[tuple[bool, bool]]()
    part = out.with_name("out.mp4.part")
    download(client, video, out, on_progress=lambda _so_far, _total: states.append((out.exists(), part.exists())))
    assert stored.content
    assert set(states) == {(False, True)}


def test_the_request_has_no_key_no_password_and_no_cookie(
    client: Caller, server: Server, stored: StoredFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\ndefault login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    # Not even a request to the API's own server.
    server.script(StoredFile(server))
    download(client, video_at(server), tmp_path)
    (request,) = server.requests
    assert sorted(request.headers) == ["accept", "accept-encoding", "host", "user-agent"]
    assert request.headers["accept-encoding"] == "identity"
    assert request.target == f"/v?X-Signature={SIGNATURE}"
    assert stored.server.requests == []


def test_a_signed_address_is_sent_unchanged(client: Caller, stored: StoredFile, tmp_path: Path) -> None:
    signed = "/a%20b/c%2Bd~e'f.mp4?X-Tos-Signature=a%2Fb%3D+c%2B&x=1%2C2,3&y=%E4%BD%A0*(!)"
    address = f"{stored.server.base_url}{signed}"
    download(client, Video(url=address, last_frame_url=None, task=VideoTaskResponse("task-1", "succeeded")), tmp_path)
    assert stored.server.requests[0].target == signed


def test_in_a_folder_the_file_is_named_after_the_task(
    client: Caller, stored: StoredFile, store: Server, tmp_path: Path
) -> None:
    video = Video(f"{store.base_url}/../../evil.exe", None, VideoTaskResponse("task-1", "succeeded"))
    assert download(client, video, tmp_path) == tmp_path / "task-1.mp4"
    assert names(tmp_path) == ["task-1.mp4"]
    assert stored.content == (tmp_path / "task-1.mp4").read_bytes()


def test_the_last_frame_is_downloaded_in_the_same_way(
    client: Caller, stored: StoredFile, video: Video, tmp_path: Path
) -> None:
    assert download(client, video, tmp_path, last_frame=True) == tmp_path / "task-1.jpg"
    assert (tmp_path / "task-1.jpg").read_bytes() == stored.content
    assert stored.server.requests[0].target.startswith("/v.jpg?")


def test_a_task_without_a_last_frame_is_an_error(client: Caller, store: Server, tmp_path: Path) -> None:
    video = Video(f"{store.base_url}/v", None, VideoTaskResponse("task-1", "succeeded"))
    with pytest.raises(DownloadError, match=r"^task task-1: the task has no last frame"):
        download(client, video, tmp_path, last_frame=True)
    assert store.requests == []
    assert names(tmp_path) == []


def test_the_id_of_a_task_is_enough(
    client: Caller, server: Server, stored: StoredFile, video: Video, out: Path
) -> None:
    server.script(finished(url=video.url))
    download(client, "task-1", out)
    assert out.read_bytes() == stored.content
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert "authorization" not in stored.server.requests[0].headers


@pytest.mark.parametrize(
    ("of_the_api", "error_type", "message"),
    [
        (task("failed"), TaskFailed, "failed"),
        (task("expired"), TaskError, "expired"),
        (task("running"), DownloadError, "the task is 'running' and has no video yet: wait for it first"),
        (response(404), NotFoundError, "404"),
    ],
)
def test_a_task_without_a_video_is_an_error_and_leaves_nothing(
    client: Caller, server: Server, of_the_api: Response, error_type: type[MeshVideoError], message: str, tmp_path: Path
) -> None:
    server.script(of_the_api)
    with pytest.raises(error_type, match=f"^task task-1: .*{message}"):
        download(client, "task-1", tmp_path)
    assert names(tmp_path) == []


def test_a_value_that_is_neither_a_video_nor_an_id_is_refused(client: Caller, server: Server, tmp_path: Path) -> None:
    token = WaitToken(task_id="task-1", started=0, polls=0, not_before=0)
    for wrong in ("", "a/b", token):
        with pytest.raises(ValueError, match="task id"):
            download(client, wrong, tmp_path)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - as callers may
    with pytest.raises(ValueError, match="timeout should be"):
        download(client, "task-1", tmp_path, timeout=-1)
    assert server.requests == []


# The path.


@pytest.mark.parametrize("existing", ["file", "dangling link"])
def test_an_existing_file_is_kept_and_no_request_is_sent(
    client: Caller, server: Server, store: Server, video: Video, out: Path, existing: str
) -> None:
    if existing == "file":
        out.write_text("mine")
    else:
        out.symlink_to("nowhere")
    for source in (video, "task-1"):
        with pytest.raises(DownloadError, match=r"out\.mp4 already exists, and overwrite is not set"):
            download(client, source, out)
    assert server.requests == store.requests == []
    assert names(out.parent) == ["out.mp4"]


def test_overwrite_replaces_an_existing_file_only_when_the_new_file_is_complete(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    out.write_text("mine")
    contents = set[str]()
    download(client, video, out, overwrite=True, on_progress=lambda _so_far, _total: contents.add(out.read_text()))
    assert contents == {"mine"}
    assert out.read_bytes() == stored.content
    assert names(out.parent) == ["out.mp4"]


def test_a_file_that_appears_during_the_download_is_kept(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    with pytest.raises(
        DownloadError, match=r"the file is complete, but cannot be renamed to .*: File exists"
    ) as caught:
        download(client, video, out, on_progress=lambda _so_far, _total: out.write_text("mine"))
    assert out.read_text() == "mine"
    assert caught.value.received == caught.value.total == len(stored.content)
    download(client, video, out, overwrite=True)
    assert out.read_bytes() == stored.content
    assert len(stored.server.requests) == 1


def test_a_second_download_to_the_same_path_is_refused(
    client: Caller, stored: StoredFile, video: Video, out: Path
) -> None:
    errors = list[str]()

    def start_second(*_progress: object) -> None:
        with VideoClient(KEY, base_url=LOCAL) as second, pytest.raises(DownloadError) as caught:
            second.download(video, out, overwrite=True)
        errors.append(str(caught.value))

    download(client, video, out, on_progress=start_second)
    assert set(errors) == {f"task task-1: another download to {out} is running"}
    assert out.read_bytes() == stored.content
    assert len(stored.server.requests) == 1


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no/folder/out.mp4", r"there is no folder .*no/folder"),
        ("no-folder/", r"there is no folder .*no-folder"),
        ("file/out.mp4", r"there is no folder .*file"),
    ],
)
def test_a_missing_folder_is_an_error_before_any_request(
    client: Caller, server: Server, store: Server, video: Video, tmp_path: Path, path: str, message: str
) -> None:
    tmp_path.joinpath("file").touch()
    for source in (video, "task-1"):
        with pytest.raises(DownloadError, match=message):
            download(client, source, f"{tmp_path}/{path}")
    assert server.requests == store.requests == []


@pytest.mark.parametrize("name", ["out.mp4.part", "out.mp4.part.json"])
def test_a_path_that_cannot_be_written_is_an_error_before_any_request(
    client: Caller, store: Server, video: Video, out: Path, name: str
) -> None:
    out.with_name(name).mkdir()
    with pytest.raises(DownloadError, match=r"out\.mp4 cannot be written: ") as caught:
        download(client, video, out)
    assert isinstance(caught.value.__cause__, OSError)
    assert store.requests == []


# Callbacks, logs and sharing.


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_an_async_callback_is_awaited(client: Caller, stored: StoredFile, video: Video, out: Path) -> None:
    reports = list[int]()

    async def on_progress(so_far: int, _total: int | None) -> None:
        await anyio.lowlevel.checkpoint()
        reports.append(so_far)

    download(client, video, out, on_progress=on_progress)
    assert reports[0] == 0
    assert reports[-1] == len(stored.content)


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_other_tasks_run_between_small_chunks(client: Caller, store: Server, video: Video, out: Path) -> None:
    chunks, turns, turns_before = 2000, 0, list[int]()
    body = b"6\r\n\x00video\r\n" * chunks + b"0\r\n\r\n"
    store.script(raw(b"HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\ntransfer-encoding: chunked\r\n\r\n" + body))

    async def run(client: AsyncVideoClient) -> None:
        async def take_turns() -> None:
            nonlocal turns
            while True:
                await anyio.lowlevel.checkpoint()
                turns += 1

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(take_turns)
            await client.download(video, out, on_progress=lambda _so_far, _total: turns_before.append(turns))
            tasks.cancel_scope.cancel()

    client.run(run)
    assert out.read_bytes() == b"\x00video" * chunks
    # The first report comes before the first chunk. trio runs its tasks in random order.
    assert turns_before[-1] - turns_before[1] > chunks / 2


@unclosed_generators
def test_the_signature_of_the_address_is_in_no_error_and_no_log(
    client: Caller, stored: StoredFile, video: Video, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    stored.server.script(stored.broken(1000), response(500), response(403))
    with pytest.raises(DownloadError) as caught:
        download(client, video, out)
    assert SIGNATURE not in caplog.text
    assert SIGNATURE not in str(caught.value)
    assert SIGNATURE not in repr(caught.value.__dict__)
    failures = [record for record in caplog.records if record.name == "meshapi_video.downloads"]
    assert re.fullmatch(
        r"video of task task-1: \d+ bytes; the connection to 127\.0\.0\.1 failed: .+; retry in 0\.\d s",
        failures[0].getMessage(),
    )
    assert "500 Internal Server Error" in failures[1].getMessage()
    assert len(failures) == 2


def test_a_closed_client_downloads_nothing(kind: Kind, stored: StoredFile, video: Video, out: Path) -> None:
    async def body(client: AsyncVideoClient) -> None:
        await client.close()
        await client.download(video, out)

    with pytest.raises(RuntimeError, match="closed"):
        Caller(kind, "https://api.example").run(body)
    assert stored.server.requests == []


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_many_downloads_run_at_the_same_time(stored: StoredFile, tmp_path: Path, backend: str) -> None:
    stored.server.script(raw(http(200, stored.content), stays_open=True))

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=LOCAL) as client, anyio.create_task_group() as group:
            for number in range(30):
                group.start_soon(client.download, video_at(stored.server, f"task-{number}"), tmp_path)

    anyio.run(main, backend=backend)
    assert len(names(tmp_path)) == 30
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {stored.content}


def test_only_one_of_several_threads_downloads_the_same_file(stored: StoredFile, video: Video, out: Path) -> None:
    stored.server.script(raw(http(200, stored.content), stays_open=True))
    downloaded, refused = list[Path](), list[str]()

    def run(client: VideoClient) -> None:
        try:
            downloaded.append(client.download(video, out))
        except DownloadError as error:
            refused.append(str(error))

    with VideoClient(KEY, base_url=LOCAL) as client:
        threads = [threading.Thread(target=run, args=(client,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert downloaded == [out]
    assert len(refused) == 7
    assert all("is running" in message or "already exists" in message for message in refused)
    assert out.read_bytes() == stored.content
    assert names(out.parent) == ["out.mp4"]
