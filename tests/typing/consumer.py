# pyright: strict
"""Code of a user of the SDK: type-checked against the installed wheel, and never run."""

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, assert_type

import httpx

from meshapi_video import (
    UNSET,
    AdaptivePolicy,
    APIError,
    AsyncTaskList,
    AsyncVideoClient,
    AsyncWaitResults,
    ConnectionFailed,
    ConnectionTimeout,
    CreatedTask,
    CreateOptions,
    CreateUncertain,
    DownloadError,
    InvalidResponse,
    JournalNotWritten,
    JournalRecord,
    KnownStatus,
    Media,
    MeshVideoError,
    PendingTask,
    PollPolicy,
    ServerError,
    TaskError,
    TaskList,
    Unset,
    Video,
    VideoClient,
    VideoContentItem,
    VideoContentItemDraftTask,
    VideoTaskContent,
    VideoTaskResponse,
    WaitProgress,
    WaitResult,
    WaitResults,
    WaitStep,
    WaitStopped,
    WaitTimeout,
    WaitToken,
    WaitUnfinished,
    first_frame,
    is_terminal,
    known_status,
    last_frame,
    parse_task,
    read_journal,
    reference_audio,
    reference_image,
    reference_video,
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


def takes_a_step(client: VideoClient, token: WaitToken) -> None:
    step = client.step(token, poll=PollPolicy(initial_delay=1.0))
    assert_type(step, WaitStep)
    assert_type(step.task, VideoTaskResponse | None)
    assert_type(step.video, Video | None)
    assert_type(step.error, MeshVideoError | None)
    assert_type(step.last_error, MeshVideoError | None)
    assert_type(step.over, bool)
    assert_type(step.token, WaitToken)
    assert_type(step.delay, float)
    assert_type((step.token.next_poll_at, step.token.failures), tuple[float, int])


async def takes_a_step_asynchronously(client: AsyncVideoClient) -> None:
    assert_type(await client.step("task-id"), WaitStep)


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
    with client.updates("a", stop=stop) as open_updates:
        assert_type(next(open_updates), VideoTaskResponse)
    updates = client.updates("a", stop=stop)
    assert_type([task.status for task in updates], list[str])
    assert_type(updates.token.to_json(), str)
    assert_type(updates.token.polls, int)


MODEL = "byteplus/dreamina-seedance-2-0"


def creates(client: VideoClient, picture: bytes, file: Path) -> WaitToken:
    created = client.create(MODEL, "a lake", duration=5, ratio="16:9", resolution="480p", journal=file, journal_key="7")
    assert_type(created, CreatedTask)
    assert_type(created.id, str)
    assert_type(created.request_id, str)
    assert_type(client.get(created), VideoTaskResponse)
    assert_type(client.wait(created), Video)
    assert_type(client.download(created, file), Path)
    assert_type([task.status for task in client.updates(created)], list[str])
    assert_type([result.video for result in client.wait_many([created, "a"])], list[Video | None])
    frames = [first_frame(picture), last_frame("https://example.com/end.png")]
    assert_type(frames, list[Media])
    client.create(MODEL, content=frames)
    client.create(
        MODEL, "a boat", content=(reference_image(file), reference_video("asset://1"), reference_audio("a.mp3"))
    )
    draft = VideoContentItem(type_="draft_task", draft_task=VideoContentItemDraftTask(id="a"))
    client.create(MODEL, content=[draft], extra_body={"output_format": "mov"})
    # A value that is newer than this release.
    client.create(MODEL, "a lake", resolution="8k", ratio="2:1", service_tier="night")
    return created.token


def creates_with_options(client: VideoClient, options: CreateOptions) -> None:
    options["seed"] = 7
    options["callback_url"] = None
    client.create(MODEL, "a lake", **options)
    client.generate(MODEL, "a lake", **options, to="lake.mp4")
    client.create(MODEL, "a lake", aspect_ratio="16:9")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.create(MODEL, "a lake", duration="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def generates(client: VideoClient, stop: threading.Event) -> str | None:
    try:
        video = client.generate(
            MODEL,
            "a lake",
            to=Path("lake.mp4"),
            overwrite=True,
            on_created=stores,
            on_update=print,
            timeout=600,
            stop=stop,
        )
        assert_type(video, Video)
    except CreateUncertain as error:
        assert_type(error.request_id, str)
        assert_type(error.sent_at, float)
        assert_type(error.last_error, MeshVideoError)
        candidates: Iterable[VideoTaskResponse] = error.candidates()
        return next((task.id for task in candidates), None)
    except MeshVideoError as error:
        assert_type(error.token, WaitToken | None)
        assert_type(error.request_id, str | None)
        return None
    except JournalNotWritten as error:
        return error.task_id
    return video.url


def stores(task: CreatedTask) -> None:
    assert_type(task.token.to_json(), str)


async def stores_asynchronously(task: CreatedTask) -> None:
    assert_type(task.id, str)


async def creates_asynchronously(client: AsyncVideoClient, options: CreateOptions) -> None:
    created = await client.create(MODEL, "a lake", content=[first_frame("boat.png")], **options)
    assert_type(created, CreatedTask)
    assert_type(await client.wait(created), Video)
    on_created: Callable[[CreatedTask], Awaitable[None]] = stores_asynchronously
    try:
        video = await client.generate(MODEL, "a lake", to="lake.mp4", on_created=on_created, duration=5)
        assert_type(video.url, str)
        await client.generate(MODEL, "a lake", on_created=stores)
    except CreateUncertain as error:
        assert_type([task.id async for task in error.candidates()], list[str])


def lists(client: VideoClient) -> None:
    tasks = client.list(status=["queued", "running"], model=MODEL, created_after=datetime.now(UTC), created_before=1e9)
    assert_type(tasks, TaskList)
    assert_type(tasks.total, int | None)
    assert_type(next(tasks), VideoTaskResponse)
    client.list(status="a status that is newer than this release")
    for result in client.wait_many(task.id for task in tasks):
        assert_type(result, WaitResult)


async def lists_asynchronously(client: AsyncVideoClient) -> None:
    tasks = client.list(status="running")
    assert_type(tasks, AsyncTaskList)
    assert_type(await anext(tasks), VideoTaskResponse)
    async for result in client.wait_many(task.id async for task in tasks):
        assert_type(result, WaitResult)


def reads_a_journal(file: Path) -> None:
    for record in read_journal(file):
        assert_type(record, JournalRecord)
        assert_type(record.task_id, str | None)
        assert_type(record.facts.seed, int | None)


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
    async with client.updates("a") as updates:
        assert_type(await anext(updates), VideoTaskResponse)


def passes_an_http_client() -> None:
    VideoClient("key", http_client=httpx.Client(proxy="http://proxy.example:3128"))
    AsyncVideoClient("key", http_client=httpx.AsyncClient())


def reads_a_task(task: VideoTaskResponse) -> None:
    assert_type(task.status, str)
    assert_type(task.created_at, int | None | Unset)
    assert_type(is_terminal(task), bool)
    if isinstance(task.content, VideoTaskContent) and task.content.video_url is not UNSET:
        assert_type(task.content.video_url, str | None)
    if task.seed is not UNSET:
        assert_type(task.seed, int | None)
    if task.created_at is UNSET or task.created_at is None:
        return
    assert_type(task.created_at, int)
    # A field that is UNSET or None is false.
    if task.content:
        assert_type(task.content, VideoTaskContent)
    assert_type(task.duration or 5, int)


def narrows_in_a_match(task: VideoTaskResponse) -> str:
    match task.ratio:
        case Unset.UNSET | None:
            return "unknown"
        case ratio:
            return ratio


def explains(task: VideoTaskResponse) -> str:
    match known_status(task):
        case "queued" | "running":
            return "wait"
        case "succeeded":
            return "download"
        case "failed" | "expired" | "cancelled" as ended:
            assert_type(ended, Literal["failed", "expired", "cancelled"])
            return ended
        case None:
            return f"a status that is newer than this release: {task.status}"


def mistypes(task: VideoTaskResponse) -> bool:
    status: KnownStatus | str = task.status
    return status == "running" or known_status(task) == "runing"  # type: ignore[comparison-overlap]  # pyright: ignore[reportUnnecessaryComparison]


def uses_results(results: list[WaitResult], video: Video) -> set[Video]:
    assert_type(results[0].result(), Video)
    assert_type(video.to_dict(), dict[str, Any])
    assert_type(parse_task(bytearray(b"{}")), VideoTaskResponse)
    assert_type(parse_task(memoryview(b"{}")), VideoTaskResponse)
    return {result.result() for result in results}


def takes_a_callback(body: bytes, waits: list[WaitResults], others: list[AsyncWaitResults]) -> VideoTaskResponse:
    task = parse_task(body)
    for results in waits:
        results.poll_now(task.id)
    for awaited in others:
        awaited.poll_now(task.id)
    return task


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
