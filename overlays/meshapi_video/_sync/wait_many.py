"""The blocking iterators: over the changes of one task, and over the results of many."""

from __future__ import annotations

import math
import os
import queue
import threading
from collections.abc import Iterator, Sized
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from meshapi_video._clock import monotonic
from meshapi_video._errors import MeshVideoError
from meshapi_video._polling.iteration import (
    Finish,
    ReportProgress,
    ResultIteration,
    TakeNextId,
    YieldResult,
    closed_early,
    forked,
)
from meshapi_video._polling.results import PendingTask, WaitProgress, WaitResult
from meshapi_video._polling.scheduler import ScheduledPoll, Scheduler
from meshapi_video._polling.state import PollState, changed_task, result
from meshapi_video._sync.deadline import STOP_CHECK_INTERVAL, StopFlag
from meshapi_video._sync.wakeup import Flag, Wakeup
from meshapi_video._tasks import TaskRef
from meshapi_video._threads import start_thread
from meshapi_video._token import WaitToken
from meshapi_video_generated.models import VideoTaskResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from meshapi_video._telemetry.client import ClientTelemetry

    StartWait: TypeAlias = Callable[[TaskRef], PollState]
    Advance: TypeAlias = Callable[[PollState], PollState]
    SendPoll: TypeAlias = Callable[[PollState, float, StopFlag], PollState]

SHUTDOWN_TIMEOUT: Final = 1.0
"""Seconds for all threads to end. Each checks at least every `STOP_CHECK_INTERVAL` whether it should."""
_THREAD_RETRY_INTERVAL: Final = 1.0
"""Seconds until the next attempt to start a thread, after the system refused one."""


