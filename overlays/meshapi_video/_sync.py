"""The blocking client."""

from __future__ import annotations

import random
import threading
import time
import weakref
from functools import cached_property, partial
from typing import TYPE_CHECKING, Self, cast

import httpx

from meshapi_video import _polling
from meshapi_video._config import MAX_IN_FLIGHT, MAX_WAITING, ApiKey, Config
from meshapi_video._deadline import GLANCE, request_deadline
from meshapi_video._errors import MeshVideoError
from meshapi_video._logging import log_look
from meshapi_video._policy import Policy, PollPolicy
from meshapi_video._polling import Look, Poll, Sleep
from meshapi_video._sync_way import Way
from meshapi_video._tasks import Video, task_in, video_of
from meshapi_video._times import age_of
from meshapi_video._tokens import WaitToken
from meshapi_video._transport import typed_errors
from meshapi_video_generated.api.video import get_video_generation
from meshapi_video_generated.client import AuthenticatedClient
from meshapi_video_generated.models import VideoTaskResponse

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from meshapi_video._adaptive import AdaptivePolicy
    from meshapi_video._schedule import WaitProgress
    from meshapi_video._sync_download import WayOut
    from meshapi_video._sync_waits import Updates, WaitResults

# What not every program uses is imported where it is used, so that making a client takes no longer than it must.


