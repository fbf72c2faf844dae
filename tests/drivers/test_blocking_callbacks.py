"""The blocking client refuses a callback that returns a coroutine, which it cannot await."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial, wraps
from pathlib import Path
from typing import Any, Final
from unittest.mock import AsyncMock

import pytest

from meshapi_video import Video, VideoClient, VideoTaskResponse
from support.clients import KEY
from support.server import Server, finished, raw, response

CREATED: Final = response(200, {"id": "task-1"})
TASK: Final = VideoTaskResponse(id="task-1", status="succeeded")
VIDEO: Final = Video(url="https://cdn.example/v.mp4", last_frame_url=None, task=TASK)


async def shows(*_arguments: object) -> None:
    raise AssertionError("a coroutine ran")


async def yields(*_arguments: object) -> AsyncIterator[None]:
    raise AssertionError("a coroutine ran")
    yield


class Shows:
    async def __call__(self, *_arguments: object) -> None:
        raise AssertionError("a coroutine ran")

    async def method(self, *_arguments: object) -> None:
        raise AssertionError("a coroutine ran")


@wraps(shows)
def wrapped(*arguments: object) -> Awaitable[None]:
    return shows(*arguments)


KNOWN_BEFORE: Final[dict[str, Callable[..., object]]] = {
    "a coroutine function": shows,
    "a partial": partial(shows, 1),
    "a partial of a partial": partial(partial(shows, 1), 2),
    "a callable object": Shows(),
    "a partial of a callable object": partial(Shows(), 1),
    "a method": Shows().method,
    "an asynchronous generator": yields,
    "a mock": AsyncMock(),
}
KNOWN_AT_THE_CALL: Final[dict[str, Callable[..., object]]] = {
    "a lambda": lambda *_arguments: shows(),
    "a decorated function": wrapped,
}
Call = Callable[[VideoClient, Any, Path], object]
CALLS: Final[dict[str, Call]] = {
    "on_update of wait": lambda client, callback, _: client.wait("task-1", on_update=callback),
    "on_update of generate": lambda client, callback, _: client.generate("m", "a lake", on_update=callback),
    "on_created of generate": lambda client, callback, _: client.generate("m", "a lake", on_created=callback),
    "on_progress of wait_many": lambda client, callback, _: client.wait_many(["task-1"], on_progress=callback),
    "on_progress of download": lambda client, callback, folder: client.download(VIDEO, folder, on_progress=callback),
}


@pytest.fixture
def client(server: Server) -> Iterator[VideoClient]:
    with (
        VideoClient(KEY, base_url=server.base_url, private_hosts=["127.0.0.1"]) as client,
        warnings.catch_warnings(record=True) as found,
    ):
        warnings.simplefilter("always")
        yield client
        assert [str(each.message) for each in found if "never awaited" in str(each.message)] == []


@pytest.mark.parametrize("kind", KNOWN_BEFORE)
@pytest.mark.parametrize("call", CALLS)
def test_a_coroutine_function_is_a_type_error_before_a_request_is_sent(
    client: VideoClient, server: Server, tmp_path: Path, call: str, kind: str
) -> None:
    with pytest.raises(TypeError) as caught:
        CALLS[call](client, KNOWN_BEFORE[kind], tmp_path)
    assert str(caught.value) == (
        f"{call.partition(' ')[0]} is a coroutine function, and VideoClient cannot await it. Pass an ordinary "
        "function, or use AsyncVideoClient, which awaits its callbacks"
    )
    assert server.requests == []
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("kind", KNOWN_AT_THE_CALL)
@pytest.mark.parametrize("name", ["on_update", "on_created"])
def test_a_function_that_returns_a_coroutine_is_a_type_error_at_its_first_call(
    client: VideoClient, server: Server, name: str, kind: str
) -> None:
    server.script(CREATED, finished())
    with pytest.raises(TypeError, match=f"^{name} returned a coroutine, .* use AsyncVideoClient") as caught:
        CALLS[f"{name} of generate"](client, KNOWN_AT_THE_CALL[kind], Path())
    # The task was paid for.
    assert "task-1" in "".join(caught.value.__notes__)


@pytest.mark.parametrize("kind", KNOWN_AT_THE_CALL)
def test_wait_many_and_download_refuse_a_coroutine_at_the_first_call(
    client: VideoClient, server: Server, tmp_path: Path, kind: str
) -> None:
    server.script(finished())
    with pytest.raises(TypeError, match="on_progress returned a coroutine"):
        list(client.wait_many(["task-1"], on_progress=KNOWN_AT_THE_CALL[kind]))
    server.script(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nvideo"))
    video = Video(url=f"{server.base_url}/v.mp4", last_frame_url=None, task=TASK)
    with pytest.raises(TypeError, match="on_progress returned a coroutine"):
        client.download(video, tmp_path, on_progress=KNOWN_AT_THE_CALL[kind])


def test_a_callback_that_cannot_be_called_is_a_type_error_before_a_request_is_sent(
    client: VideoClient, server: Server
) -> None:
    for name in ("on_created", "on_update"):
        with pytest.raises(TypeError, match=f"{name} should be a function, not int"):
            client.generate("m", "a lake", **{name: 5})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - as callers may
    assert server.requests == []


def test_an_ordinary_callback_may_return_any_value(client: VideoClient, server: Server) -> None:
    server.script(finished())
    statuses = list[str]()

    def returns_a_value(task: VideoTaskResponse) -> bool:
        statuses.append(task.status)
        return True

    assert client.wait("task-1", on_update=returns_a_value).id == "task-1"
    assert statuses == ["succeeded"]
