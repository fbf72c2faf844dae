"""Decides what an iterator of `wait_many` does next, for both clients. Pure.

| state                                                       | next action                         |
|-------------------------------------------------------------|-------------------------------------|
| no result; all tasks have ended, or polling has ended       | finish                              |
| no result; there is room, and the iterable may give an id   | take the next id                    |
| new progress since the last report, and a callback          | report it, once before each result  |
| a result                                                    | yield it                            |
| none of these                                               | wait for a change                   |

Progress is reported before a result is taken, so that a callback that raises loses no result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from meshapi_video._polling.results import WaitProgress, WaitResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshapi_video._polling.scheduler import Scheduler


@frozen
class TakeNextId:
    """Take the next id from the iterable."""


@frozen
class ReportProgress:
    """Call the caller's `on_progress`."""

    callback: Callable[[WaitProgress], object]
    progress: WaitProgress


@frozen
class YieldResult:
    """Give this result to the caller."""

    result: WaitResult


@frozen
class WaitForChange:
    """Wait until a poll ends, a task is added, or polling ends."""


@frozen
class Finish:
    """There are no more results."""


Action = TakeNextId | ReportProgress | YieldResult | WaitForChange | Finish


class ResultIteration:
    """The state of one iterator over the results of a `Scheduler`."""

    def __init__(self, scheduler: Scheduler, on_progress: Callable[[WaitProgress], object] | None) -> None:
        self._scheduler = scheduler
        self._on_progress = on_progress
        self._reported: WaitProgress | None = None
        self._has_just_reported = False
        self.is_exhausted = False
        """Whether the iterable has no more ids."""

    def is_complete(self, *, ids_arrive: bool = False) -> bool:
        """Whether every result was yielded. `ids_arrive` says that another source may still add ids."""
        return self.is_exhausted and not ids_arrive and self._scheduler.is_empty

    def next_action(self, *, polling_ended: bool, ids_arrive: bool = False) -> Action:
        """The next action. `ids_arrive` says that another source may still add ids."""
        scheduler = self._scheduler
        if not scheduler.has_results:
            if polling_ended or self.is_complete(ids_arrive=ids_arrive):
                return Finish()
            if scheduler.has_room and not self.is_exhausted:
                return TakeNextId()
        if self._on_progress is not None and not self._has_just_reported:
            self._has_just_reported = True
            if (progress := scheduler.progress) != self._reported:
                self._reported = progress
                return ReportProgress(self._on_progress, progress)
        self._has_just_reported = False
        result = scheduler.take()
        return WaitForChange() if result is None else YieldResult(result)


def closed_early(unfinished: int) -> RuntimeError:
    """The error of an iterator whose client was closed before the iterator had all results."""
    return RuntimeError(
        f"this client has been closed before the iterator was finished. Tasks without a result: {unfinished}. They "
        "continue and have been paid for: pass the iterator's `tokens` to wait_many of a new client. Ids that the "
        "iterator had not taken are still in your iterable"
    )


def forked() -> RuntimeError:
    """The error of an iterator in a forked process."""
    return RuntimeError(
        "this iterator belongs to the process that created it, and cannot continue in a forked process. Read its "
        "`tokens` before the fork, and pass them to wait_many in the new process"
    )


def on_another_loop() -> RuntimeError:
    """The error of an iterator that was begun on one event loop and is continued on another."""
    return RuntimeError(
        "this iterator began on another event loop, such as an earlier asyncio.run, and cannot continue on this one. "
        "Pass its `tokens` to a new wait_many. Ids that the iterator had not taken are still in your iterable"
    )
