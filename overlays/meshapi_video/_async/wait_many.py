"""The asynchronous iterators: over the changes of one task, and over the results of many."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import math
import os
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, TypeVar

import anyio
import anyio.lowlevel

from meshapi_video._async.call_back import call_back
from meshapi_video._async.event_loops import call_threadsafe, current_loop
from meshapi_video._async.timers import move_on_after
from meshapi_video._polling.iteration import (
    Finish,
    ReportProgress,
    ResultIteration,
    TakeNextId,
    YieldResult,
    closed_early,
    forked,
    on_another_loop,
)
from meshapi_video._polling.results import PendingTask, WaitProgress, WaitResult
from meshapi_video._polling.scheduler import ScheduledPoll, Scheduler
from meshapi_video._polling.state import PollState, changed_task, result
from meshapi_video._tasks import TaskRef
from meshapi_video._token import WaitToken
from meshapi_video_generated.models import VideoTaskResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator

    from anyio.abc import TaskGroup

    StartWait: TypeAlias = Callable[[TaskRef], PollState]
    Advance: TypeAlias = Callable[[PollState], Awaitable[PollState]]
    SendPoll: TypeAlias = Callable[[PollState, float], Awaitable[PollState]]

    from meshapi_video._async.event_loops import EventLoop
    from meshapi_video._telemetry.client import ClientTelemetry

T = TypeVar("T")

SHUTDOWN_TIMEOUT: Final = 1.0
"""Seconds for all background tasks to end after their cancellation."""
_IDS_IN_A_TURN: Final = 100
"""Ids that are taken before the other coroutines of the event loop run: more than polls end in one turn of the loop, so
that there is always a poll to send."""


class AsyncUpdates(AsyncIterator[VideoTaskResponse]):
    """The first response about a task, and each response that differs from the one before.

    `AsyncVideoClient.updates` creates it. Raises the error that ends the wait, such as `WaitTimeout`. It
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

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the wait: no more polls are sent. A poll in flight is not interrupted. The `token` resumes the wait."""
        self._closed = True

    async def __anext__(self) -> VideoTaskResponse:
        while self._state.end is None and not self._closed:
            before = self._state
            self._state = await self._advance(before)
            task = changed_task(before, self._state)
            if task is not None:
                return task
        if not self._closed:
            result(self._state)
        raise StopAsyncIteration


class AsyncWaitResults(AsyncIterator[WaitResult]):
    """One `WaitResult` for each task, in the order in which the tasks end.

    `AsyncVideoClient.wait_many` creates it. All pending waits end with this iterator, or at `close`. Another event
    loop, or a forked process, cannot continue it: pass its `tokens` to a new `wait_many` there.
    """

    _poller: Poller
    _task_ids: Iterator[TaskRef]
    _iteration: ResultIteration
    _is_client_closed: Callable[[], bool]
    _closed: bool
    _finished: bool

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
        self._iteration = ResultIteration(poller.scheduler, on_progress)
        self._is_client_closed = is_client_closed
        self._closed = self._finished = False
        poller.reports_progress = on_progress is not None
        return self

    @property
    def progress(self) -> WaitProgress:
        """The progress so far."""
        return self._poller.scheduler.progress

    def waiting(self, limit: int | None = None) -> list[PendingTask]:
        """At most `limit` tasks whose wait has not ended, in the order in which they were taken."""
        return self._poller.pending(limit)

    @property
    def tokens(self) -> list[WaitToken]:
        """A token for each task that was taken from the iterable and whose result was not yielded."""
        return self._poller.scheduler.tokens

    def poll_now(self, task_id: str) -> None:
        """Takes a hint that a task has changed, such as a callback: if it is waited for, it is polled at once.

        Any thread may call this. A wrong hint does no harm: the poll asks the server. Hints about one task lead
        to at most one poll a second.
        """
        self._poller.call_threadsafe(partial(self._poller.poll_now, task_id))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc_info: object) -> None:
        await self.close()

    def __del__(self) -> None:
        if hasattr(self, "_poller"):
            self._poller.cancel_threadsafe()

    async def close(self) -> None:
        """Ends every pending wait, and all background tasks.

        Afterwards the iterator has no more results, and `tokens` has the tasks without a result.
        """
        self._closed = True
        await self._poller.aclose()

    async def __anext__(self) -> WaitResult:
        self._poller.check_process()
        if not (self._closed or self._finished):
            self._poller.check_loop()
        try:
            return await self._next()
        except GeneratorExit:
            # The event loop has ended, and nothing can be awaited any more.
            raise
        except BaseException:
            await self.close()
            raise

    async def _next(self) -> WaitResult:
        while not (self._closed or self._finished or self._is_client_closed()):
            self._poller.start()
            # Get the event before the decision: any change after this line, in a callback too, sets it.
            changed = self._poller.changed
            self._poller.raise_failure()
            action = self._iteration.next_action(
                polling_ended=self._poller.ended.is_set(), ids_arrive=self._poller.ids_arrive
            )
            if isinstance(action, TakeNextId):
                await self._take_next_id()
            elif isinstance(action, ReportProgress):
                await call_back(action.callback, action.progress)
            elif isinstance(action, YieldResult):
                self._poller.notify()
                return action.result
            elif isinstance(action, Finish):
                # Polling may have ended because of `close`.
                self._finished = not self._closed
                break
            else:
                await changed.wait()
        is_complete = self._finished or self._iteration.is_complete(ids_arrive=self._poller.ids_arrive)
        if self._is_client_closed() and not is_complete:
            raise closed_early(len(self.tokens))
        raise StopAsyncIteration

    async def _take_next_id(self) -> None:
        try:
            task = next(self._task_ids)
        except StopIteration:
            self._iteration.is_exhausted = True
        else:
            await self._poller.add(task)


class Poller:
    """Sends the polls of a `Scheduler`, in a background task of the event loop."""

    def __init__(
        self,
        scheduler: Scheduler,
        start_wait: StartWait,
        send_poll: SendPoll,
        clock: Callable[[], float],
        telemetry: ClientTelemetry,
        arriving_ids: AsyncIterable[TaskRef] | None,
        deadline: float | None,
    ) -> None:
        self.scheduler = scheduler
        self._changed = anyio.Event()
        self.ended: anyio.Event = anyio.Event()
        self.ids_arrive: bool = arriving_ids is not None
        """Whether an asynchronous iterable may still give ids."""
        self.reports_progress: bool = False
        """Whether the caller wants to know about every poll."""
        self._start_wait = start_wait
        self._send_poll = send_poll
        self._clock = clock
        self._telemetry = telemetry.wait_many(scheduler, clock)
        self._arriving_ids = arriving_ids
        self._deadline = math.inf if deadline is None else deadline
        self._due = anyio.Event()
        """Wakes the dispatcher before the end of its sleep."""
        self._asleep_until = -math.inf
        """When the dispatcher wakes by itself; in the past if it is awake."""
        self._polls = deque[ScheduledPoll]()
        """The polls for the workers."""
        self._polls_ready = anyio.Semaphore(0, fast_acquire=True)
        """The number of polls that no worker has taken."""
        self._workers = self._added = 0
        self._process = os.getpid()
        self._failure: BaseException | None = None
        self._scope: anyio.CancelScope | None = None
        self._loop: EventLoop | None = None

    @property
    def changed(self) -> anyio.Event:
        """An event that is set when there may be something to do for the iterator, from now on."""
        if self._changed.is_set():
            self._changed = anyio.Event()
        return self._changed

    def check_process(self) -> None:
        """Raises `RuntimeError` in a forked process, where the event loop does not run."""
        if self._process != os.getpid():
            raise forked()

    def check_loop(self) -> None:
        """Raises `RuntimeError` on another event loop than the one that polls. No other one can run its tasks."""
        if self._loop not in {None, current_loop()}:
            raise on_another_loop()

    def start(self) -> None:
        """Starts, unless it was started before or has ended."""
        if self._scope is None and not self.ended.is_set():
            # The iterator may have been created on another event loop.
            self._changed, self.ended = anyio.Event(), anyio.Event()
            self._polls_ready = anyio.Semaphore(0, fast_acquire=True)
            self._scope, self._loop = anyio.CancelScope(), current_loop()
            _start_task(self._loop, partial(self._run, self._scope), self._finish)

    async def add(self, task: TaskRef) -> None:
        """Adds a task."""
        self.scheduler.start(task, self._start_wait)
        # A new task is due. To wake the dispatcher, which would wake an idle worker, takes longer.
        has_idle_worker = self._workers > self.scheduler.in_flight and not self.scheduler.has_overdue
        if has_idle_worker and isinstance(action := self.scheduler.next(self._clock()), ScheduledPoll):
            self._give_to_worker(action)
        self._wake_others(self.scheduler.next_at)
        # Let other coroutines run: there may be very many ids, all of them duplicates.
        self._added += 1
        if self._added % _IDS_IN_A_TURN == 0:
            await anyio.lowlevel.checkpoint()

    def poll_now(self, task_id: str) -> None:
        """Takes a hint that a task has changed."""
        self.scheduler.poll_now(task_id, self._clock())
        self._wake_others(self.scheduler.next_at)

    def pending(self, limit: int | None) -> list[PendingTask]:
        """The tasks whose wait has not ended."""
        return self.scheduler.pending(limit, self._clock())

    def raise_failure(self) -> None:
        """Raises an unexpected exception of a background task."""
        if self._failure is not None:
            raise self._failure

    def cancel(self) -> None:
        """Cancels all background tasks."""
        if self._scope is not None and not self.ended.is_set():
            self._scope.cancel()

    def cancel_threadsafe(self) -> None:
        """The same from any thread, with or without an event loop, as the garbage collector calls it."""
        if self._process != os.getpid():
            # The event loop belongs to the parent process.
            return
        if self._scope is not None:
            self.call_threadsafe(self._scope.cancel)

    def call_threadsafe(self, function: Callable[[], object]) -> None:
        """Calls a function on the event loop, from any thread. Does nothing before polling begins and after its end."""
        if self._loop is not None and not self.ended.is_set():
            # The loop may be closed, and then no task runs.
            with contextlib.suppress(RuntimeError):
                call_threadsafe(self._loop, function)

    async def aclose(self) -> None:
        """Cancels all background tasks, and waits until they have ended. Does not wait for another event loop."""
        if self._process != os.getpid():
            return
        if self._loop is None:
            self.ended.set()
        elif self._loop is not current_loop():
            self.cancel_threadsafe()
            return
        self.cancel()
        with move_on_after(SHUTDOWN_TIMEOUT, shield=True):
            await self.ended.wait()

    def notify(self) -> None:
        """Wakes the iterator, and the task that takes the arriving ids."""
        self._changed.set()

    async def _run(self, scope: anyio.CancelScope) -> None:
        try:
            async with anyio.create_task_group() as callers:
                # Outside the telemetry: the iterable is the caller's code, and its requests are no polls of this wait.
                if self._arriving_ids is not None:
                    callers.start_soon(self._guard, self._take_arriving_ids, self._arriving_ids)
                # The end of the iterator cancels the scope.
                with self._telemetry, scope:
                    async with anyio.create_task_group() as group:
                        await self._guard(self._dispatch, group)
                callers.cancel_scope.cancel()
        finally:
            self._finish()

    def _finish(self) -> None:
        self.ended.set()
        self.notify()

    async def _guard(self, run: Callable[[T], Awaitable[None]], argument: T) -> None:
        try:
            await run(argument)
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as failure:  # noqa: BLE001 - `raise_failure` raises it for the caller
            # Later failures may only be consequences of the first: on trio, groups of cancellations.
            if self._failure is None:
                self._failure = failure
            self.cancel()

    async def _dispatch(self, group: TaskGroup) -> None:
        while True:
            self._dispatch_polls(group)
            if self.scheduler.has_overdue:
                await anyio.lowlevel.checkpoint()
                continue
            now = self._clock()
            self._due, self._asleep_until = anyio.Event(), max(self.scheduler.next_at, now + self.scheduler.slack)
            with move_on_after(self._asleep_until - now):
                await self._due.wait()

    def _dispatch_polls(self, group: TaskGroup) -> None:
        """Gives every poll that is due to a worker, and starts another worker if all are busy."""
        while isinstance(action := self.scheduler.next(self._clock()), ScheduledPoll):
            # To start a task costs several times as much as to wake one.
            if self._workers < self.scheduler.in_flight:
                self._workers += 1
                group.start_soon(self._guard, self._work, group)
            self._give_to_worker(action)
        self._wake_others(self.scheduler.next_at)

    def _give_to_worker(self, poll: ScheduledPoll) -> None:
        """Gives the poll to a worker that is idle, or that was just started."""
        self._polls.append(poll)
        self._polls_ready.release()

    async def _work(self, group: TaskGroup) -> None:
        while True:
            await self._polls_ready.acquire()
            await self._run_poll(self._polls.popleft())
            # Another poll may have waited for the end of this one. Overdue waits are left to the dispatcher: many
            # workers can run in one turn of the event loop, and each would end some.
            if not self.scheduler.has_overdue:
                self._dispatch_polls(group)

    async def _run_poll(self, poll: ScheduledPoll) -> None:
        state = await self._send_poll(poll.state, poll.timeout)
        self.scheduler.record(poll, state, self._clock())

    def _wake_others(self, next_at: float) -> None:
        """Wakes the tasks for which the scheduler's last change means work: after most polls, none."""
        if next_at < self._asleep_until - self.scheduler.slack:
            self._asleep_until = -math.inf
            self._due.set()
        if self.reports_progress or self.scheduler.has_results:
            self.notify()

    async def _take_arriving_ids(self, task_ids: AsyncIterable[TaskRef]) -> None:
        """Adds the ids of an asynchronous iterable, which may take its time for each."""
        with move_on_after(self._deadline - self._clock()):
            async for task in task_ids:
                await self.add(task)
                while not self.scheduler.has_room:
                    await self.changed.wait()
        self.ids_arrive = False
        self.notify()


_running: Final[set[asyncio.Task[None]]] = set()
"""An event loop itself holds only weak references to its tasks."""


def _start_task(loop: EventLoop, run: Callable[[], Coroutine[Any, Any, None]], on_end: Callable[[], None]) -> None:
    """Starts a background task on the running event loop."""
    # A task group of anyio would have to stay open between two results, and the caller may leave the loop there.
    if not isinstance(loop, asyncio.AbstractEventLoop):
        import trio  # noqa: PLC0415 - without asyncio, trio is running

        trio.lowlevel.spawn_system_task(run, context=contextvars.copy_context())
        return
    # An event loop that was closed before its tasks had ended never calls back.
    _running.difference_update([each for each in list(_running) if each.get_loop().is_closed()])
    task = loop.create_task(run())
    _running.add(task)
    task.add_done_callback(_running.discard)
    # A task that is cancelled before its first step runs nothing, not even its `finally`.
    task.add_done_callback(lambda _: on_end())
