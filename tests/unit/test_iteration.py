"""The table of actions in `_polling/iteration.py`, row by row, and its other promises."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from meshapi_video import MeshVideoError, TaskFailed, WaitProgress
from meshapi_video._polling import iteration as iteration_module
from meshapi_video._polling.iteration import (
    Action,
    Finish,
    ReportProgress,
    ResultIteration,
    TakeNextId,
    WaitForChange,
    YieldResult,
)
from meshapi_video._polling.scheduler import ScheduledPoll, Scheduler
from meshapi_video._polling.state import poll_succeeded
from support.poll_states import NOW, new_wait, task
from support.tables import rows_of


def scheduler_of(*task_ids: str, max_waiting: int = 100) -> Scheduler:
    scheduler = Scheduler(max_in_flight=100, requests_per_minute=None, max_waiting=max_waiting)
    for task_id in task_ids:
        scheduler.add(new_wait(task=task_id))
    return scheduler


def poll_once(scheduler: Scheduler, status: str) -> None:
    poll = scheduler.next(NOW)
    assert isinstance(poll, ScheduledPoll)
    response = task(status, poll.state.task_id)
    scheduler.record(poll, poll_succeeded(poll.state, response, None, NOW, 0), NOW)


def iteration_over(
    scheduler: Scheduler, on_progress: Callable[[WaitProgress], object] | None = None, *, is_exhausted: bool = True
) -> ResultIteration:
    iteration = ResultIteration(scheduler, on_progress)
    iteration.is_exhausted = is_exhausted
    return iteration


def is_result_of(action: Action, task_id: str) -> bool:
    return isinstance(action, YieldResult) and action.result.task_id == task_id


# The table.

ROWS = list[tuple[str, str]]()


def row(state: str, action: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    ROWS.append((state, action))
    return lambda test: test


@row("no result; all tasks have ended, or polling has ended", "finish")
def test_without_a_result_the_iteration_finishes_when_all_tasks_or_polling_have_ended() -> None:
    assert iteration_over(scheduler_of()).next_action(polling_ended=False) == Finish()
    pending = scheduler_of("a")
    assert iteration_over(pending).next_action(polling_ended=True) == Finish()
    assert iteration_over(pending).next_action(polling_ended=False) == WaitForChange()
    # An iterable with more ids does not delay the end of polling.
    assert iteration_over(pending, is_exhausted=False).next_action(polling_ended=True) == Finish()


@row("no result; there is room, and the iterable may give an id", "take the next id")
def test_without_a_result_the_next_id_is_taken_while_there_is_room_and_the_iterable_has_more() -> None:
    assert iteration_over(scheduler_of(), is_exhausted=False).next_action(polling_ended=False) == TakeNextId()
    assert iteration_over(scheduler_of("a"), is_exhausted=False).next_action(polling_ended=False) == TakeNextId()
    full = iteration_over(scheduler_of("a", max_waiting=1), is_exhausted=False)
    assert full.next_action(polling_ended=False) == WaitForChange()


@row("new progress since the last report, and a callback", "report it, once before each result")
def test_new_progress_is_reported_once_before_each_result() -> None:
    scheduler = scheduler_of("a", "b")
    iteration = iteration_over(scheduler, print)
    poll_once(scheduler, "failed")
    poll_once(scheduler, "failed")
    progress = WaitProgress(begun=2, ended=2, polls=2, statuses={})
    assert iteration.next_action(polling_ended=False) == ReportProgress(print, progress)
    # The callback may take long, and the progress may change meanwhile: the next action is still the result.
    scheduler.add(new_wait(task="c"))
    assert is_result_of(iteration.next_action(polling_ended=False), "a")
    later = WaitProgress(begun=3, ended=2, polls=2, statuses={})
    assert iteration.next_action(polling_ended=False) == ReportProgress(print, later)
    assert is_result_of(iteration.next_action(polling_ended=False), "b")
    # No report, because the progress is the same as in the last one.
    assert iteration.next_action(polling_ended=False) == WaitForChange()


@row("a result", "yield it")
def test_a_result_is_yielded_before_the_next_id_and_before_the_end_of_polling() -> None:
    for polling_ended in (False, True):
        scheduler = scheduler_of("a")
        poll_once(scheduler, "failed")
        action = iteration_over(scheduler, is_exhausted=False).next_action(polling_ended=polling_ended)
        assert is_result_of(action, "a")
        assert isinstance(action, YieldResult)
        assert isinstance(action.result.error, TaskFailed)


@row("none of these", "wait for a change")
def test_with_nothing_to_do_the_iteration_waits_for_a_change() -> None:
    assert iteration_over(scheduler_of("a")).next_action(polling_ended=False) == WaitForChange()
    # Another source may still add ids.
    assert iteration_over(scheduler_of()).next_action(polling_ended=False, ids_arrive=True) == WaitForChange()


def test_the_rows_above_are_the_ones_in_the_docstring() -> None:
    assert rows_of(iteration_module.__doc__) == ROWS


def test_without_a_callback_no_progress_is_reported() -> None:
    scheduler = scheduler_of("a")
    poll_once(scheduler, "failed")
    assert is_result_of(iteration_over(scheduler).next_action(polling_ended=False), "a")


def test_progress_is_reported_while_the_iteration_waits() -> None:
    scheduler = scheduler_of("a")
    iteration = iteration_over(scheduler, print)
    first = WaitProgress(begun=1, ended=0, polls=0, statuses={})
    assert iteration.next_action(polling_ended=False) == ReportProgress(print, first)
    assert iteration.next_action(polling_ended=False) == WaitForChange()
    poll_once(scheduler, "queued")
    changed = WaitProgress(begun=1, ended=0, polls=1, statuses={"queued": 1})
    assert iteration.next_action(polling_ended=False) == ReportProgress(print, changed)
    assert iteration.next_action(polling_ended=False) == WaitForChange()
    assert iteration.next_action(polling_ended=False) == WaitForChange()


def test_a_callback_that_raises_loses_no_result() -> None:
    scheduler = scheduler_of("a")
    poll_once(scheduler, "failed")

    def on_progress(_progress: WaitProgress) -> None:
        raise ZeroDivisionError

    iteration = iteration_over(scheduler, on_progress)
    report = iteration.next_action(polling_ended=False)
    assert isinstance(report, ReportProgress)
    with pytest.raises(ZeroDivisionError):
        report.callback(report.progress)
    assert is_result_of(iteration.next_action(polling_ended=False), "a")
    assert iteration.next_action(polling_ended=False) == Finish()


def test_a_result_without_a_poll_is_yielded_too() -> None:
    scheduler = scheduler_of()
    error = MeshVideoError("not a task id: ''")
    scheduler.add_failed("", error)
    iteration = iteration_over(scheduler, is_exhausted=False)
    action = iteration.next_action(polling_ended=False)
    assert isinstance(action, YieldResult)
    assert (action.result.task_id, action.result.error) == ("", error)
    assert iteration.next_action(polling_ended=False) == TakeNextId()
