# pyright: strict
"""Code of a user of the SDK: type-checked against the installed wheel, and never run."""

import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import assert_type

import httpx

from meshapi_video import (
    UNSET,
    AdaptivePolicy,
    APIError,
    AsyncVideoClient,
    ConnectionFailed,
    ConnectionTimeout,
    DownloadError,
    InvalidResponse,
    MeshVideoError,
    PendingTask,
    PollPolicy,
    ServerError,
    TaskError,
    Unset,
    Video,
    VideoClient,
    VideoTaskContent,
    VideoTaskResponse,
    WaitProgress,
    WaitResult,
    WaitStopped,
    WaitTimeout,
    WaitToken,
    WaitUnfinished,
    is_terminal,
    parse_task,
)


def waits() -> None:
    with VideoClient() as client:
        assert_type(client, VideoClient)
        video = client.wait("task-id")
        assert_type(video, Video)
        assert_type(video.url, str)
        assert_type(video.last_frame_url, str | None)
        assert_type(video.id, str)
        assert_type(video.task, VideoTaskResponse)
        assert_type(client.get("task-id"), VideoTaskResponse)


async def waits_asynchronously() -> None:
    async with AsyncVideoClient("key", base_url="https://example.com", timeout=5, max_retries=0) as client:
        assert_type(client, AsyncVideoClient)
        video = await client.wait("task-id", timeout=60, poll=PollPolicy(initial_delay=1.0), on_update=print)
        assert_type(video.url, str)
        assert_type(await client.get("task-id"), VideoTaskResponse)


def waits_for_many(client: VideoClient, stop: threading.Event) -> None:
    for result in client.wait_many(["a", WaitToken.from_json("{}")], requests_per_minute=60, stop=stop):
        assert_type(result, WaitResult)
        assert_type(result.video, Video | None)
        assert_type(result.error, MeshVideoError | None)
    with client.wait_many(("a", "b"), timeout=None, on_progress=shows) as results:
        assert_type(next(results), WaitResult)
        assert_type(results.tokens, list[WaitToken])
        assert_type(results.waiting(limit=10), list[PendingTask])
        assert_type(results.progress, WaitProgress)
    updates = client.updates("a", stop=stop)
    assert_type([task.status for task in updates], list[str])
    assert_type(updates.token.to_json(), str)
    assert_type(updates.token.polls, int)


def learns(client: VideoClient, file: Path) -> None:
    policy = AdaptivePolicy.load(file, fallback=PollPolicy(initial_delay=4.0, multiplier=1.2))
    assert_type(client.wait("task-id", poll=policy), Video)
    policy.observe(client.get("task-id"), since=0, until=60, ended=True)
    assert_type(policy.completed, int)
    policy.save(file)


def downloads(client: VideoClient, video: Video) -> None:
    assert_type(client.download(video, "out.mp4"), Path)
    assert_type(client.download("task-id", Path(), overwrite=True, last_frame=True, timeout=None), Path)
    try:
        client.download(video, "folder", on_progress=print)
    except DownloadError as error:
        assert_type(error.task_id, str)
        assert_type(error.path, Path)
        assert_type(error.part, Path | None)
        assert_type(error.received, int)
        assert_type(error.total, int | None)


async def downloads_asynchronously(client: AsyncVideoClient) -> None:
    assert_type(await client.download("task-id", "out.mp4", on_progress=shows_bytes), Path)


async def shows_bytes(received: int, total: int | None) -> None:
    assert_type((received, total), tuple[int, int | None])


def shows(progress: WaitProgress) -> None:
    assert_type(progress.ended, int)
    assert_type(progress.polls, int)


def shows_pending(task: PendingTask) -> None:
    assert_type(task.status, str | None)
    assert_type(task.next_poll, float)


async def waits_for_many_asynchronously(client: AsyncVideoClient, ids: AsyncIterator[str]) -> None:
    async for result in client.wait_many(ids):
        assert_type(result, WaitResult)
    async with client.wait_many(["a"], max_in_flight=5) as results:
        assert_type(await anext(results), WaitResult)
    async for task in client.updates("a", timeout=None):
        assert_type(task, VideoTaskResponse)


def passes_an_http_client() -> None:
    VideoClient("key", http_client=httpx.Client(proxy="http://proxy.example:3128"))
    AsyncVideoClient("key", http_client=httpx.AsyncClient())


def reads_a_task(task: VideoTaskResponse) -> None:
    assert_type(task.status, str)
    assert_type(task.created_at, int | None | Unset)
    assert_type(is_terminal(task), bool)
    if isinstance(task.content, VideoTaskContent) and task.content.video_url is not UNSET:
        assert_type(task.content.video_url, str | None | Unset)


def takes_a_callback(body: bytes) -> VideoTaskResponse:
    return parse_task(body)


def handles_errors(client: VideoClient, unfinished_waits: Path) -> str | None:
    try:
        return client.wait("task-id").url
    except WaitTimeout as error:
        assert_type(error.last_task, VideoTaskResponse | None)
        assert_type(error.last_error, MeshVideoError | None)
        unfinished_waits.write_text(f"{error.task_id} {error.elapsed} {error.polls}")
        builtin: TimeoutError = error
        raise builtin from None
    except WaitStopped as error:
        assert_type(error.token, WaitToken)
        unfinished: WaitUnfinished = error
        assert_type(unfinished.last_error, MeshVideoError | None)
    except TaskError as error:
        assert_type(error.task, VideoTaskResponse)
        assert_type(error.code, str | None)
    except ServerError as error:
        assert_type(error.request_id, str | None)
    except APIError as error:
        assert_type(error.status_code, int)
        assert_type(error.retry_after, float | None)
    except InvalidResponse as error:
        assert_type(error.path, str | None)
    except ConnectionTimeout as error:
        connection: ConnectionFailed = error
        timeout: TimeoutError = error
        raise timeout from connection
    return None
