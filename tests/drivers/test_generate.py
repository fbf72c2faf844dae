"""`generate` creates a task, waits, and brings the file. After the create, each error tells how to go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meshapi_video import (
    AsyncVideoClient,
    ConnectionFailed,
    CreatedTask,
    CreateWarning,
    DownloadError,
    NotFoundError,
    TaskFailed,
    Video,
    VideoTaskResponse,
    WaitTimeout,
)
from support.clients import Caller
from support.server import Server, close, finished, raw, response, task

MODEL = "byteplus/dreamina-seedance-2-0"
CREATED = response(200, {"id": "task-1"})
VIDEO = b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 100


# The arguments of `generate`, passed on as they are.
def generate(client: Caller, **arguments: Any) -> Video:  # noqa: ANN401
    async def body(each: AsyncVideoClient) -> Video:
        return await each.generate(MODEL, "a lake at sunrise", **arguments)

    return client.run(body)


def posts(server: Server) -> int:
    return sum(request.method == "POST" for request in server.requests)


def test_a_video_is_created_and_waited_for(client: Caller, server: Server) -> None:
    server.script(CREATED, task("queued"), task("running"), finished())
    seen = list[object]()

    def on_update(update: VideoTaskResponse) -> None:
        seen.append(update.status)

    video = generate(client, on_created=seen.append, on_update=on_update)
    assert (video.id, video.url) == ("task-1", "https://cdn.example/v.mp4")
    assert isinstance(seen[0], CreatedTask)
    assert seen[1:] == ["queued", "running", "succeeded"]


def test_a_warning_names_no_line_of_this_package(client: Caller, server: Server) -> None:
    server.script(CREATED, finished())
    with pytest.warns(CreateWarning, match="ratio is '1:2'") as caught:
        generate(client, ratio="1:2")
    assert Path(caught[0].filename).is_relative_to(Path(__file__).parents[1])


def test_a_video_is_downloaded_to_a_file(client: Caller, server: Server, tmp_path: Path) -> None:
    file = raw(b"HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\ncontent-length: %d\r\n\r\n" % len(VIDEO) + VIDEO)
    server.script(CREATED, finished(url=f"{server.base_url}/v.mp4"), file)
    generate(client, to=tmp_path / "lake.mp4")
    assert (tmp_path / "lake.mp4").read_bytes() == VIDEO


def test_the_id_is_known_before_the_wait_begins(client: Caller, server: Server) -> None:
    server.script(CREATED)

    def stop(created: CreatedTask) -> None:
        assert created.id == "task-1"
        raise KeyError("the caller's own")

    with pytest.raises(KeyError) as caught:
        generate(client, on_created=stop)
    assert "The task task-1 was created and has been paid for" in caught.value.__notes__[0]
    assert len(server.requests) == 1


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_an_async_on_created_is_awaited(client: Caller, server: Server) -> None:
    server.script(CREATED, finished())
    seen = list[str]()

    async def on_created(created: CreatedTask) -> None:
        seen.append(created.id)

    generate(client, on_created=on_created)
    assert seen == ["task-1"]


@pytest.mark.parametrize(
    ("responses", "arguments", "error_type"),
    [
        ([task("failed")], {}, TaskFailed),
        ([response(404, {})], {}, NotFoundError),
        ([task("running")], {"timeout": 60}, WaitTimeout),
    ],
)
def test_an_error_of_the_wait_has_the_token_of_the_task(
    client: Caller, server: Server, responses: list[Any], arguments: dict[str, Any], error_type: type[Exception]
) -> None:
    server.script(CREATED, *responses)
    with pytest.raises(error_type) as caught:
        generate(client, **arguments)
    error: Any = caught.value
    assert (error.task_id, error.token.task_id) == ("task-1", "task-1")
    assert posts(server) == 1


def test_a_failed_download_has_the_token_of_the_task(client: Caller, server: Server, tmp_path: Path) -> None:
    server.script(CREATED, finished(url=f"{server.base_url}/v.mp4"), close)
    with pytest.raises(DownloadError) as caught:
        generate(client, to=tmp_path / "lake.mp4")
    assert caught.value.token is not None
    assert caught.value.token.task_id == "task-1"
    assert posts(server) == 1


def test_an_error_of_the_create_has_no_token(client: Caller, server: Server) -> None:
    server.script(response(401, {}))
    with pytest.raises(Exception, match="401") as caught:
        generate(client)
    assert getattr(caught.value, "token", None) is None


def existing(folder: Path) -> Path:
    (folder / "there.mp4").write_bytes(b"")
    return folder / "there.mp4"


def in_no_folder(folder: Path) -> Path:
    return folder / "none" / "lake.mp4"


def no_folder(folder: Path) -> str:
    return f"{folder}/none/"


def deny(*_arguments: object) -> bool:
    return False


@pytest.mark.parametrize(
    ("target", "error_type", "message"),
    [
        (existing, FileExistsError, "already exists, and overwrite is not set"),
        (in_no_folder, FileNotFoundError, "does not exist, or is no folder"),
        (no_folder, FileNotFoundError, "does not exist, or is no folder"),
    ],
)
def test_nothing_is_paid_for_if_the_file_cannot_be_written(
    client: Caller,
    server: Server,
    tmp_path: Path,
    target: Callable[[Path], Path | str],
    error_type: type[OSError],
    message: str,
) -> None:
    with pytest.raises(error_type, match=message):
        generate(client, to=target(tmp_path))
    assert server.requests == []


def test_nothing_is_paid_for_if_the_folder_cannot_be_written_to(
    client: Caller, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The tests may run as root, who may write everywhere.
    monkeypatch.setattr("os.access", deny)
    with pytest.raises(PermissionError, match="is a folder that cannot be written to"):
        generate(client, to=tmp_path)
    assert server.requests == []


def test_nothing_is_paid_for_if_the_timeout_is_wrong(client: Caller, server: Server) -> None:
    with pytest.raises(ValueError, match="timeout"):
        generate(client, timeout=-1)
    assert server.requests == []


def test_an_error_that_crosses_a_process_keeps_its_token(client: Caller, server: Server) -> None:
    import pickle  # noqa: PLC0415

    server.script(CREATED, response(404, {}))
    with pytest.raises(NotFoundError) as caught:
        generate(client)
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - of this test
    assert again.token == caught.value.token
    assert not isinstance(again, ConnectionFailed)
