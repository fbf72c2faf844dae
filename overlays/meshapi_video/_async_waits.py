"""The asynchronous iterators: over the changes of one task, and over the ends of many."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import math
from collections.abc import AsyncIterable, AsyncIterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, TypeVar

import anyio
import anyio.lowlevel

from meshapi_video._errors import MeshVideoError
from meshapi_video._polling import GiveUp, Poll, brought, conclude
from meshapi_video._schedule import Job, Schedule, Waiting, WaitProgress, WaitResult
from meshapi_video._tokens import WaitToken
from meshapi_video_generated.models import VideoTaskResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable

    from anyio.abc import TaskGroup

    Begin: TypeAlias = Callable[[str | WaitToken], Poll]
    Advance: TypeAlias = Callable[[Poll], Awaitable[Poll]]
    LookFor: TypeAlias = Callable[[Poll, float], Awaitable[Poll]]
    Soon: TypeAlias = Callable[[Callable[[], object]], object]

T = TypeVar("T")

_GOODBYE: Final = 1.0
"""Seconds in which all that runs should have ended after being cancelled."""


class AsyncUpdates(AsyncIterator[VideoTaskResponse]):
    """The first answer about a task and then each that differs from the one before, to the last.

    Raises what ends the wait otherwise, such as `WaitTimeout`. Nothing runs between two of them.
    """

    def __init__(self, poll: Poll, advance: Advance) -> None:
        self._poll = poll
        self._advance = advance

    @property
    def token(self) -> WaitToken:
        """The wait as it is now, written down."""
        return self._poll.token

    async def __anext__(self) -> VideoTaskResponse:
        shown = self._poll.task
        while self._poll.end is None:
            before = self._poll
            self._poll = await self._advance(before)
            task = brought(before, self._poll)
            if task is not None and task != shown and not isinstance(self._poll.end, GiveUp):
                return task
        conclude(self._poll)
        raise StopAsyncIteration


class AsyncWaitResults(AsyncIterator[WaitResult]):
    """The result of each wait, as it ends. The others end with this iterator, or at `close`."""

    def __init__(
        self,
        task_ids: Iterable[str | WaitToken],
        looks: Looks,
        on_progress: Callable[[WaitProgress], object] | None,
    ) -> None:
        self._looks = looks
        self._task_ids = iter(task_ids)
        self._on_progress = on_progress
        looks.watched = on_progress is not None
        self._told: WaitProgress | None = None
        self._exhausted = False
        self._closed = False

    @property
    def progress(self) -> WaitProgress:
        """How far it is."""
        return self._looks.schedule.progress

    def waiting(self, limit: int | None = None) -> list[Waiting]:
        """The tasks that are waited for, at most `limit` of them, those first that were taken in first."""
        return self._looks.waiting(limit)

    @property
    def tokens(self) -> list[WaitToken]:
        """The tasks taken from the iterable whose results were not yielded, written down."""
        return self._looks.schedule.tokens

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc_info: object) -> None:
        await self.close()

    def __del__(self) -> None:
        self._looks.let_go()

    async def close(self) -> None:
        """Ends every wait that is left, and with it all that runs for them."""
        self._closed = True
        await self._looks.end()

    async def __anext__(self) -> WaitResult:
        try:
            return await self._next()
        except GeneratorExit:
            # The event loop is gone, and nothing can be awaited any more.
            raise
        except BaseException:
            await self.close()
            raise

    async def _next(self) -> WaitResult:
        self._looks.start()
        schedule = self._looks.schedule
        while not self._closed:
            # Taken before anything is asked: what changes from here on, in a callback too, ends the waiting.
            changed = self._looks.changed
            self._looks.check()
            if not schedule.has_results:
                exhausted = self._exhausted and self._looks.nothing_arrives
                if self._looks.ended.is_set() or (exhausted and schedule.is_empty):
                    break
                if schedule.has_room and not self._exhausted:
                    await self._take_in()
                    continue
            # Before the result is taken: it is not lost to a callback that raises.
            await self._tell()
            result = self._looks.take()
            if result is not None:
                return result
            await changed.wait()
        raise StopAsyncIteration

    async def _tell(self) -> None:
        if self._on_progress is None or (progress := self._looks.schedule.progress) == self._told:
            return
        self._told = progress
        told = self._on_progress(progress)
        if inspect.isawaitable(told):
            await told

    async def _take_in(self) -> None:
        """One more task, letting others run: there may be very many at hand."""
        try:
            self._looks.add(next(self._task_ids))
        except StopIteration:
            self._exhausted = True
        await anyio.lowlevel.checkpoint()


class Looks:
    """Makes the looks that a schedule asks for, in a task of the event loop's own."""

    def __init__(
        self,
        schedule: Schedule,
        begin: Begin,
        look: LookFor,
        clock: Callable[[], float],
        arriving: AsyncIterable[str | WaitToken] | None,
        deadline: float | None,
    ) -> None:
        self.schedule = schedule
        self.changed: anyio.Event = anyio.Event()
        """Is set, and replaced by another one, when the schedule has changed."""
        self.ended: anyio.Event = anyio.Event()
        self.nothing_arrives: bool = arriving is None
        self.watched: bool = False
        """Whether somebody wants to know of every look."""
        self._begin = begin
        self._look = look
        self._clock = clock
        self._arriving = arriving
        self._deadline = math.inf if deadline is None else deadline
        self._asleep_until = -math.inf
        self._problem: BaseException | None = None
        self._scope: anyio.CancelScope | None = None
        self._soon: Soon | None = None

    def start(self) -> None:
        """Starts, unless it has started or ended."""
        if self._scope is None and not self.ended.is_set():
            self._scope = anyio.CancelScope()
            self._soon = _spawn(partial(self._run, self._scope), self._finish)

    def add(self, task: str | WaitToken) -> None:
        """Takes in a task."""
        try:
            self.schedule.add(self._begin(task))
        except ValueError as error:
            self.schedule.refuse(str(task), MeshVideoError(str(error)))
        self._tell()

    def take(self) -> WaitResult | None:
        """The next result, if there is one."""
        result = self.schedule.take()
        if result is not None:
            # There is room for another task now.
            self._tell()
        return result

    def waiting(self, limit: int | None) -> list[Waiting]:
        """The tasks that are waited for."""
        return self.schedule.waiting(limit, self._clock())

    def check(self) -> None:
        """Raises what nobody foresaw."""
        if self._problem is not None:
            raise self._problem

    def tell_to_end(self) -> None:
        """Has all that runs end soon."""
        if self._scope is not None and not self.ended.is_set():
            self._scope.cancel()

    def let_go(self) -> None:
        """The same from any thread, with or without an event loop: wherever garbage is collected."""
        if self._scope is not None and self._soon is not None and not self.ended.is_set():
            # The loop may be closed, and then nothing runs.
            with contextlib.suppress(RuntimeError):
                self._soon(self._scope.cancel)

    async def end(self) -> None:
        """Has all that runs end, and sees that it does."""
        if self._scope is None:
            self.ended.set()
        self.tell_to_end()
        with anyio.move_on_after(_GOODBYE, shield=True):
            await self.ended.wait()

    def _tell(self) -> None:
        changed, self.changed = self.changed, anyio.Event()
        changed.set()

    async def _run(self, scope: anyio.CancelScope) -> None:
        try:
            with scope:
                async with anyio.create_task_group() as group:
                    if self._arriving is not None:
                        group.start_soon(self._guarded, self._arrive, self._arriving)
                    await self._guarded(self._dispatch, group)
        finally:
            self._finish()

    def _finish(self) -> None:
        self.ended.set()
        self._tell()

    async def _guarded(self, run: Callable[[T], Awaitable[None]], argument: T) -> None:
        try:
            await run(argument)
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as problem:  # noqa: BLE001 - it is raised where the results are taken
            # What follows the first may be no more than what ending brings: on trio, groups of cancellations.
            if self._problem is None:
                self._problem = problem
            self.tell_to_end()

    async def _dispatch(self, group: TaskGroup) -> None:
        while True:
            found = self.schedule.next(self._clock())
            if isinstance(found, Job):
                group.start_soon(self._guarded, self._make_look, found)
                continue
            if self.schedule.has_results:
                self._tell()
            changed, self._asleep_until = self.changed, self._clock() + found
            with anyio.move_on_after(found):
                await changed.wait()

    async def _make_look(self, job: Job) -> None:
        poll = await self._look(job.poll, job.timeout)
        was_full = self.schedule.is_full
        self.schedule.looked(job, poll, self._clock())
        # Of most looks nobody has to know, and waking others up costs a part of what the look did.
        changes = poll.error is not None or self.schedule.has_results or poll.due < self._asleep_until
        if self.watched or was_full or changes:
            self._tell()

    async def _arrive(self, task_ids: AsyncIterable[str | WaitToken]) -> None:
        """Takes in what an async iterable brings, which may take its time over each."""
        with anyio.move_on_after(self._deadline - self._clock()):
            async for task in task_ids:
                self.add(task)
                # There may be very many at hand, and all of them known.
                await anyio.lowlevel.checkpoint()
                while not self.schedule.has_room:
                    await self.changed.wait()
        self.nothing_arrives = True
        self._tell()


_running: Final[set[asyncio.Task[None]]] = set()
"""An event loop itself holds its tasks weakly."""


def _spawn(run: Callable[[], Coroutine[Any, Any, None]], ended: Callable[[], None]) -> Soon:
    """Runs beside everything else, on the event loop that is running; gives a way to call in from any thread."""
    # A task group of anyio's would have to stay open between two results, where the caller may leave
    # without a word.
    if anyio.get_cancelled_exc_class() is not asyncio.CancelledError:
        import trio  # noqa: PLC0415 - whoever is here without asyncio has it

        trio.lowlevel.spawn_system_task(run, context=contextvars.copy_context())
        return trio.lowlevel.current_trio_token().run_sync_soon
    loop = asyncio.get_running_loop()
    task = loop.create_task(run())
    _running.add(task)
    task.add_done_callback(_running.discard)
    # One that is cancelled before its first step runs nothing, not even what is in a `finally`.
    task.add_done_callback(lambda _: ended())
    return loop.call_soon_threadsafe
