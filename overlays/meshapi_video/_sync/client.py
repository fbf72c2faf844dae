"""The blocking client."""

from __future__ import annotations

import math
import time
import weakref
from functools import cached_property, partial
from typing import TYPE_CHECKING, Literal, Self

from meshapi_video._base_client import BaseClient, task_and_age
from meshapi_video._errors import MeshVideoError
from meshapi_video._polling.policy import PollPolicy
from meshapi_video._polling.state import (
    STEP_TOLERANCE,
    PollState,
    SendPoll,
    Sleep,
    changed_task,
    decide,
    result,
    start_get,
    stopped,
)
from meshapi_video._settings import ApiKey
from meshapi_video._sync.callbacks import blocking_callback
from meshapi_video._sync.deadline import STOP_CHECK_INTERVAL, StopFlag, request_deadline
from meshapi_video._sync.session import Session
from meshapi_video._tasks import CreatedTask, KnownStatus, TaskRef, Video, video_or_raise
from meshapi_video._telemetry.settings import Telemetry
from meshapi_video._transport.connection_settings import ConnectionSettings
from meshapi_video._transport.exceptions import typed_errors
from meshapi_video._transport.generated import generated_client
from meshapi_video._transport.operations import GET
from meshapi_video._validation import MAX_WAITING, deadline_after
from meshapi_video_generated.models import VideoTaskResponse

if TYPE_CHECKING:
    import os
    import ssl
    import threading
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path
    from typing import Unpack

    from meshapi_video._create.content import Media
    from meshapi_video._create.request import CreateOptions
    from meshapi_video._http_libraries import HTTPClient
    from meshapi_video._polling.adaptive import AdaptivePolicy
    from meshapi_video._polling.results import WaitProgress, WaitStep
    from meshapi_video._sync.download import DownloadTransports
    from meshapi_video._sync.list import TaskList
    from meshapi_video._sync.wait_many import Updates, WaitResults
    from meshapi_video_generated.models import VideoContentItem

# Modules that not every program uses are imported where they are used, so that a client is created quickly.