class VideoClient:
    """Gets video tasks from Mesh API, and waits for them, blocking the calling thread.

    `api_key` defaults to the environment variable `MESHAPI_API_KEY`, `base_url` to
    `MESHAPI_BASE_URL` and then to the API's own server. `timeout` is the seconds that one
    request may take as a whole, and `max_retries` how often `get` and `download` ask again after
    a failure that may pass. `http_client` is an `httpx.Client` of yours to send through, with its
    own proxies and certificates; it stays yours to close.

    Two things blocking code cannot bound: looking up the server's name, which takes as long as
    the system lets it; and, through an `http_client` of yours, headers that arrive byte by byte,
    where the time counts for each byte anew. `AsyncVideoClient` bounds both.

    Use it as a context manager, or `close` it. It can be shared between threads. Without a key,
    or with a proxy in the environment that cannot be used, it raises `MeshVideoError`; any other
    setting that cannot work is a `ValueError`, and an `http_client` of the wrong kind a `TypeError`.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float = 30.0,
        max_retries: int = 2,
        http_client: httpx.Client | None = None,
    ) -> None:
        key = ApiKey(api_key)
        # Whatever is raised from here on, a traceback that prints its locals does not show it.
        del api_key
        self._config = config = Config.resolve(key, base_url, timeout, max_retries)
        self._way = Way(config, http_client)
        self._http_client = http_client
        # Without the token: only httpx clients that it makes itself would use it, and its `repr` shows it.
        # What it is given has of httpx's clients what the generated functions call.
        self._generated = AuthenticatedClient(config.base_url, token="").set_httpx_client(
            cast("httpx.Client", self._way)
        )
        self._waits: weakref.WeakSet[WaitResults] = weakref.WeakSet()
        self._clock: Callable[[], float] = time.monotonic
        self._unix_clock: Callable[[], float] = time.time
        self._chance: Callable[[], float] = random.random
        self._sleep: Callable[[float], None] = time.sleep

    def __repr__(self) -> str:
        # A traceback that prints its locals may ask before there is a configuration.
        known = f"base_url={self._config.base_url!r}" if hasattr(self, "_config") else "unfinished"
        return f"{type(self).__name__}({known})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends what `wait_many` began, and closes the connections that this client opened.

        It cannot be used afterwards.
        """
        for results in list(self._waits):
            results.close()
        self._way.close()

    def get(self, task_id: str) -> VideoTaskResponse:
        """The task as it is now.

        Asks once, and at most `max_retries` times more after failures that may pass. Raises
        `APIError`, `ConnectionFailed` or `InvalidResponse`, and `ValueError` for what cannot be a
        task's id.
        """
        state = _polling.get(task_id, self._config.max_retries, self._clock())
        while state.end is None:
            state = self._advance(state)
        return _polling.conclude(state)

    def wait(
        self,
        task_id: str | WaitToken,
        *,
        timeout: float | None = 900.0,
        poll: PollPolicy | AdaptivePolicy = PollPolicy(),
        on_update: Callable[[VideoTaskResponse], object] | None = None,
        stop: threading.Event | None = None,
    ) -> Video:
        """Blocks until the task is over, for at most `timeout` seconds, and returns its video.

        Looks at once, then after the delays of `poll`, which grow with the task's age, and calls
        `on_update` with every answer. Failures that may pass are ridden through, and the
        server's `Retry-After` is honoured. A last look at the deadline may take up to a second
        more. Without a timeout, None, it lasts as long as the task itself may: as long as the
        server says, or 48 hours, and five minutes. A `WaitToken` goes on with an earlier wait.

        Setting `stop` from another thread ends it with `WaitStopped`, within a moment unless a
        connection is being made or the `http_client` is yours.

        Raises `TaskFailed`, `TaskExpired` or `TaskCancelled` when the task ended without a video;
        `WaitTimeout` when the time is over, after which waiting again on the same id goes on
        where this left off; `WaitStopped`; `APIError` or `InvalidResponse` when asking again cannot help;
        and `ValueError` for what cannot be a task's id or a time.
        """
        state = self._begin(_polling.deadline_after(timeout, self._clock()), poll, task_id)
        while True:
            before, state = state, self._advance(state, stop)
            task = _polling.brought(before, state)
            if task is not None and on_update is not None:
                on_update(task)
            if state.end is not None:
                return video_of(_polling.conclude(state))

    def updates(
        self,
        task_id: str | WaitToken,
        *,
        timeout: float | None = 900.0,
        poll: PollPolicy | AdaptivePolicy = PollPolicy(),
        stop: threading.Event | None = None,
    ) -> Updates:
        """An iterator over the first answer and each that differs from the one before, to the last.

        Waits as `wait` does, and raises what it raises, except that the end of a task is an answer
        like others, with a video or without. Between two of them nothing runs, while the time does;
        the iterator's `token` is the wait written down.
        """
        state = self._begin(_polling.deadline_after(timeout, self._clock()), poll, task_id)
        from meshapi_video._sync_waits import Updates  # noqa: PLC0415

        return Updates(state, partial(self._advance, stop=stop))

    def wait_many(
        self,
        task_ids: Iterable[str | WaitToken],
        *,
        timeout: float | None = 900.0,
        poll: PollPolicy | AdaptivePolicy = PollPolicy(),
        max_in_flight: int | None = None,
        requests_per_minute: float | None = None,
        max_waiting: int = MAX_WAITING,
        on_progress: Callable[[WaitProgress], object] | None = None,
        stop: threading.Event | None = None,
    ) -> WaitResults:
        """An iterator over the results of waiting for many tasks, each as it ends.

        Takes ids and tokens from any iterable, of which at most `max_waiting` are waited for at
        once, so that it may be endless; one that blocks keeps results back, and no look. A
        duplicate is asked for once. At most `max_in_flight` requests are under way, each in a thread,
        100 unless you say otherwise (20 through an `http_client` of yours), and
        `requests_per_minute` begun, for all tasks together; a 429 slows all of them. `timeout` is
        for the whole call, and means for each task what it means to `wait`: no error ends the
        loop, each is its task's own result. `on_progress` is called with a `WaitProgress`, for a
        bar, while a result is waited for. Setting `stop` ends each wait with `WaitStopped`.

        The looks go on in threads while you deal with a result. They end with the iterator: after
        leaving the loop if it has no other name, on ctrl-C, and at `close`. What `on_progress` or
        the iterable raises reaches you unchanged. Raises `ValueError` for a number that cannot be
        meant, and `TypeError` for a single id.
        """
        from meshapi_video._schedule import Schedule  # noqa: PLC0415
        from meshapi_video._sync_waits import Looks, WaitResults  # noqa: PLC0415

        if isinstance(task_ids, str | bytes):
            raise TypeError("task_ids should be an iterable of ids; for a single one there is wait")
        looks = Looks(
            Schedule(
                max_in_flight=min(MAX_IN_FLIGHT, self._way.capacity) if max_in_flight is None else max_in_flight,
                requests_per_minute=requests_per_minute,
                max_waiting=max_waiting,
            ),
            begin=partial(self._begin, _polling.deadline_after(timeout, self._clock()), poll),
            look=self._look,
            clock=self._clock,
            stop=stop,
        )
        results = WaitResults(task_ids, looks, on_progress)
        self._waits.add(results)
        return results

    def download(
        self,
        video_or_task_id: Video | str,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        last_frame: bool = False,
        timeout: float | None = 3600.0,
        on_progress: Callable[[int, int | None], object] | None = None,
    ) -> Path:
        """The file at `path`, or in it if it is a folder, once the video has been fetched to it.

        Takes a video, or the id of a task that has succeeded, which is got first. In a folder the
        file is named after the task's id. The bytes are kept in `path` + `.part` until the file is
        whole; after whatever went wrong the next call goes on from there, if the server can tell
        that its file is still the same, and from the start otherwise. `last_frame` fetches the
        picture of the last frame instead. No request has the API key; an `http_client` of yours
        lends its transports, and its auth, cookies, headers and hooks have no part in it.

        `on_progress` is called with the bytes so far and those of the whole file, None while that
        is not known; what it raises reaches you unchanged. Failures that may pass are ridden
        through, `max_retries` of them in a row that brought no byte; so is a connection on which
        nothing comes for the client's `timeout` in seconds. Nothing more is fetched once the
        `timeout` given here has passed, in seconds from the call on; None sets no such bound.

        Raises `DownloadError`, with what was kept; `TaskFailed`, `TaskExpired` or `TaskCancelled`
        when the task ended without a video; given an id, also what `get` raises; and `ValueError`
        for what cannot be a task's id or a time. Ctrl-C keeps what was fetched, too.
        """
        from meshapi_video._fetching import Order  # noqa: PLC0415
        from meshapi_video._sync_download import Download  # noqa: PLC0415

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
        download = Download(
            order=order,
            way_out=self._way_out,
            timeout=self._config.timeout,
            retries=self._config.max_retries,
            on_progress=on_progress,
            clock=self._clock,
            chance=self._chance,
            sleep=self._sleep,
        )
        return download.run(self.get)

    @cached_property
    def _way_out(self) -> WayOut:
        from meshapi_video._sync_download import WayOut  # noqa: PLC0415

        return WayOut(self._http_client)

    def _begin(self, deadline: float | None, policy: Policy, task: str | WaitToken) -> Poll:
        return _polling.wait(task, policy, deadline, self._clock(), self._unix_clock())

    def _advance(self, poll: Poll, stop: threading.Event | None = None) -> Poll:
        """The state after the next look, which is made once it is due, or after `stop` was set."""
        while stop is None or not stop.is_set():
            match _polling.decide(poll, self._clock()):
                case Sleep(seconds):
                    if stop is None:
                        self._sleep(seconds)
                    else:
                        stop.wait(min(seconds, GLANCE))
                case Look(seconds):
                    return self._look(poll, seconds, stop)
                case _:
                    return poll
        return _polling.stopped(poll, self._clock())

    def _look(self, poll: Poll, seconds: float, stop: threading.Event | None) -> Poll:
        """The state after a look that may take so long, or that `stop` cut short."""
        begun = self._clock()
        try:
            task, age = self._ask(poll.task_id, min(seconds, self._config.timeout), stop)
        except MeshVideoError as error:
            now = self._clock()
            if stop is not None and stop.is_set():
                return _polling.stopped(poll, now)
            looked = _polling.missed(poll, error, now, self._chance())
        else:
            now = self._clock()
            looked = _polling.answered(poll, task, age, now, self._chance())
        if not isinstance(poll.policy, PollPolicy):
            from meshapi_video._adaptive import learn  # noqa: PLC0415

            learn(poll, looked, now)
        log_look(poll, looked, now - begun, now)
        return looked

    def _ask(
        self, task_id: str, seconds: float, stop: threading.Event | None
    ) -> tuple[VideoTaskResponse, float | None]:
        with typed_errors(task_id, self._config, seconds):
            self._way.open()
            with request_deadline(seconds, stop):
                answer = get_video_generation.sync_detailed(task_id, client=self._generated)
            task = task_in(answer.parsed)
            return task, age_of(task, answer.headers.get("date"))
