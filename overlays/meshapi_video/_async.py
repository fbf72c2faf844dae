"""The asynchronous client, for asyncio and trio."""

from __future__ import annotations

import inspect
import random
import time
import weakref
from collections.abc import AsyncIterable
from functools import partial
from typing import TYPE_CHECKING, Self, cast

import anyio
import httpx

from meshapi_video import _polling
from meshapi_video._adaptive import AdaptivePolicy, learn
from meshapi_video._async_download import AsyncDownload, AsyncWayOut
from meshapi_video._async_waits import AsyncUpdates, AsyncWaitResults, Looks
from meshapi_video._async_way import AsyncWay
from meshapi_video._config import MAX_IN_FLIGHT, MAX_WAITING, ApiKey, Config
from meshapi_video._errors import ConnectionFailed, MeshVideoError
from meshapi_video._fetching import Order
from meshapi_video._logging import log_look
from meshapi_video._policy import Policy, PollPolicy
from meshapi_video._polling import Look, Poll, Sleep
from meshapi_video._schedule import Schedule, WaitProgress
from meshapi_video._tasks import Video, task_in, video_of
from meshapi_video._times import age_of
from meshapi_video._tokens import WaitToken
from meshapi_video._transport import about, typed_errors
from meshapi_video_generated.api.video import get_video_generation
from meshapi_video_generated.client import AuthenticatedClient
from meshapi_video_generated.models import VideoTaskResponse

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Iterable
    from pathlib import Path


