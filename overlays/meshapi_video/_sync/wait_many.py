"""The blocking iterators: over the changes of one task, and over the results of many."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from meshapi_video._polling.iteration import (
    Finish,
    ReportProgress,
    ResultIteration,
    TakeNextId,
    WaitForChange,
    YieldResult,
)
from meshapi_video._polling.results import PendingTask, WaitProgress, WaitResult
from meshapi_video._polling.scheduler import ScheduledPoll, Scheduler
from meshapi_video._polling.state import PollState, changed_task, result
from meshapi_video._sync.deadline import STOP_CHECK_INTERVAL
from meshapi_video._token import WaitToken
from meshapi_video_generated.models import VideoTaskResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    StartWait: TypeAlias = Callable[[str | WaitToken], PollState]
    Advance: TypeAlias = Callable[[PollState], PollState]
    SendPoll: TypeAlias = Callable[[PollState, float, threading.Event], PollState]

SHUTDOWN_TIMEOUT: Final = 1.0
"""Seconds for all threads to end. Each checks at least every `STOP_CHECK_INTERVAL` whether it should."""


class Updates(Iterator[VideoTaskResponse]):
    """The first response about a task, and each response that differs from the one before.

    `VideoClient.updates` creates it. Raises the error that ends the wait, such as `WaitTimeout`. It
    polls only while it is asked for the next response.
    """

    _state: PollState
    _advance: Advance

    @classmethod
    def _of(cls, state: PollState, advance: Advance) -> Self:
        self = cls()
        self._state = state
        self._advance = advance
        return self

    @property
    def token(self) -> WaitToken:
        """The current state of the wait, to resume it in this or another process."""
        return self._state.token

    def __next__(self) -> VideoTaskResponse:
        while self._state.end is None:
            before = self._state
            self._state = self._advance(before)
            task = changed_task(before, self._state)
            if task is not None:
                return task
        result(self._state)
        raise StopIteration


class WaitResults(Iterator[WaitResult]):
    """One `WaitResult` for each task, in the order in which the tasks end.

    `VideoClient.wait_many` creates it. All pending waits end with this iterator, or at `close`.
    """

    _poller: Poller
    _task_ids: Iterator[str | WaitToken]
    _iteration: ResultIteration
    _closed: bool

    @classmethod
    def _of(
        cls,
        task_ids: Iterable[str | WaitToken],
        poller: Poller,
        on_progress: Callable[[WaitProgress], object] | None,
    ) -> Self:
        self = cls()
        self._poller = poller
        self._task_ids = iter(task_ids)
        self._iteration = ResultIteration(poller.scheduler, on_progress)
        self._closed = False
        return self

    @property
    def progress(self) -> WaitProgress:
        """The progress so far."""
        with self._poller.changed:
            return self._poller.scheduler.progress

    def waiting(self, limit: int | None = None) -> list[PendingTask]:
        """At most `limit` tasks whose wait has not ended, in the order in which they were taken."""
        with self._poller.changed:
            return self._poller.pending(limit)

    @property
    def tokens(self) -> list[WaitToken]:
        """A token for each task that was taken from the iterable and whose result was not yielded."""
        with self._poller.changed:
            return self._poller.scheduler.tokens

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_poller"):
            self._poller.cancel()

    def close(self) -> None:
        """Ends every pending wait, and all background threads."""
        if not self._closed:
            self._closed = True
            self._poller.close()

    def __next__(self) -> WaitResult:
        try:
            return self._next()
        except BaseException:
            self.close()
            raise

    def _next(self) -> WaitResult:
        self._poller.start()
        while not self._closed:
            with self._poller.changed:
                self._poller.raise_failure()
                action = self._iteration.next_action(polling_ended=self._poller.ending.is_set())
                if isinstance(action, WaitForChange):
                    self._poller.changed.wait(STOP_CHECK_INTERVAL)
            if isinstance(action, TakeNextId):
                self._take_next_id()
            elif isinstance(action, ReportProgress):
                action.callback(action.progress)
            elif isinstance(action, YieldResult):
                return action.result
            elif isinstance(action, Finish):
                break
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
        stop: threading.Event | None,
    ) -> None:
        self.scheduler = scheduler
        self.changed: threading.Condition = threading.Condition()
        """Hold it while you use the scheduler. It is notified when the scheduler has changed."""
        self.ending: threading.Event = threading.Event()
        self._start_wait = start_wait
        self._send_poll = send_poll
        self._clock = clock
        self._stop = stop
        self._failure: BaseException | None = None
        self._polls = queue.SimpleQueue[ScheduledPoll | None]()
        self._threads: list[threading.Thread] = []
        self._workers = 0

    def start(self) -> None:
        """Starts, unless it was started before or has ended."""
        if not self._threads and not self.ending.is_set():
            self._start_thread(self._dispatch)

    def add(self, task: str | WaitToken) -> None:
        """Adds a task."""
        with self.changed:
            self.scheduler.start(task, self._start_wait)
            if self._stop is not None and self._stop.is_set():
                # The dispatcher may have stopped all tasks before this one was added.
                self.scheduler.stop(self._clock())
            self.changed.notify_all()

    def pending(self, limit: int | None) -> list[PendingTask]:
        """The tasks whose wait has not ended."""
        return self.scheduler.pending(limit, self._clock())

    def raise_failure(self) -> None:
        """Raises an unexpected exception of a background thread."""
        if self._failure is not None:
            raise self._failure

    def cancel(self) -> None:
        """Tells every thread to end soon."""
        # The garbage collector may call this inside `set`, which must not be entered twice.
        if not self.ending.is_set():
            self.ending.set()
        for _ in self._threads:
            self._polls.put(None)

    def close(self) -> None:
        """Tells every thread to end, and waits until they have."""
        self.cancel()
        with self.changed:
            self.changed.notify_all()
        deadline = time.monotonic() + SHUTDOWN_TIMEOUT
        for thread in self._threads:
            # The dispatcher may be about to start this thread, which then ends at once.
            with suppress(RuntimeError):
                thread.join(max(deadline - time.monotonic(), 0))

    def _start_thread(self, run: Callable[[], None]) -> None:
        # A daemon thread does not delay the end of the program.
        thread = threading.Thread(target=self._run, args=(run,), name="meshapi-video wait_many", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as failure:  # noqa: BLE001 - `raise_failure` raises it in the caller's thread
            with self.changed:
                self._failure = failure
                self.changed.notify_all()

    def _dispatch(self) -> None:
        with self.changed:
            while not self.ending.is_set():
                if self._stop is not None and self._stop.is_set():
                    self.scheduler.stop(self._clock())
                    self.cancel()
                    self.changed.notify_all()
                    return
                action = self.scheduler.next(self._clock())
                if isinstance(action, ScheduledPoll):
                    self._polls.put(action)
                    if self._workers < self.scheduler.in_flight:
                        self._workers += 1
                        self._start_thread(self._work)
                    continue
                if self.scheduler.has_results:
                    self.changed.notify_all()
                # `stop` does not notify the condition, and neither does `cancel` from `__del__`.
                self.changed.wait(min(action, STOP_CHECK_INTERVAL))

    def _work(self) -> None:
        while (poll := self._polls.get()) is not None and not self.ending.is_set():
            self._run_poll(poll)

    def _run_poll(self, poll: ScheduledPoll) -> None:
        state = self._send_poll(poll.state, poll.timeout, self.ending)
        with self.changed:
            self.scheduler.record(poll, state, self._clock())
            self.changed.notify_all()