class VideoClient(BaseClient):
    """Creates video tasks at Mesh API, gets them and waits for them. Each method blocks the calling thread.

    Use the client as a context manager, or call `close`. Any number of threads may share it.

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
        http_client: Your own `httpx.Client` or `httpx2.Client`, with its own proxy and certificates. The
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
        TypeError: `http_client` is no `Client` of httpx or httpx2, `ssl_context` is no `ssl.SSLContext`, or
            `private_hosts` is a single string.

    Two delays are not limited by `timeout` in blocking code: the lookup of the server's name; and, with your
    own `http_client`, response headers that arrive byte by byte, because its timeout starts again with each
    byte. `AsyncVideoClient` limits both.
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
        http_client: HTTPClient | None = None,
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
        self._session = Session(self._settings, connections, http_client, self._telemetry.headers)
        self._http_client = http_client
        self._generated = generated_client(self._settings.base_url, self._session.expecting(GET.expected))
        # Not a WeakSet, which cannot be read while another thread adds to it.
        self._wait_results: weakref.WeakValueDictionary[int, WaitResults] = weakref.WeakValueDictionary()
        self._sleep: Callable[[float], None] = time.sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends every running `wait_many`, and closes the connections that this client opened.

        The client cannot be used afterwards. A signal handler may call this at any moment.
        """
        self._is_closed = True
        for results in [found for reference in self._wait_results.valuerefs() if (found := reference())]:
            results.close()
        self._session.close()

    def create(
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
        from meshapi_video._create.request import build_request, warn_of_doubts  # noqa: PLC0415
        from meshapi_video._sync.create import Create  # noqa: PLC0415

        body = build_request(model, prompt, content, options, extra_body)
        warn_of_doubts(body)
        create = Create(
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
        with self._telemetry.call("create"):
            return create.run(journal, journal_key, lambda after: self.list(created_after=after))

    def generate(
        self,
        model: str,
        prompt: str | None = None,
        *,
        content: Iterable[Media | VideoContentItem] = (),
        to: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        on_created: Callable[[CreatedTask], object] | None = None,
        on_update: Callable[[VideoTaskResponse], object] | None = None,
        timeout: float | None = 900.0,
        poll: PollPolicy | AdaptivePolicy = PollPolicy(),
        stop: threading.Event | None = None,
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
            stop: As for `wait`. It does not end the create.
            extra_body: As for `create`.
            journal: As for `create`.
            journal_key: As for `create`.
            **options: As for `create`.

        Raises:
            ValueError: As from `create`. Nothing was sent.
            TypeError: As from `create`, or a callback is a coroutine function. Nothing was sent.
            OSError: `to` cannot be written, or as from `create`. Nothing was sent.
            JournalNotWritten: As from `create`: the task exists.
            CreateUncertain: A task may have been made. Other errors of `create` mean that none was made.
            TaskError: The task ended without a video.
            WaitTimeout: The time ran out. The task continues: wait again on the token.
            WaitStopped: `stop` was set. The task continues.
            DownloadError: The video could not be downloaded. It stays at Mesh for 24 hours.
            APIError: As from `create` or `wait`.
            ConnectionFailed: As from `create`.
            InvalidResponse: As from `wait`.
        """
        from meshapi_video._create.result import errors_with_token  # noqa: PLC0415
        from meshapi_video._download.target import check_target  # noqa: PLC0415

        # Before anything is paid for.
        deadline_after(timeout, 0)
        on_created, on_update = blocking_callback("on_created", on_created), blocking_callback("on_update", on_update)
        if to is not None:
            check_target(to, overwrite=overwrite)
        with self._telemetry.call("generate"):
            task = self.create(
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
                    on_created(task)
                video = self.wait(task, timeout=timeout, poll=poll, on_update=on_update, stop=stop)
                if to is not None:
                    self.download(video, to, overwrite=overwrite)
        return video

    def list(
        self,
        *,
        status: KnownStatus | str | Sequence[KnownStatus | str] | None = None,
        model: str | Sequence[str] | None = None,
        created_after: datetime | float | None = None,
        created_before: datetime | float | None = None,
    ) -> TaskList:
        """An iterator over the tasks of this key that Mesh has stored.

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
        from meshapi_video._listing.filters import ListFilters  # noqa: PLC0415
        from meshapi_video._listing.pages import Pages  # noqa: PLC0415
        from meshapi_video._sync.list import TaskList, request_page  # noqa: PLC0415

        filters = ListFilters.of(status=status, model=model, created_after=created_after, created_before=created_before)
        request = partial(request_page, self._session, self._settings, self._telemetry, filters)
        return TaskList._of(Pages(self._settings.max_retries), request, self._rand, self._sleep)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - users cannot create one

    def get(self, task_id: str | CreatedTask) -> VideoTaskResponse:
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
        return self._get(task_id, math.inf)

    def _get(self, task_id: str | CreatedTask, deadline: float) -> VideoTaskResponse:
        """The same, until a reading of the client's clock. Raises `WaitTimeout` then, or its last failure."""
        state = start_get(task_id, self._settings.max_retries, self._clock(), deadline)
        while state.end is None:
            state = self._advance(state)
        return result(state)

    def wait(
        self,
        task_id: TaskRef,
        *,
        timeout: float | None = 900.0,
        poll: PollPolicy | AdaptivePolicy = PollPolicy(),
        on_update: Callable[[VideoTaskResponse], object] | None = None,
        stop: threading.Event | None = None,
    ) -> Video:
        """Blocks until the task has ended, and returns its video.

        Polls at once, and then after the delays of `poll`, which grow with the task's age. Continues after
        failures that may be temporary, and respects the server's `Retry-After`.

        Args:
            task_id: The task's id, or the token of an earlier wait, which then continues.
            timeout: Seconds for the whole wait. A final poll at the deadline may take up to 0.9 s
                more. None waits until the task's expiry (48 hours after its creation if the server
                states none), and five minutes longer.
            poll: When to poll.
            on_update: Called with the first response and with each response that differs from the one
                before. An exception that it raises ends the wait. As every callback of this client, it
                cannot be a coroutine function.
            stop: An event that ends the wait when another thread or a signal handler sets it. The wait
                ends within 0.1 s, or later while it connects or if it uses your own `http_client`.

        Raises:
            TaskError: The task ended without a video: `TaskFailed`, `TaskExpired` or `TaskCancelled`.
            WaitTimeout: The time ran out. The task continues: wait again on the same id or token.
            WaitStopped: `stop` was set. The task continues.
            APIError: The server responded with an error that another poll cannot change.
            InvalidResponse: A response breaks the contract.
            MeshVideoError: The certificates cannot be loaded, or a hook of your `http_client` consumed a
                response.
            ValueError: `task_id` cannot be a task's id, or `timeout` is not a number of seconds.
            TypeError: `on_update` is a coroutine function.
            RuntimeError: The client has been closed.
        """
        on_update = blocking_callback("on_update", on_update)
        state = self._start_wait(deadline_after(timeout, self._clock()), poll, task_id)
        with self._telemetry.wait(state, self._clock):
            while True:
                before, state = state, self._advance(state, stop)
                task = changed_task(before, state)
                if task is not None and on_update is not None:
                    on_update(task)
                if state.end is not None:
                    return video_or_raise(result(state))

    def step(self, task_or_token: TaskRef, *, poll: PollPolicy | AdaptivePolicy = PollPolicy()) -> WaitStep:
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
        from meshapi_video._polling.results import step_of  # noqa: PLC0415

        before = after = self._start_wait(None, poll, task_or_token)
        if isinstance(action := decide(before, self._clock() + STEP_TOLERANCE), SendPoll):
            after = self._poll(before, action.timeout, None)
        return step_of(before, after, self._clock())

    def updates(
        self,
        task_id: TaskRef,
        *,
        timeout: float | None = 900.0,
        poll: PollPolicy | AdaptivePolicy = PollPolicy(),
        stop: threading.Event | None = None,
    ) -> Updates:
        """An iterator over the first response and each response that differs from the one before.

        It polls like `wait`, and only while it is asked for the next response; the time of the wait
        runs in between, too. Its last response is the task with a terminal status, with a video or
        without. Its `token` holds the state of the wait. As a context manager, it sends no poll after the block.

        Args:
            task_id: The task's id, or the token of an earlier wait.
            timeout: Seconds for the whole wait; None for no limit but the task's expiry.
            poll: When to poll.
            stop: An event that ends the wait when another thread sets it.

        Raises:
            ValueError: `task_id` cannot be a task's id, or `timeout` is not a number of seconds.
            WaitTimeout: From the iterator: the time ran out. The task continues.
            WaitStopped: From the iterator: `stop` was set. The task continues.
            APIError: From the iterator, as from `wait`.
            InvalidResponse: From the iterator, as from `wait`.
            MeshVideoError: From the iterator, as from `wait`.
            RuntimeError: From the iterator: the client has been closed.
        """
        state = self._start_wait(deadline_after(timeout, self._clock()), poll, task_id)
        from meshapi_video._sync.wait_many import Updates  # noqa: PLC0415

        return Updates._of(state, partial(self._advance, stop=stop))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - users cannot create one

    def wait_many(
        self,
        task_ids: Iterable[TaskRef],
        *,
        timeout: float | None = 900.0,
        poll: PollPolicy | AdaptivePolicy = PollPolicy(),
        max_in_flight: int | None = None,
        requests_per_minute: float | None = None,
        max_waiting: int = MAX_WAITING,
        on_progress: Callable[[WaitProgress], object] | None = None,
        stop: threading.Event | None = None,
    ) -> WaitResults:
        """An iterator over one `WaitResult` for each task, in the order in which the tasks end.

        An error of one task does not end the loop: it is the result of that task. Background threads
        send the polls, also while you handle a result. They end with the iterator: when the loop ends
        and the iterator has no other reference, after ctrl-C, and at `close`.

        Args:
            task_ids: Ids and tokens. The iterable may be endless: at most `max_waiting` are taken at a
                time. If it blocks, results are delayed, but no polls. Duplicates are polled once.
            timeout: Seconds for the whole call, with the meaning for each task as in `wait`.
            poll: When to poll.
            max_in_flight: The most requests in flight, each in a thread. By default 100, or 20 with
                your own `http_client`.
            requests_per_minute: The most requests per minute, for all tasks together. A 429 slows all
                tasks down.
            max_waiting: The most tasks that are waited for at once. By default 10,000.
            on_progress: Called with a `WaitProgress` while the iterator waits for a result. An exception
                that it raises reaches you unchanged, as does one from `task_ids`.
            stop: An event that ends every wait with `WaitStopped` when another thread or a signal handler sets
                it. If `task_ids` has a length, as a list has, each of its ids has this result; from any
                other iterable no more ids are taken.

        Raises:
            TypeError: `task_ids` is a single string, or `on_progress` is a coroutine function.
            ValueError: A number is out of its range.
            MeshVideoError: From the iterator: the system allows no thread.
            RuntimeError: From the iterator: the client has been closed before the iterator was finished, or
                this is a forked process. The iterator's `tokens` hold the tasks without a result.
        """
        from meshapi_video._sync.wait_many import Poller, WaitResults  # noqa: PLC0415

        on_progress = blocking_callback("on_progress", on_progress)
        poller = Poller(
            self._new_scheduler(
                task_ids,
                capacity=self._session.capacity,
                max_in_flight=max_in_flight,
                requests_per_minute=requests_per_minute,
                max_waiting=max_waiting,
            ),
            start_wait=partial(self._start_wait, deadline_after(timeout, self._clock()), poll),
            send_poll=self._poll_one_of_many,
            telemetry=self._telemetry,
            clock=self._clock,
            stop=stop,
        )
        results = WaitResults._of(task_ids, poller, on_progress, lambda: self._is_closed)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - users cannot create one
        self._wait_results[id(results)] = results
        return results

    def download(
        self,
        video_or_task_id: Video | str | CreatedTask,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        last_frame: bool = False,
        timeout: float | None = 3600.0,
        on_progress: Callable[[int, int | None], object] | None = None,
    ) -> Path:
        """Downloads the video to a file, and returns the file's path.

        The bytes are kept in the partial file `path` + `.part` until the file is complete. After any
        failure, ctrl-C included, the next call resumes there if the server can tell that its file is
        unchanged, and starts from the beginning otherwise. No request has the API key. Your own
        `http_client` provides only its transports: its auth, cookies, headers and hooks are not used.

        Args:
            video_or_task_id: A video, or the id of a task that has succeeded, which is fetched first.
            path: The file, or a folder. In a folder, the file is named after the task's id. A download never
                replaces a device, a named pipe, a socket or a symbolic link.
            overwrite: Replaces an existing file.
            last_frame: Downloads the picture of the last frame instead.
            timeout: Seconds for the whole call; None for no limit. A connection without a byte for the
                client's `timeout` is closed and retried.
            on_progress: Called with the bytes received so far, and the size of the whole file or None.
                An exception that it raises reaches you unchanged.

        Raises:
            DownloadError: The download failed; it says why, and which bytes are kept. Temporary failures
                are retried, at most `max_retries` times in a row without a new byte.
                After a failure of your disk, `__cause__` is its `OSError`.
            TaskError: The task ended without a video: `TaskFailed`, `TaskExpired` or `TaskCancelled`.
            APIError: As from `get`, if you pass an id.
            ConnectionFailed: As from `get`, if you pass an id.
            InvalidResponse: As from `get`, if you pass an id.
            ValueError: `video_or_task_id` cannot be a task's id, or `timeout` is not a number of seconds.
            TypeError: `on_progress` is a coroutine function.
            RuntimeError: The client has been closed.
        """
        from meshapi_video._download.request import DownloadRequest  # noqa: PLC0415
        from meshapi_video._sync.download import Download  # noqa: PLC0415

        if self._session.is_closed:
            raise RuntimeError("this client has been closed")
        download = Download(
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
            on_progress=blocking_callback("on_progress", on_progress),
            clock=self._clock,
            rand=self._rand,
            sleep=self._sleep,
        )
        # Its repr shows the signed URL.
        del video_or_task_id
        with self._telemetry.call("download", download.request.task_id):
            return download.run(self._get)

    @cached_property
    def _download_transports(self) -> DownloadTransports:
        from meshapi_video._sync.download import DownloadTransports  # noqa: PLC0415

        return DownloadTransports(self._settings, self._connections, self._http_client, self._address_rules())

    def _advance(self, state: PollState, stop: StopFlag | None = None) -> PollState:
        """The state after the next poll, which is sent when it is due, or after `stop` was set."""
        while stop is None or not stop.is_set():
            match decide(state, self._clock()):
                case Sleep(seconds):
                    # Not `stop.wait`: a signal handler that sets `stop` must not find its lock held by this thread.
                    self._sleep(seconds if stop is None else min(seconds, STOP_CHECK_INTERVAL))
                case SendPoll(seconds):
                    return self._poll(state, seconds, stop)
                case _:
                    return state
        return stopped(state, self._clock())

    def _poll_one_of_many(self, state: PollState, seconds: float, stop: StopFlag) -> PollState:
        """The same as `_poll`, but an unexpected exception ends the wait for this task only."""
        try:
            return self._poll(state, seconds, stop)
        except Exception as error:
            # Without a connection, no task can be polled.
            if self._is_closed or (self._http_client is not None and self._http_client.is_closed):
                raise
            return self._poll_crashed(state, error)

    def _poll(self, state: PollState, seconds: float, stop: StopFlag | None) -> PollState:
        """The state after a poll that may take `seconds`. `stop` may end it early."""
        sent_at = self._clock()
        try:
            task, age = self._request_task(state, min(seconds, self._settings.timeout), stop)
        except MeshVideoError as error:
            if stop is not None and stop.is_set():
                return stopped(state, self._clock())
            return self._poll_failed(state, error, sent_at)
        return self._poll_succeeded(state, task, age, sent_at)

    def _request_task(
        self, state: PollState, seconds: float, stop: StopFlag | None
    ) -> tuple[VideoTaskResponse, float | None]:
        request = self._telemetry.request(GET, state.consecutive_failures)
        with request, typed_errors(state.task_id, self._settings, seconds):
            self._session.open()
            with request_deadline(seconds, stop):
                response = GET.blocking(state.task_id, client=self._generated)
            return task_and_age(response.parsed, response.headers)