class AsyncVideoClient:
    """Gets video tasks from Mesh API, and waits for them, on asyncio or trio.

    `api_key` defaults to the environment variable `MESHAPI_API_KEY`, `base_url` to
    `MESHAPI_BASE_URL` and then to the API's own server. `timeout` is the seconds that one
    request may take as a whole, and `max_retries` how often `get` and `download` ask again after
    a failure that may pass. `http_client` is an `httpx.AsyncClient` of yours to send through,
    with its own proxies and certificates; it stays yours to close.

    Use it as an async context manager, or `close` it. It can be shared between the tasks of one
    event loop; at most 250 of its requests are under way at once besides those of `wait_many`, or 20
    through an `http_client` of yours, and others take turns. Without a key, or with a proxy in the
    environment that cannot be used, it raises `MeshVideoError`; any other setting that cannot work
    is a `ValueError`, and an `http_client` of the wrong kind a `TypeError`.

    On asyncio, with no proxy in the environment and no `http_client`, looks go through aiohttp if
    the extra `[aiohttp]` is installed, which is faster; downloads never do.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float = 30.0,
        max_retries: int = 2,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        key = ApiKey(api_key)
        # Whatever is raised from here on, a traceback that prints its locals does not show it.
        del api_key
        self._config = config = Config.resolve(key, base_url, timeout, max_retries)
        self._way = AsyncWay(config, http_client)
        self._way_out = AsyncWayOut(http_client)
        # Without the token: only httpx clients that it makes itself would use it, and its `repr` shows it.
        # What it is given has of httpx's clients what the generated functions call.
        self._generated = AuthenticatedClient(config.base_url, token="").set_async_httpx_client(
            cast("httpx.AsyncClient", self._way)
        )
        self._in_flight = anyio.Semaphore(self._way.capacity, fast_acquire=True)
        self._waits = weakref.WeakSet[AsyncWaitResults]()
        self._clock: Callable[[], float] = time.monotonic
        self._unix_clock: Callable[[], float] = time.time
        self._chance: Callable[[], float] = random.random
        self._sleep: Callable[[float], Awaitable[None]] = anyio.sleep

    def __repr__(self) -> str:
        # A traceback that prints its locals may ask before there is a configuration.
        known = f"base_url={self._config.base_url!r}" if hasattr(self, "_config") else "unfinished"
        return f"{type(self).__name__}({known})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends what `wait_many` began, and closes the connections that this client opened.

        It cannot be used afterwards.
        """
        for results in list(self._waits):
            await results.close()
        await self._way.aclose()

    async def get(self, task_id: str) -> VideoTaskResponse:
        """The task as it is now.

        Asks once, and at most `max_retries` times more after failures that may pass. Raises
        `APIError`, `ConnectionFailed` or `InvalidResponse`, and `ValueError` for what cannot be a
        task's id.
        """
        state = _polling.get(task_id, self._config.max_retries, self._clock())
        while state.end is None:
            state = await self._advance(state)
        return _polling.conclude(state)

    async def wait(
        self,
        task_id: str | WaitToken,
        *,
        timeout: float | None = 900.0,  # noqa: ASYNC109 - a wait that times out says more than a cancelled one
        poll: PollPolicy | AdaptivePolicy = PollPolicy(),
        on_update: Callable[[VideoTaskResponse], object] | None = None,
    ) -> Video:
        """Waits until the task is over, for at most `timeout` seconds, and returns its video.

        Looks at once, then after the delays of `poll`, which grow with the task's age, and calls
        `on_update` with every answer: a plain function, which should not block, or an async one,
        which is awaited and so may keep the next look waiting. Failures that may pass are ridden through, and the
        server's `Retry-After` is honoured. A last look at the deadline may take up to a second
        more. Without a timeout, None, it lasts as long as the task itself may: as long as the
        server says, or 48 hours, and five minutes. A `WaitToken` goes on with an earlier wait.

        Raises `TaskFailed`, `TaskExpired` or `TaskCancelled` when the task ended without a video;
        `WaitTimeout` when the time is over, after which waiting again on the same id goes on
        where this left off; `APIError` or `InvalidResponse` when asking again cannot help;
        and `ValueError` for what cannot be a task's id or a time.
        """
        state = self._begin(_polling.deadline_after(timeout, self._clock()), poll, task_id)
        while True:
            before, state = state, await self._advance(state)
            task = _polling.brought(before, state)
            if task is not None and on_update is not None:
                told = on_update(task)
                if inspect.isawaitable(told):
                    await told
            if state.end is not None:
                return video_of(_polling.conclude(state))

    def updates(
        self,
        task_id: str | WaitToken,
        *,
        timeout: float | None = 900.0,
        poll: PollPolicy | AdaptivePolicy = PollPolicy(),
    ) -> AsyncUpdates:
        """An iterator over the first answer and each that differs from the one before, to the last.

        Waits as `wait` does, and raises what it raises, except that the end of a task is an answer
        like others, with a video or without. Between two of them nothing runs, while the time does;
        the iterator's `token` is the wait written down.
        """
        state = self._begin(_polling.deadline_after(timeout, self._clock()), poll, task_id)
        return AsyncUpdates(state, self._advance)

    def wait_many(
        self,
        task_ids: Iterable[str | WaitToken] | AsyncIterable[str | WaitToken],
        *,
        timeout: float | None = 900.0,
        poll: PollPolicy | AdaptivePolicy = PollPolicy(),
        max_in_flight: int | None = None,
        requests_per_minute: float | None = None,
        max_waiting: int = MAX_WAITING,
        on_progress: Callable[[WaitProgress], object] | None = None,
    ) -> AsyncWaitResults:
        """An iterator over the results of waiting for many tasks, each as it ends.

        Takes ids and tokens from any iterable, of which at most `max_waiting` are waited for at
        once, so that it may be endless; an async one may take its time over each, and what it
        brings after the deadline stays in it. A duplicate is asked for once. At most
        `max_in_flight` requests are under way, 100 unless you say otherwise (20 through an
        `http_client` of yours), and `requests_per_minute` begun, for all tasks together; a 429
        slows all of them. `timeout` is for the whole call, and means for each
        task what it means to `wait`: no error ends the loop, each is its task's own result.
        `on_progress` is called with a `WaitProgress`, for a bar, while a result is waited for.

        The looks go on while you deal with a result. They end with the iterator: after leaving
        the loop if it has no other name, on cancellation, and at `close`. What `on_progress` or
        the iterable raises reaches you unchanged. Raises `ValueError` for a number that cannot be
        meant, and `TypeError` for a single id.
        """
        if isinstance(task_ids, str | bytes):
            raise TypeError("task_ids should be an iterable of ids; for a single one there is wait")
        deadline = _polling.deadline_after(timeout, self._clock())
        at_hand, arriving = ((), task_ids) if isinstance(task_ids, AsyncIterable) else (task_ids, None)
        looks = Looks(
            Schedule(
                max_in_flight=min(MAX_IN_FLIGHT, self._way.capacity) if max_in_flight is None else max_in_flight,
                requests_per_minute=requests_per_minute,
                max_waiting=max_waiting,
            ),
            begin=partial(self._begin, deadline, poll),
            look=self._look,
            clock=self._clock,
            arriving=arriving,
            deadline=deadline,
        )
        results = AsyncWaitResults(at_hand, looks, on_progress)
        self._waits.add(results)
        return results

    async def download(
        self,
        video_or_task_id: Video | str,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        last_frame: bool = False,
        timeout: float | None = 3600.0,  # noqa: ASYNC109 - what was fetched is told
        on_progress: Callable[[int, int | None], object] | None = None,
    ) -> Path:
        """The file at `path`, or in it if it is a folder, once the video has been fetched to it.

        Takes a video, or the id of a task that has succeeded, which is got first. In a folder the
        file is named after the task's id. The bytes are kept in `path` + `.part` until the file is
        whole; after whatever went wrong the next call goes on from there, if the server can tell
        that its file is still the same, and from the start otherwise. `last_frame` fetches the
        picture of the last frame instead. No request has the API key; an `http_client` of yours
        lends its transports, and its auth, cookies, headers and hooks have no part in it.

        `on_progress`, a plain function or an async one, is called with the bytes so far and those
        of the whole file, None while that is not known; what it raises reaches you unchanged.
        Failures that may pass are ridden through, `max_retries` of them in a row that brought no
        byte; so is a connection on which nothing comes for the client's `timeout` in seconds.
        Nothing more is fetched once the `timeout` given here has passed, in seconds from the call
        on; None sets no such bound.

        Raises `DownloadError`, with what was kept; `TaskFailed`, `TaskExpired` or `TaskCancelled`
        when the task ended without a video; given an id, also what `get` raises; and `ValueError`
        for what cannot be a task's id or a time. Cancelling it keeps what was fetched, too.
        """
        if self._way.is_closed:
            raise RuntimeError("this client has been closed")
        order = Order.of(
            video_or_task_id,
            path,
            last_frame=last_frame,
            overwrite=overwrite,
            timeout=timeout,
            now=self._clock(),
        )
        download = AsyncDownload(
            order=order,
            way_out=self._way_out,
            timeout=self._config.timeout,
            retries=self._config.max_retries,
            on_progress=on_progress,
            clock=self._clock,
            chance=self._chance,
            sleep=self._sleep,
        )
        return await download.run(self.get)

    def _begin(self, deadline: float | None, policy: Policy, task: str | WaitToken) -> Poll:
        return _polling.wait(task, policy, deadline, self._clock(), self._unix_clock())

    async def _advance(self, poll: Poll) -> Poll:
        """The state after the next look, which is made once it is due."""
        while True:
            match _polling.decide(poll, self._clock()):
                case Sleep(seconds):
                    await self._sleep(seconds)
                case Look(seconds):
                    return await self._look_in_turn(poll, seconds)
                case _:
                    return poll

    async def _look_in_turn(self, poll: Poll, seconds: float) -> Poll:
        deadline = anyio.current_time() + seconds
        try:
            self._in_flight.acquire_nowait()
        except anyio.WouldBlock:
            # Waiting for a turn counts towards the poll's deadline, not towards the request's time.
            with anyio.move_on_after(seconds) as queue:
                await self._in_flight.acquire()
            if queue.cancelled_caught:
                return self._no_turn(poll, seconds)
        try:
            return await self._look(poll, deadline - anyio.current_time())
        finally:
            self._in_flight.release()

    def _no_turn(self, poll: Poll, seconds: float) -> Poll:
        reason = f"no turn among the {self._way.capacity} requests under way within {seconds:.3g} s"
        now, error = self._clock(), about(poll.task_id, ConnectionFailed(reason))
        missed = _polling.missed(poll, error, now, self._chance(), asked=False)
        log_look(poll, missed, seconds, now)
        return missed

    async def _look(self, poll: Poll, seconds: float) -> Poll:
        """The state after a look that may take so long."""
        begun = self._clock()
        try:
            task, age = await self._ask(poll.task_id, min(seconds, self._config.timeout))
        except MeshVideoError as error:
            now = self._clock()
            looked = _polling.missed(poll, error, now, self._chance())
        else:
            now = self._clock()
            looked = _polling.answered(poll, task, age, now, self._chance())
        learn(poll, looked, now)
        log_look(poll, looked, now - begun, now)
        return looked

    async def _ask(self, task_id: str, seconds: float) -> tuple[VideoTaskResponse, float | None]:
        with typed_errors(task_id, self._config, seconds):
            self._way.open()
            with anyio.fail_after(seconds):
                answer = await get_video_generation.asyncio_detailed(task_id, client=self._generated)
            task = task_in(answer.parsed)
            return task, age_of(task, answer.headers.get("date"))