class Updates(Iterator[VideoTaskResponse]):
    """The first response about a task, and each response that differs from the one before.

    `VideoClient.updates` creates it. Raises the error that ends the wait, such as `WaitTimeout`. It
    polls only while it is asked for the next response, and never again after `close`.
    """

    _state: PollState
    _advance: Advance
    _closed: bool

    @classmethod
    def _of(cls, state: PollState, advance: Advance) -> Self:
        self = cls()
        self._state = state
        self._advance = advance
        self._closed = False
        return self

    @property
    def token(self) -> WaitToken:
        """The current state of the wait, to resume it in this or another process."""
        return self._state.token

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the wait: no more polls are sent. A poll in flight is not interrupted. The `token` resumes the wait."""
        self._closed = True

    def __next__(self) -> VideoTaskResponse:
        while self._state.end is None and not self._closed:
            before = self._state
            self._state = self._advance(before)
            task = changed_task(before, self._state)
            if task is not None:
                return task
        if not self._closed:
            result(self._state)
        raise StopIteration


class WaitResults(Iterator[WaitResult]):
    """One `WaitResult` for each task, in the order in which the tasks end.

    `VideoClient.wait_many` creates it. All pending waits end with this iterator, or at `close`. A forked
    process cannot use it: read `tokens` before the fork.
    """

    _poller: Poller
    _task_ids: Iterator[TaskRef]
    _takes_all: bool
    _iteration: ResultIteration
    _is_client_closed: Callable[[], bool]
    _closed: bool
    _finished: bool
    _thread_in_next: int | None

    @classmethod
    def _of(
        cls,
        task_ids: Iterable[TaskRef],
        poller: Poller,
        on_progress: Callable[[WaitProgress], object] | None,
        is_client_closed: Callable[[], bool],
    ) -> Self:
        self = cls()
        self._poller = poller
        self._task_ids = iter(task_ids)
        # Other iterables may be endless, and the caller can read the rest from them.
        self._takes_all = isinstance(task_ids, Sized)
        self._iteration = ResultIteration(poller.scheduler, on_progress)
        self._is_client_closed = is_client_closed
        self._closed = self._finished = False
        self._thread_in_next = None
        return self

    @property
    def progress(self) -> WaitProgress:
        """The progress so far."""
        with self._poller.lock:
            return self._poller.scheduler.progress

    def waiting(self, limit: int | None = None) -> list[PendingTask]:
        """At most `limit` tasks whose wait has not ended, in the order in which they were taken."""
        with self._poller.lock:
            return self._poller.pending(limit)

    @property
    def tokens(self) -> list[WaitToken]:
        """A token for each task that was taken from the iterable and whose result was not yielded."""
        with self._poller.lock:
            return self._poller.scheduler.tokens

    def poll_now(self, task_id: str) -> None:
        """Takes a hint that a task has changed, such as a callback: if it is waited for, it is polled at once.

        Any thread may call this. A wrong hint does no harm: the poll asks the server. Hints about one task lead
        to at most one poll a second.
        """
        with self._poller.lock:
            self._poller.poll_now(task_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_poller"):
            self._poller.cancel()

    def close(self) -> None:
        """Ends every pending wait, and all background threads.

        Afterwards the iterator has no more results, and `tokens` has the tasks without a result. A signal
        handler may call this at any moment.
        """
        if not self._closed:
            self._closed = True
            self._poller.cancel()
            # In a signal handler or a callback inside `next`, this thread may hold the lock that the threads need
            # to end. Then `next` waits for them.
            if self._thread_in_next != threading.get_ident():
                self._poller.join()

    def __next__(self) -> WaitResult:
        self._poller.check_process()
        was_closed, self._thread_in_next = self._closed, threading.get_ident()
        try:
            return self._next()
        except BaseException:
            self._closed = True
            self._poller.cancel()
            raise
        finally:
            self._thread_in_next = None
            if self._closed and not was_closed:
                self._poller.join()

    def _next(self) -> WaitResult:
        while not (self._closed or self._is_client_closed()):
            self._poller.start()
            with self._poller.lock:
                self._poller.raise_failure()
                has_stopped = self._poller.end_if_stopped()
                polling_ended = self._poller.ending.is_set() and not (has_stopped and self._takes_all)
                action = self._iteration.next_action(polling_ended=polling_ended)
            if isinstance(action, TakeNextId):
                self._take_next_id()
            elif isinstance(action, ReportProgress):
                action.callback(action.progress)
            elif isinstance(action, YieldResult):
                return action.result
            elif isinstance(action, Finish):
                # Polling may have ended because of `close`.
                self._finished = not self._closed
                break
            else:
                self._poller.changed.wait(STOP_CHECK_INTERVAL)
        if self._is_client_closed() and not (self._finished or self._iteration.is_complete()):
            raise closed_early(len(self.tokens))
        raise StopIteration

    def _take_next_id(self) -> None:
        # In the caller's thread, because the iterable may depend on it.
        try:
            task = next(self._task_ids)
        except StopIteration:
            self._iteration.is_exhausted = True
        else:
            self._poller.add(task)


class Poller:
    """Sends the polls of a `Scheduler`, in background threads."""

    def __init__(
        self,
        scheduler: Scheduler,
        start_wait: StartWait,
        send_poll: SendPoll,
        clock: Callable[[], float],
        telemetry: ClientTelemetry,
        stop: StopFlag | None,
    ) -> None:
        self.scheduler = scheduler
        self.changed: Wakeup = Wakeup()
        """Wakes the caller's thread when the scheduler has changed."""
        self.ending: Flag = Flag()
        self._start_wait = start_wait
        self._send_poll = send_poll
        self._clock = clock
        self._telemetry = telemetry.wait_many(scheduler, clock)
        self._stop = stop
        self._has_stopped = False
        self._process = os.getpid()
        # A lock of the interpreter. A condition's lock may stay locked after ctrl-C in its Python code.
        self._lock = threading.RLock()
        self._due = Wakeup()
        """Wakes the dispatcher: a task was added, or a poll has ended."""
        self._exited = Wakeup()
        """Wakes `join`."""
        self._failure: BaseException | None = None
        self._polls = queue.SimpleQueue[ScheduledPoll | None]()
        """The polls for the workers. None ends all workers."""
        self._is_started = False
        self._running = set[int]()
        """The threads that run, by their identifiers."""
        self._workers = 0
        self._max_in_flight = scheduler.max_in_flight
        self._retry_threads_at = -math.inf

    @property
    def lock(self) -> AbstractContextManager[object]:
        """Hold it while you use the scheduler. Raises `RuntimeError` in a forked process."""
        self.check_process()
        return self._lock

    def check_process(self) -> None:
        """Raises `RuntimeError` in a forked process, which has no background threads."""
        if self._process != os.getpid():
            raise forked()

    def start(self) -> None:
        """Starts, unless it was started before or has ended. Raises `MeshVideoError` if there can be no thread."""
        if self._is_started or self.end_if_stopped() or self.ending.is_set():
            return
        self._is_started = True
        try:
            self._start_thread(self._dispatch)
        except RuntimeError as error:
            raise MeshVideoError(
                f"no thread could be started: {error}. No task was polled. Raise the limit of threads, or use "
                "AsyncVideoClient, which needs none"
            ) from None

    def add(self, task: TaskRef) -> None:
        """Adds a task."""
        with self._lock:
            self.scheduler.start(task, self._start_wait)
            # The other tasks may have been stopped before this one was added.
            self.end_if_stopped()
        self._due.set()

    def poll_now(self, task_id: str) -> None:
        """Takes a hint that a task has changed."""
        self.scheduler.poll_now(task_id, self._clock())
        self._due.set()

    def pending(self, limit: int | None) -> list[PendingTask]:
        """The tasks whose wait has not ended."""
        return self.scheduler.pending(limit, self._clock())

    def end_if_stopped(self) -> bool:
        """Ends every wait if `stop` was set. Returns whether it was ever set."""
        with self._lock:
            if not self._has_stopped and self._stop is not None and self._stop.is_set():
                self._has_stopped = True
                self.cancel()
            if self._has_stopped:
                self.scheduler.stop(self._clock())
            return self._has_stopped

    def raise_failure(self) -> None:
        """Raises an unexpected exception of a background thread."""
        if self._failure is not None:
            raise self._failure

    def cancel(self) -> None:
        """Tells every thread to end soon. A signal handler or the garbage collector may call this at any moment."""
        self.ending.set()
        self._polls.put(None)
        self._due.set()
        self.changed.set()

    def join(self) -> None:
        """Waits until every thread has ended, at most `SHUTDOWN_TIMEOUT` seconds."""
        # Not `Thread.join`, which holds locks and must not be called for a thread that is about to start.
        deadline = monotonic() + SHUTDOWN_TIMEOUT
        while self._running and self._process == os.getpid() and (left := deadline - monotonic()) > 0:
            self._exited.wait(min(left, STOP_CHECK_INTERVAL))

    def _start_thread(self, run: Callable[[], None]) -> None:
        start_thread(partial(self._run, run), "meshapi-video wait_many")

    def _run(self, run: Callable[[], None]) -> None:
        self._running.add(threading.get_ident())
        try:
            run()
        except BaseException as failure:  # noqa: BLE001 - `raise_failure` raises it in the caller's thread
            self._failure = failure
            self.changed.set()
        finally:
            self._running.discard(threading.get_ident())
            self._exited.set()

    def _dispatch(self) -> None:
        # In this thread: it ends in any case, and it may wait for the locks of OpenTelemetry.
        with self._telemetry:
            self._dispatch_polls()

    def _dispatch_polls(self) -> None:
        while not self.ending.is_set():
            with self._lock:
                self.end_if_stopped()
                now = self._clock()
                if now >= self._retry_threads_at:
                    self.scheduler.max_in_flight = self._max_in_flight
                action = self.scheduler.next(now)
                has_results = self.scheduler.has_results
            if isinstance(action, ScheduledPoll):
                self._give_to_worker(action)
                continue
            if has_results:
                self.changed.set()
            # `stop` wakes no thread.
            self._due.wait(min(action, STOP_CHECK_INTERVAL))

    def _give_to_worker(self, poll: ScheduledPoll) -> None:
        """Gives the poll to a worker, and starts another worker if all are busy."""
        if self._workers < self.scheduler.in_flight:
            try:
                self._start_thread(self._work)
            except RuntimeError:
                # The system allows no more threads now: continue with those that run.
                self.scheduler.max_in_flight = max(self._workers, 1)
                self._retry_threads_at = self._clock() + _THREAD_RETRY_INTERVAL
            else:
                self._workers += 1
        if self._workers:
            self._polls.put(poll)
        else:
            self._run_poll(poll)

    def _work(self) -> None:
        while (poll := self._polls.get()) is not None and not self.ending.is_set():
            self._run_poll(poll)
        # For the next worker.
        self._polls.put(None)

    def _run_poll(self, poll: ScheduledPoll) -> None:
        state = self._send_poll(poll.state, poll.timeout, self.ending)
        with self._lock:
            self.scheduler.record(poll, state, self._clock())
        self._due.set()
        self.changed.set()
