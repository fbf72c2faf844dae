"""The asynchronous client, for asyncio and trio."""

from __future__ import annotations

import math
import weakref
from collections.abc import AsyncIterable
from functools import partial
from typing import TYPE_CHECKING, Literal, Self

import anyio

from meshapi_video._async.call_back import call_back
from meshapi_video._async.download import AsyncDownload, AsyncDownloadTransports
from meshapi_video._async.session import AsyncSession
from meshapi_video._async.timers import move_on_after, sleep
from meshapi_video._async.wait_many import AsyncUpdates, AsyncWaitResults, Poller
from meshapi_video._base_client import BaseClient, task_and_age
from meshapi_video._clock import monotonic
from meshapi_video._download.request import DownloadRequest
from meshapi_video._errors import ConnectionFailed, MeshVideoError, format_seconds
from meshapi_video._polling.adaptive import AdaptivePolicy
from meshapi_video._polling.policy import PollPolicy
from meshapi_video._polling.results import WaitProgress, WaitStep, step_of
from meshapi_video._polling.state import (
    STEP_TOLERANCE,
    PollState,
    SendPoll,
    Sleep,
    changed_task,
    decide,
    result,
    start_get,
)
from meshapi_video._settings import ApiKey
from meshapi_video._tasks import CreatedTask, KnownStatus, TaskRef, Video, video_or_raise
from meshapi_video._telemetry.settings import Telemetry
from meshapi_video._transport.connection_settings import ConnectionSettings
from meshapi_video._transport.exceptions import typed_errors, with_task_id
from meshapi_video._transport.generated import generated_async_client
from meshapi_video._transport.operations import GET
from meshapi_video._validation import MAX_WAITING, deadline_after
from meshapi_video_generated.models import VideoTaskResponse

if TYPE_CHECKING:
    import os
    import ssl
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path
    from typing import Unpack

    from meshapi_video._async.list import AsyncTaskList
    from meshapi_video._create.content import Media
    from meshapi_video._create.request import CreateOptions
    from meshapi_video._http_libraries import AsyncHTTPClient
    from meshapi_video_generated.models import VideoContentItem


