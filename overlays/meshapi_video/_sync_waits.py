"""The blocking iterators: over the changes of one task, and over the ends of many."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from meshapi_video._deadline import GLANCE
from meshapi_video._errors import MeshVideoError
from meshapi_video._polling import GiveUp, Poll, brought, conclude
from meshapi_video._schedule import Job, Schedule, Waiting, WaitProgress, WaitResult
from meshapi_video._tokens import WaitToken
from meshapi_video_generated.models import VideoTaskResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Begin: TypeAlias = Callable[[str | WaitToken], Poll]
    Advance: TypeAlias = Callable[[Poll], Poll]
    LookFor: TypeAlias = Callable[[Poll, float, threading.Event], Poll]

_GOODBYE: Final = 1.0
"""Seconds in which all threads should have ended: they read no longer than a glance after being told."""


class Updates(Iterator[VideoTaskResponse]):
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

    def __next__(self) -> VideoTaskResponse:
        shown = self._poll.task
        while self._poll.end is None:
            before = self._poll
            self._poll = self._advance(before)
            task = brought(before, self._poll)
            if task is not None and task != shown and not isinstance(self._poll.end, GiveUp):
                return task
        conclude(self._poll)
        raise StopIteration


class WaitResults(Iterator[WaitResult]):
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
        self._told: WaitProgress | None = None
        self._exhausted = False
        self._closed = False

    @property
    def progress(self) -> WaitProgress:
        """How far it is."""
        with self._looks.changed:
            return self._looks.schedule.progress

    def waiting(self, limit: int | None = None) -> list[Waiting]:
        """The tasks that are waited for, at most `limit` of them, those first that were taken in first."""
        with self._looks.changed:
            return self._looks.waiting(limit)

    @property
    def tokens(self) -> list[WaitToken]:
        """The tasks taken from the iterable whose results were not yielded, written down."""
        with self._looks.changed:
            return self._looks.schedule.tokens

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        self._looks.tell_to_end()

    def close(self) -> None:
        """Ends every wait that is left, and with it all that runs for them."""
        if not self._closed:
            self._closed = True
            self._looks.end()

    def __next__(self) -> WaitResult:
        try:
            return self._next()
        except BaseException:
            self.close()
            raise

    def _next(self) -> WaitResult:
        self._looks.start()
        schedule, changed = self._looks.schedule, self._looks.changed
        while not self._closed:
            with changed:
                self._looks.check()
                ready = schedule.has_results
                if not ready and (self._looks.ending.is_set() or (self._exhausted and schedule.is_empty)):
                    break
                takes_in = not ready and schedule.has_room and not self._exhausted
                progress = None if takes_in or self._on_progress is None else schedule.progress
            if takes_in:
                self._take_in()
                continue
            # Before the result is taken: it is not lost to a callback that raises.
            if progress is not None and progress != self._told and self._on_progress is not None:
                self._told = progress
                self._on_progress(progress)
            with changed:
                result = schedule.take()
                if result is not None:
                    return result
                changed.wait(GLANCE)
        raise StopIteration

    def _take_in(self) -> None:
        """One more task. In the caller's thread, where the iterable may be at home."""
        try:
            task = next(self._task_ids)
        except StopIteration:
            self._exhausted = True
            return
        self._looks.add(task)


class Looks:
    """Makes the looks that a schedule asks for, in threads of its own."""

    def __init__(
        self,
        schedule: Schedule,
        begin: Begin,
        look: LookFor,
        clock: Callable[[], float],
        stop: threading.Event | None,
    ) -> None:
        self.schedule = schedule
        self.changed: threading.Condition = threading.Condition()
        """To be held by whoever uses the schedule; tells that it has changed."""
        self.ending: threading.Event = threading.Event()
        self._begin = begin
        self._look = look
        self._clock = clock
        self._stop = stop
        self._problem: BaseException | None = None
        self._jobs = queue.SimpleQueue[Job | None]()
        self._threads: list[threading.Thread] = []
        self._lookers = 0

    def start(self) -> None:
        """Starts, unless it has started or ended."""
        if not self._threads and not self.ending.is_set():
            self._run(self._dispatch)

    def add(self, task: str | WaitToken) -> None:
        """Takes in a task."""
        with self.changed:
            try:
                self.schedule.add(self._begin(task))
            except ValueError as error:
                self.schedule.refuse(str(task), MeshVideoError(str(error)))
            if self._stop is not None and self._stop.is_set():
                # Those that were stopped before do not know of it.
                self.schedule.stop(self._clock())
            self.changed.notify_all()

    def waiting(self, limit: int | None) -> list[Waiting]:
        """The tasks that are waited for."""
        return self.schedule.waiting(limit, self._clock())

    def check(self) -> None:
        """Raises what nobody foresaw in one of the threads."""
        if self._problem is not None:
            raise self._problem

    def tell_to_end(self) -> None:
        """Has every thread end soon."""
        # Garbage may be collected inside `set`, and nobody can set it twice at once.
        if not self.ending.is_set():
            self.ending.set()
        for _ in self._threads:
            self._jobs.put(None)

    def end(self) -> None:
        """Has every thread end, and sees that it does."""
        self.tell_to_end()
        with self.changed:
            self.changed.notify_all()
        late = time.monotonic() + _GOODBYE
        for thread in self._threads:
            thread.join(max(late - time.monotonic(), 0))

    def _run(self, run: Callable[[], None]) -> None:
        # None of them holds up the end of the program.
        thread = threading.Thread(target=self._guarded, args=(run,), name="meshapi-video wait_many", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as problem:  # noqa: BLE001 - it is raised where the results are taken
            with self.changed:
                self._problem = problem
                self.changed.notify_all()

    def _dispatch(self) -> None:
        with self.changed:
            while not self.ending.is_set():
                if self._stop is not None and self._stop.is_set():
                    self.schedule.stop(self._clock())
                    self.tell_to_end()
                    self.changed.notify_all()
                    return
                found = self.schedule.next(self._clock())
                if isinstance(found, Job):
                    self._jobs.put(found)
                    if self._lookers < self.schedule.in_flight:
                        self._lookers += 1
                        self._run(self._make_looks)
                    continue
                if self.schedule.has_results:
                    self.changed.notify_all()
                # Nobody tells of an event that was set, nor, from `__del__`, of the end.
                self.changed.wait(min(found, GLANCE))

    def _make_looks(self) -> None:
        while (job := self._jobs.get()) is not None and not self.ending.is_set():
            poll = self._look(job.poll, job.timeout, self.ending)
            with self.changed:
                self.schedule.looked(job, poll, self._clock())
                self.changed.notify_all()