class AsyncVideoClient(BaseClient):
    """Creates video tasks at Mesh API, gets them and waits for them, on asyncio or trio.

    Use the client as an async context manager, or await `close`. The tasks of several event loops may share
    it: each event loop has connections of its own. At most 250 requests are in flight at once on one event
    loop besides those of `wait_many`, or 20 with your own `http_client`; others wait for a free connection.

    On asyncio, the built-in connections for polls use aiohttp if the extra `[aiohttp]` is installed, which is
    faster. Downloads never use it, and a proxy must be one with `http://`.

    Args:
        api_key: The API key. By default, the environment variable `MESHAPI_API_KEY`.
        base_url: The server. By default, the environment variable `MESHAPI_BASE_URL`, or else
            `https://api.meshapi.ai`.
        timeout: Seconds for one request as a whole.
        max_retries: How often `get` and `download` retry after a failure that may be temporary.
        proxy: The proxy for every request of this client, polls and downloads alike, such as
            `http://user:password@proxy.example:3128`. By default, the proxy that the environment names.
        ssl_context: The TLS settings for every connection, for example with a client certificate. By default,
            the certificate authorities that `SSL_CERT_FILE` names, or else those of the operating system.
        http_client: Your own `httpx.AsyncClient` or `httpx2.AsyncClient`, with its own proxy and certificates. The
            SDK sends through it and never closes it.
        private_hosts: Hosts with an address inside your network from which `download` may download, as
            they are written in the URL. `http://` before a host allows plain HTTP, too, for downloads and for
            `base_url`. By default, those in the environment variable `MESHAPI_PRIVATE_HOSTS`, separated by
            commas.
        transport: `"httpx"` sends every request through plain httpx, at most 20 at once. `"builtin"` always
            uses the built-in connections. By default, the environment variable `MESHAPI_TRANSPORT`, or else
            the built-in connections while no part of httpx is replaced.
        telemetry: What the client records with OpenTelemetry, if the program has set a provider. None for nothing.

    Raises:
        MeshVideoError: There is no API key, or the proxy in the environment cannot be used.
        ValueError: Another setting cannot work.
        TypeError: `http_client` is no `AsyncClient` of httpx or httpx2, `ssl_context` is no `ssl.SSLContext`, or
            `private_hosts` is a single string.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float = 30.0,
        max_retries: int = 2,
        proxy: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        http_client: AsyncHTTPClient | None = None,
        private_hosts: Collection[str] = (),
        transport: Literal["builtin", "httpx"] | None = None,
        telemetry: Telemetry | None = Telemetry(),
    ) -> None:
        key, connections = ApiKey(api_key), ConnectionSettings(proxy, ssl_context)
        # From here on, a traceback with local variables does not show the key, and the proxy's password.
        del api_key, proxy
        super().__init__(
            key,
            base_url=base_url,
            timeout=timeout,
            max_retries=max_retries,
            http_client=http_client,
            connections=connections,
            private_hosts=private_hosts,
            transport=transport,
            telemetry=telemetry,
        )
        self._session = AsyncSession(self._settings, connections, http_client, self._telemetry.headers)
        self._http_client = http_client
        self._download_transports = AsyncDownloadTransports(
            self._settings, connections, http_client, self._address_rules()
        )
        self._generated = generated_async_client(self._settings.base_url, self._session.expecting(GET.expected))
        # Not a WeakSet, which cannot be read while another thread adds to it.
        self._wait_results: weakref.WeakValueDictionary[int, AsyncWaitResults] = weakref.WeakValueDictionary()
        self._sleep: Callable[[float], Awaitable[None]] = sleep

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends every running `wait_many`, and closes the connections that this client opened.

        The client cannot be used afterwards. Do not call this from a signal handler: cancel a task instead.
        """
        # Other event loops run in other threads.
        self._is_closed = self._session.is_closed = True
        for results in [found for reference in self._wait_results.valuerefs() if (found := reference())]:
            await results.close()
        await self._session.aclose()

    async def create(
        self,
        model: str,
        prompt: str | None = None,
        *,
        content: Iterable[Media | VideoContentItem] = (),
        extra_body: Mapping[str, object] | None = None,
        journal: str | os.PathLike[str] | None = None,
        journal_key: str | None = None,
        **options: Unpack[CreateOptions],
    ) -> CreatedTask:
        """Creates a task, which costs money, and returns it at once. The video is not finished then: see `wait`.

        The request is sent again only if it is certain that the server made no task: no connection was made, or
        the server responded with 429. After any other failure without a clear response, a task may exist:
        `CreateUncertain` says how to look for it.

        This operation rests on the supplement to the published document: see the page on regenerating.

        Args:
            model: The model, such as `byteplus/dreamina-seedance-2-0`.
            prompt: The text that describes the video.
            content: Pictures, videos and sounds (`first_frame`, `last_frame`, `reference_image`,
                `reference_video`, `reference_audio`), and generated `VideoContentItem` objects.
            extra_body: Fields of the request that are newer than this release.
            journal: A file to which a line is written, and synced, before the request and after it. After a
                crash it says which creates have no known end: `meshapi-video journal` reads it.
            journal_key: Your own name for this create in the journal, such as the number of an order.
            **options: The other fields of the request: `duration`, `resolution`, `ratio` and more. Without
                `seed`, a random one is sent, by which the task can be recognized.

        Raises:
            ValueError: The arguments cannot make a request. The message lists every mistake. Nothing was sent.
            TypeError: There is no option of this name. Nothing was sent.
            OSError: A file or the journal cannot be read or written. Nothing was sent.
            JournalNotWritten: The task was made, but the journal could not be told its id. The error has it.
            APIError: The server refused the request. No task was made.
            ConnectionFailed: No connection was made. No task was made.
            CreateUncertain: A task may have been made.
            RuntimeError: The client has been closed.
        """
        from meshapi_video._async.create import AsyncCreate  # noqa: PLC0415
        from meshapi_video._create.request import build_request, warn_of_doubts  # noqa: PLC0415

        # In a thread, because it reads files.
        body = await anyio.to_thread.run_sync(build_request, model, prompt, content, options, extra_body)
        warn_of_doubts(body)
        create = AsyncCreate(
            body,
            own_seed=options.get("seed") is None,
            session=self._session,
            settings=self._settings,
            log=self._log,
            telemetry=self._telemetry,
            clock=self._clock,
            unix_clock=self._unix_clock,
            rand=self._rand,
            sleep=self._sleep,
        )
        async with self._session.in_flight:
            with self._telemetry.call("create"):
                return await create.run(journal, journal_key, lambda after: self.list(created_after=after))

    async def generate(
        self,
        model: str,
        prompt: str | None = None,
        *,
        content: Iterable[Media | VideoContentItem] = (),
        to: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        on_created: Callable[[CreatedTask], object] | None = None,
        on_update: Callable[[VideoTaskResponse], object] | None = None,
        timeout: float | None = 900.0,  # noqa: ASYNC109 - `WaitTimeout` says more than a cancellation
        poll: PollPolicy | AdaptivePolicy = PollPolicy(),
        extra_body: Mapping[str, object] | None = None,
        journal: str | os.PathLike[str] | None = None,
        journal_key: str | None = None,
        **options: Unpack[CreateOptions],
    ) -> Video:
        """Creates a task, waits until it has ended, and returns its video. With `to`, downloads it to a file, too.

        Every `MeshVideoError` that this raises after the task was created has the task's `token`: pass it to
        `wait`. Any other exception, such as one of `on_created`, has a note with the task's id. Never call this
        again because of either: a second task would be paid for.

        This operation rests on the supplement to the published document: see the page on regenerating.

        Args:
            model: As for `create`.
            prompt: As for `create`.
            content: As for `create`.
            to: The file for the video, or a folder: see `download`. It is checked before the task is created.
            overwrite: Replaces an existing file.
            on_created: Called with the created task before the wait begins.
            on_update: As for `wait`.
            timeout: Seconds for the wait, as for `wait`.
            poll: When to poll.
            extra_body: As for `create`.
            journal: As for `create`.
            journal_key: As for `create`.
            **options: As for `create`.

        Raises:
            ValueError: As from `create`. Nothing was sent.
            TypeError: As from `create`. Nothing was sent.
            OSError: `to` cannot be written, or as from `create`. Nothing was sent.
            JournalNotWritten: As from `create`: the task exists.
            CreateUncertain: A task may have been made. Other errors of `create` mean that none was made.
            TaskError: The task ended without a video.
            WaitTimeout: The time ran out. The task continues: wait again on the token.
            DownloadError: The video could not be downloaded. It stays at Mesh for 24 hours.
            APIError: As from `create` or `wait`.
            ConnectionFailed: As from `create`.
            InvalidResponse: As from `wait`.
        """
        from meshapi_video._create.result import errors_with_token  # noqa: PLC0415
        from meshapi_video._download.target import check_target  # noqa: PLC0415

        # Before anything is paid for.
        deadline_after(timeout, 0)
        if to is not None:
            check_target(to, overwrite=overwrite)
        with self._telemetry.call("generate"):
            task = await self.create(
                model,
                prompt,
                content=content,
                extra_body=extra_body,
                journal=journal,
                journal_key=journal_key,
                **options,
            )
            with errors_with_token(task):
                if on_created is not None:
                    await call_back(on_created, task)
                video = await self.wait(task, timeout=timeout, poll=poll, on_update=on_update)
                if to is not None:
                    await self.download(video, to, overwrite=overwrite)
        return video

    def list(
        self,
        *,
        status: KnownStatus | str | Sequence[KnownStatus | str] | None = None,
        model: str | Sequence[str] | None = None,
        created_after: datetime | float | None = None,
        created_before: datetime | float | None = None,
    ) -> AsyncTaskList:
        """An asynchronous iterator over the tasks of this key that Mesh has stored.

        Mesh reads its database for this and does not ask the service behind it, so that a status may be older
        than the one that `get` returns. The order is the server's. The next page is asked for when it is needed.

        This operation rests on the supplement to the published document: see the page on regenerating.

        Args:
            status: One status or several. By default, all.
            model: One model or several. By default, all.
            created_after: Only tasks that were created after this time: a datetime with a time zone, or seconds
                since 1970.
            created_before: Only tasks that were created before this time.

        Raises:
            ValueError: A filter cannot be sent.
            APIError: From the iterator: the server responded with an error.
            ConnectionFailed: From the iterator: there was no response.
            InvalidResponse: From the iterator: a response breaks the contract.
            RuntimeError: From the iterator: the client has been closed.
        """
        from meshapi_video._async.list import AsyncTaskList, request_page  # noqa: PLC0415
        from meshapi_video._listing.filters import ListFilters  # noqa: PLC0415
        from meshapi_video._listing.pages import Pages  # noqa: PLC0415

        filters = ListFilters.of(status=status, model=model, created_after=created_after, created_before=created_before)
        request = partial(request_page, self._session, self._settings, self._telemetry, filters)
        return AsyncTaskList._of(Pages(self._settings.max_retries), request, self._rand, self._sleep)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - users cannot create one

    async def get(self, task_id: str | CreatedTask) -> VideoTaskResponse:
        """The task's current state.

        Sends one request, and at most `max_retries` more after failures that may be temporary.

        Args:
            task_id: The task's id, or the task as `create` returned it.

        Raises:
            APIError: The server responded with an error.
            ConnectionFailed: There was no response.
            InvalidResponse: The response breaks the contract.
            MeshVideoError: The certificates cannot be loaded, or a hook of your `http_client` consumed the
                response.
            ValueError: `task_id` cannot be a task's id.
            RuntimeError: The client has been closed.
        """
        return await self._get(task_id, math.inf)

    async def _get(self, task_id: str | CreatedTask, deadline: float) -> VideoTaskResponse:
        """The same, until a reading of the client's clock. Raises `WaitTimeout` then, or its last failure."""
        state = start_get(task_id, self._settings.max_retries, self._clock(), deadline)
        while state.end is None:
            state = await self._advance(state)
        return result(state)

    async def wait(
        self,
        task_id: TaskRef,
        *,
        timeout: float | None = 900.0,  # noqa: ASYNC109 - `WaitTimeout` says more than a cancellation
        poll: PollPolicy | AdaptivePolicy = PollPolicy(),
        on_update: Callable[[VideoTaskResponse], object] | None = None,
    ) -> Video:
        """Waits until the task has ended, and returns its video.

        Polls at once, and then after the delays of `poll`, which grow with the task's age. Continues after
        failures that may be temporary, and respects the server's `Retry-After`.

        Args:
            task_id: The task's id, or the token of an earlier wait, which then continues.
            timeout: Seconds for the whole wait. A final poll at the deadline may take up to 0.9 s
                more. None waits until the task's expiry (48 hours after its creation if the server
                states none), and five minutes longer.
            poll: When to poll.
            on_update: Called with the first response and with each response that differs from the one
                before. A plain function should not block; an async function is awaited, and delays the
                next poll. An exception that it raises ends the wait.

        Raises:
            TaskError: The task ended without a video: `TaskFailed`, `TaskExpired` or `TaskCancelled`.
            WaitTimeout: The time ran out. The task continues: wait again on the same id or token.
            APIError: The server responded with an error that another poll cannot change.
            InvalidResponse: A response breaks the contract.
            MeshVideoError: The certificates cannot be loaded, or a hook of your `http_client` consumed a
                response.
            ValueError: `task_id` cannot be a task's id, or `timeout` is not a number of seconds.
            RuntimeError: The client has been closed.
        """
        state = self._start_wait(deadline_after(timeout, self._clock()), poll, task_id)
        with self._telemetry.wait(state, self._clock):
            while True:
                before, state = state, await self._advance(state)
                task = changed_task(before, state)
                if task is not None and on_update is not None:
                    await call_back(on_update, task)
                if state.end is not None:
                    return video_or_raise(result(state))

    async def step(self, task_or_token: TaskRef, *, poll: PollPolicy | AdaptivePolicy = PollPolicy()) -> WaitStep:
        """Sends one poll if it is due, and says where the wait stands. Never sleeps.

        For engines that run a step now and schedule the next: a queue, a database, a workflow. Save the step's
        `token`, and pass it to this method after `delay` seconds. The delays are those of `wait`. If the next
        poll of a token is not due yet, nothing is sent, and `delay` is the rest of the time.

        Failures that may be temporary are not raised: the step is not over, and `last_error` says why. All
        other ends are not raised, either: they are the step's `error`. An `AdaptivePolicy` chooses the delays,
        but learns nothing here, because a token does not hold the task.

        Args:
            task_or_token: The task's id, or the token of the step before.
            poll: When to poll.

        Raises:
            ValueError: `task_or_token` cannot be a task's id.
            RuntimeError: The client has been closed.
        """
        before = after = self._start_wait(None, poll, task_or_token)
        if isinstance(action := decide(before, self._clock() + STEP_TOLERANCE), SendPoll):
            after = await self._poll_when_free(before, action.timeout)
        return step_of(before, after, self._clock())

    def updates(
        self,
        task_id: TaskRef,
        *,
        timeout: float | None = 900.0,
        poll: PollPolicy | AdaptivePolicy = PollPolicy(),
    ) -> AsyncUpdates:
        """An iterator over the first response and each response that differs from the one before.

        It polls like `wait`, and only while it is asked for the next response; the time of the wait
        runs in between, too. Its last response is the task with a terminal status, with a video or
        without. Its `token` holds the state of the wait. As a context manager, it sends no poll after the block.

        Args:
            task_id: The task's id, or the token of an earlier wait.
            timeout: Seconds for the whole wait; None for no limit but the task's expiry.
            poll: When to poll.

        Raises:
            ValueError: `task_id` cannot be a task's id, or `timeout` is not a number of seconds.
            WaitTimeout: From the iterator: the time ran out. The task continues.
            APIError: From the iterator, as from `wait`.
            InvalidResponse: From the iterator, as from `wait`.
            MeshVideoError: From the iterator, as from `wait`.
            RuntimeError: From the iterator: the client has been closed.
        """
        state = self._start_wait(deadline_after(timeout, self._clock()), poll, task_id)
        return AsyncUpdates._of(state, self._advance)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - users cannot create one

    def wait_many(
        self,
        task_ids: Iterable[TaskRef] | AsyncIterable[TaskRef],
        *,
        timeout: float | None = 900.0,
        poll: PollPolicy | AdaptivePolicy = PollPolicy(),
        max_in_flight: int | None = None,
        requests_per_minute: float | None = None,
        max_waiting: int = MAX_WAITING,
        on_progress: Callable[[WaitProgress], object] | None = None,
    ) -> AsyncWaitResults:
        """An iterator over one `WaitResult` for each task, in the order in which the tasks end.

        An error of one task does not end the loop: it is the result of that task. A background task
        sends the polls, also while you handle a result. It ends with the iterator: when the loop ends
        and the iterator has no other reference, after a cancellation, and at `close`.

        Args:
            task_ids: Ids and tokens. The iterable may be endless: at most `max_waiting` are taken at a
                time. An asynchronous iterable may take its time for each id; ids that it gives after the
                deadline are not taken. Duplicates are polled once.
            timeout: Seconds for the whole call, with the meaning for each task as in `wait`.
            poll: When to poll.
            max_in_flight: The most requests in flight. By default 100, or 20 with your own
                `http_client`.
            requests_per_minute: The most requests per minute, for all tasks together. A 429 slows all
                tasks down.
            max_waiting: The most tasks that are waited for at once. By default 10,000.
            on_progress: Called with a `WaitProgress` while the iterator waits for a result; an async
                function is awaited. An exception that it raises reaches you unchanged, as does one from
                `task_ids`.

        Raises:
            TypeError: `task_ids` is a single string.
            ValueError: A number is out of its range.
            RuntimeError: From the iterator: the client has been closed before the iterator was finished, or
                this is a forked process. The iterator's `tokens` hold the tasks without a result.
        """
        deadline = deadline_after(timeout, self._clock())
        ids, arriving_ids = ((), task_ids) if isinstance(task_ids, AsyncIterable) else (task_ids, None)
        poller = Poller(
            self._new_scheduler(
                task_ids,
                capacity=self._session.capacity,
                max_in_flight=max_in_flight,
                requests_per_minute=requests_per_minute,
                max_waiting=max_waiting,
            ),
            start_wait=partial(self._start_wait, deadline, poll),
            send_poll=self._poll_one_of_many,
            telemetry=self._telemetry,
            clock=self._clock,
            arriving_ids=arriving_ids,
            deadline=deadline,
        )
        results = AsyncWaitResults._of(ids, poller, on_progress, lambda: self._is_closed)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - users cannot create one
        self._wait_results[id(results)] = results
        return results

    async def download(
        self,
        video_or_task_id: Video | str | CreatedTask,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        last_frame: bool = False,
        timeout: float | None = 3600.0,  # noqa: ASYNC109 - `DownloadError` says more than a cancellation
        on_progress: Callable[[int, int | None], object] | None = None,
    ) -> Path:
        """Downloads the video to a file, and returns the file's path.

        The bytes are kept in the partial file `path` + `.part` until the file is complete. After any
        failure, a cancellation included, the next call resumes there if the server can tell that its file
        is unchanged, and starts from the beginning otherwise. No request has the API key. Your own
        `http_client` provides only its transports: its auth, cookies, headers and hooks are not used.

        Args:
            video_or_task_id: A video, or the id of a task that has succeeded, which is fetched first.
            path: The file, or a folder. In a folder, the file is named after the task's id. A download never
                replaces a device, a named pipe, a socket or a symbolic link.
            overwrite: Replaces an existing file.
            last_frame: Downloads the picture of the last frame instead.
            timeout: Seconds for the whole call; None for no limit. A connection without a byte for the
                client's `timeout` is closed and retried.
            on_progress: Called with the bytes received so far, and the size of the whole file or None; an
                async function is awaited. An exception that it raises reaches you unchanged.

        Raises:
            DownloadError: The download failed; it says why, and which bytes are kept. Temporary failures
                are retried, at most `max_retries` times in a row without a new byte.
                After a failure of your disk, `__cause__` is its `OSError`.
            TaskError: The task ended without a video: `TaskFailed`, `TaskExpired` or `TaskCancelled`.
            APIError: As from `get`, if you pass an id.
            ConnectionFailed: As from `get`, if you pass an id.
            InvalidResponse: As from `get`, if you pass an id.
            ValueError: `video_or_task_id` cannot be a task's id, or `timeout` is not a number of seconds.
            RuntimeError: The client has been closed.
        """
        if self._session.is_closed:
            raise RuntimeError("this client has been closed")
        download = AsyncDownload(
            request=DownloadRequest.of(
                video_or_task_id,
                path,
                last_frame=last_frame,
                overwrite=overwrite,
                timeout=timeout,
                now=self._clock(),
            ),
            transports=self._download_transports,
            telemetry=self._telemetry,
            timeout=self._settings.timeout,
            max_retries=self._settings.max_retries,
            on_progress=on_progress,
            clock=self._clock,
            rand=self._rand,
            sleep=self._sleep,
        )
        # Its repr shows the signed URL.
        del video_or_task_id
        with self._telemetry.call("download", download.request.task_id):
            return await download.run(self._get)

    async def _advance(self, state: PollState) -> PollState:
        """The state after the next poll, which is sent when it is due."""
        while True:
            match decide(state, self._clock()):
                case Sleep(seconds):
                    await self._sleep(seconds)
                case SendPoll(seconds):
                    return await self._poll_when_free(state, seconds)
                case _:
                    return state

    async def _poll_when_free(self, state: PollState, seconds: float) -> PollState:
        """The state after a poll, for which a connection must become free first."""
        began_at, deadline, in_flight = self._clock(), monotonic() + seconds, self._session.in_flight
        try:
            in_flight.acquire_nowait()
        except anyio.WouldBlock:
            # This time counts toward the deadline of the wait, but not toward the time of the request.
            with move_on_after(seconds) as scope:
                await in_flight.acquire()
            if scope.cancelled_caught:
                capacity = self._session.capacity
                reason = f"no free connection within {format_seconds(seconds)}: {capacity} requests are in flight"
                error = with_task_id(ConnectionFailed(reason), state.task_id)
                return self._poll_failed(state, error, began_at, was_sent=False)
        try:
            return await self._poll(state, deadline - monotonic())
        finally:
            in_flight.release()

    async def _poll_one_of_many(self, state: PollState, seconds: float) -> PollState:
        """The same as `_poll`, but an unexpected exception ends the wait for this task only."""
        try:
            return await self._poll(state, seconds)
        except Exception as error:
            # Without a connection, no task can be polled.
            if self._is_closed or (self._http_client is not None and self._http_client.is_closed):
                raise
            return self._poll_crashed(state, error)

    async def _poll(self, state: PollState, seconds: float) -> PollState:
        """The state after a poll that may take `seconds`."""
        sent_at = self._clock()
        try:
            task, age = await self._request_task(state, min(seconds, self._settings.timeout))
        except MeshVideoError as error:
            return self._poll_failed(state, error, sent_at)
        return self._poll_succeeded(state, task, age, sent_at)

    async def _request_task(self, state: PollState, seconds: float) -> tuple[VideoTaskResponse, float | None]:
        request = self._telemetry.request(GET, state.consecutive_failures)
        with request, typed_errors(state.task_id, self._settings, seconds):
            await self._session.open()
            # `fail_after` would be one more context manager for each poll.
            with move_on_after(seconds):
                response = await GET.awaited(state.task_id, client=self._generated)
                return task_and_age(response.parsed, response.headers)
            raise TimeoutError
