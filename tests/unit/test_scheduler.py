"""The table of decisions in `_polling/scheduler.py`, row by row, and its other promises, in virtual time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable

import pytest
from attrs import evolve

from meshapi_video import (
    AuthenticationError,
    ConnectionFailed,
    MeshVideoError,
    PendingTask,
    TaskFailed,
    WaitProgress,
    WaitStopped,
    WaitTimeout,
    WaitToken,
)
from meshapi_video._polling import scheduler as scheduler_module
from meshapi_video._polling.scheduler import FINAL_POLL_WINDOW, ScheduledPoll, Scheduler
from meshapi_video._polling.state import FINAL_POLL_TIMEOUT, PollState, poll_failed, poll_succeeded, stopped
from support.poll_states import FINISHED, NOW, UNIX_NOW, new_wait, rate_limited, task
from support.tables import rows_of


def scheduler_of(
    *states: PollState, max_in_flight: int = 2, requests_per_minute: float | None = None, max_waiting: int = 1000
) -> Scheduler:
    scheduler = Scheduler(max_in_flight=max_in_flight, requests_per_minute=requests_per_minute, max_waiting=max_waiting)
    for state in states:
        scheduler.add(state)
    return scheduler


def waits(*task_ids: str, timeout: float | None = 60.0) -> list[PollState]:
    return [new_wait(timeout, task=task_id) for task_id in task_ids]


def next_poll(scheduler: Scheduler, now: float = NOW) -> ScheduledPoll:
    action = scheduler.next(now)
    assert isinstance(action, ScheduledPoll)
    return action


def next_sleep(scheduler: Scheduler, now: float = NOW) -> float:
    action = scheduler.next(now)
    assert isinstance(action, float)
    assert action > 0
    return action


def record_status(scheduler: Scheduler, poll: ScheduledPoll, status: str = "running", now: float = NOW) -> None:
    response = task(status, poll.state.task_id)
    scheduler.record(poll, poll_succeeded(poll.state, response, None, now, 0), now)


def record_failure(scheduler: Scheduler, poll: ScheduledPoll, error: MeshVideoError, now: float = NOW) -> None:
    scheduler.record(poll, poll_failed(poll.state, error, now, 0), now)


def take_errors(scheduler: Scheduler) -> dict[str, MeshVideoError | None]:
    errors = dict[str, MeshVideoError | None]()
    while (result := scheduler.take()) is not None:
        errors[result.task_id] = result.error
    return errors


def ids_of(tokens: Iterable[WaitToken]) -> set[str]:
    return {token.task_id for token in tokens}


# The table.

ROWS = list[tuple[str, str]]()


def row(states: str, action: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    ROWS.append((states, action))
    return lambda test: test


@row("a poll is due, and a request may be sent", "send it now")
def test_a_poll_that_is_due_is_sent_now() -> None:
    assert next_poll(scheduler_of(*waits("a"))) == ScheduledPoll(new_wait(task="a"), 60.0, NOW)


@row("as many polls in flight as allowed, or no pending task", "nothing, until something changes")
def test_with_all_allowed_polls_in_flight_or_no_pending_task_nothing_happens_until_something_changes() -> None:
    assert next_sleep(scheduler_of()) == math.inf
    scheduler = scheduler_of(*waits("a", "b", "c"), max_in_flight=2)
    polls = [next_poll(scheduler), next_poll(scheduler)]
    assert scheduler.in_flight == 2
    assert next_sleep(scheduler) == pytest.approx(60 + FINAL_POLL_WINDOW)
    record_status(scheduler, polls[0])
    assert next_poll(scheduler).state.task_id == "c"
    without_deadline = scheduler_of(*waits("a", "b", timeout=math.inf), max_in_flight=1)
    next_poll(without_deadline)
    assert next_sleep(without_deadline) == math.inf


@row("no poll is due, or the rate limit defers the next request", "sleep until then")
def test_with_no_poll_due_or_the_next_request_deferred_the_scheduler_sleeps_until_then() -> None:
    scheduler = scheduler_of(*waits("a"))
    record_status(scheduler, next_poll(scheduler))
    assert next_sleep(scheduler) == 2.0
    limited = scheduler_of(*waits("a", "b"), requests_per_minute=20)
    next_poll(limited)
    assert next_sleep(limited) == 3.0
    deferred = scheduler_of(*waits("a", "b"))
    record_failure(deferred, next_poll(deferred), rate_limited(7))
    assert next_sleep(deferred) == 7.0


@row("a final poll could not be sent in time", "end that wait: `WaitTimeout`")
def test_a_wait_whose_final_poll_could_not_be_sent_in_time_ends() -> None:
    scheduler = scheduler_of(*waits("a", "b"), max_in_flight=1)
    poll = next_poll(scheduler)
    assert next_sleep(scheduler, NOW + 60) == pytest.approx(FINAL_POLL_WINDOW)
    assert next_sleep(scheduler, NOW + 60 + FINAL_POLL_WINDOW) == math.inf
    error = take_errors(scheduler)["b"]
    assert isinstance(error, WaitTimeout)
    assert "no status received after 60.7 s (0 polls)" in str(error)
    assert "Retry-After" not in str(error)
    record_status(scheduler, poll, "failed", NOW + 61)
    assert isinstance(take_errors(scheduler)["a"], TaskFailed)


@row("`Retry-After` is longer than the time left of a wait", "end that wait: `WaitTimeout`")
def test_a_wait_with_less_time_left_than_retry_after_ends() -> None:
    scheduler = scheduler_of(*waits("a", "b"), *waits("c", timeout=100))
    record_failure(scheduler, next_poll(scheduler), rate_limited(61))
    assert next_sleep(scheduler) == 61
    errors = take_errors(scheduler)
    assert set(errors) == {"a", "b"}
    for error in errors.values():
        assert isinstance(error, WaitTimeout)
        assert "the server sent Retry-After: 61 s, longer than the 60 s left of the timeout" in str(error)
        assert error.token.not_before == UNIX_NOW + 61


@row("more waits must end than one call ends", "end some; call it again for the rest")
def test_a_call_ends_some_of_very_many_overdue_waits_and_asks_to_be_called_again() -> None:
    scheduler = scheduler_of(*waits(*map(str, range(700))))
    assert scheduler.next(NOW + 61) == 0
    assert scheduler.has_overdue
    assert len(take_errors(scheduler)) == 500
    assert next_sleep(scheduler, NOW + 61) == math.inf
    assert not scheduler.has_overdue
    assert len(take_errors(scheduler)) == 200


def test_the_rows_above_are_the_ones_in_the_docstring() -> None:
    assert rows_of(scheduler_module.__doc__) == ROWS


# Deadlines.


def test_retry_after_ends_a_short_wait_also_behind_a_long_wait() -> None:
    scheduler = scheduler_of(*waits("first"), *waits("long", timeout=1000), *waits("short", timeout=5))
    record_failure(scheduler, next_poll(scheduler), rate_limited(10))
    assert next_sleep(scheduler) == 10
    assert set(take_errors(scheduler)) == {"short"}


def test_waits_that_retry_after_does_not_end_keep_their_order_and_their_deadlines() -> None:
    scheduler = scheduler_of(*waits("a", "b", "c", "d", "e", timeout=100), *waits("short", timeout=5), max_in_flight=1)
    for late in (3, 2, 1):
        record_status(scheduler, next_poll(scheduler), now=NOW + late)
    record_failure(scheduler, next_poll(scheduler), rate_limited(10))
    assert set(scheduler.progress.statuses) == {"running"}
    for now, task_id in ((NOW + 50, "e"), (NOW + 51, "c")):
        poll = next_poll(scheduler, now)
        assert poll.state.task_id == task_id
        record_status(scheduler, poll, "failed", now)
    assert isinstance(take_errors(scheduler)["short"], WaitTimeout)
    assert next_sleep(scheduler, NOW + 100 + FINAL_POLL_WINDOW) == math.inf
    errors = take_errors(scheduler)
    assert {task_id for task_id, error in errors.items() if isinstance(error, WaitTimeout)} == {"a", "b", "d"}


def test_a_wait_ends_in_time_even_if_other_polls_come_first() -> None:
    scheduler = scheduler_of(
        *waits("first"), *waits("long", timeout=1000), *waits("short", timeout=5), requests_per_minute=1
    )
    next_poll(scheduler)
    assert next_sleep(scheduler) == pytest.approx(5 + FINAL_POLL_WINDOW)
    assert next_sleep(scheduler, NOW + 5 + FINAL_POLL_WINDOW) == pytest.approx(60 - 5 - FINAL_POLL_WINDOW)
    assert set(take_errors(scheduler)) == {"short"}


def test_a_429_without_retry_after_at_the_deadline_ends_no_other_wait() -> None:
    scheduler = scheduler_of(*waits("a", "b", "c", timeout=0), max_in_flight=1)
    record_failure(scheduler, next_poll(scheduler), rate_limited(None), NOW + 0.1)
    assert next_sleep(scheduler, NOW + 0.1) == pytest.approx(0.05)
    poll = next_poll(scheduler, NOW + 0.15)
    assert poll.timeout == pytest.approx(FINAL_POLL_TIMEOUT - 0.15)
    record_failure(scheduler, poll, rate_limited(0.1), NOW + 0.2)
    assert next_sleep(scheduler, NOW + 0.2) == math.inf
    assert "the server sent Retry-After: 0.1 s, longer than the 0 s left" in str(take_errors(scheduler)["c"])


def test_waits_with_the_same_deadline_share_the_time_of_one_final_poll() -> None:
    scheduler = scheduler_of(*waits("a", "b", timeout=0), max_in_flight=1)
    poll = next_poll(scheduler)
    assert poll.timeout == pytest.approx(FINAL_POLL_TIMEOUT)
    record_status(scheduler, poll, now=NOW + 0.5)
    assert next_poll(scheduler, NOW + 0.5).timeout == pytest.approx(FINAL_POLL_TIMEOUT - 0.5)


@pytest.mark.parametrize("late", [FINAL_POLL_WINDOW, 1.0, 3600.0, 1e9])
def test_past_the_deadlines_no_sleep_of_zero_seconds_is_returned(late: float) -> None:
    scheduler = scheduler_of(*waits("a", "b", "c", timeout=0), max_in_flight=1)
    poll = next_poll(scheduler)
    assert next_sleep(scheduler, NOW + late) == math.inf
    scheduler.add(new_wait(0, task="d"))
    assert next_sleep(scheduler, NOW + late) == math.inf
    record_status(scheduler, poll, now=NOW + late)
    assert next_sleep(scheduler, NOW + late) == math.inf
    assert set(take_errors(scheduler)) == {"a", "b", "c", "d"}
    assert scheduler.is_empty


def test_a_task_with_a_token_that_allows_no_poll_before_the_deadline_is_not_polled() -> None:
    token = WaitToken(task_id="a", started=UNIX_NOW, polls=3, not_before=UNIX_NOW + 99)
    scheduler = scheduler_of(new_wait(task=token))
    assert next_sleep(scheduler) == math.inf
    assert isinstance(take_errors(scheduler)["a"], WaitTimeout)


def test_requests_per_minute_limits_the_polls_of_all_tasks_together() -> None:
    scheduler = scheduler_of(*waits(*"abcdefgh"), max_in_flight=8, requests_per_minute=60)
    now, sent = NOW, list[float]()
    while len(sent) < 12:
        action = scheduler.next(now)
        if isinstance(action, ScheduledPoll):
            sent.append(now)
            record_status(scheduler, action, now=now)
        else:
            now += action
    assert [round(later - earlier, 6) for earlier, later in itertools.pairwise(sent)] == [1.0] * 11


@pytest.mark.parametrize("name", ["max_in_flight", "max_waiting"])
def test_a_limit_of_zero_is_refused(name: str) -> None:
    limits = {"max_in_flight": 1, "max_waiting": 1, name: 0}
    with pytest.raises(ValueError, match=f"{name} should be a whole number of at least 1"):
        Scheduler(**limits, requests_per_minute=None)


# Tasks and results.


def test_a_duplicate_is_not_polled_again_during_and_after_the_wait() -> None:
    scheduler = scheduler_of(*waits("a", "a"))
    poll = next_poll(scheduler)
    scheduler.add(new_wait(task="a"))
    assert next_sleep(scheduler) > 0
    record_status(scheduler, poll, "failed")
    scheduler.add(new_wait(task="a"))
    assert set(take_errors(scheduler)) == {"a"}
    scheduler.add(new_wait(task="a"))
    assert scheduler.is_empty
    assert scheduler.progress == WaitProgress(begun=1, ended=1, polls=1, statuses={})


def test_only_a_limited_number_of_ended_ids_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_module, "_REMEMBERED", 3)
    scheduler = scheduler_of()
    for state in waits("a", "b", "c", "d", "b", "c", "d"):
        scheduler.add(stopped(state, NOW))
    assert list(take_errors(scheduler)) == ["a", "b", "c", "d"]
    scheduler.add(stopped(new_wait(task="a"), NOW))
    assert list(take_errors(scheduler)) == ["a"]
    assert len(scheduler._ended_ids._ids) == len(scheduler._ended_ids._oldest_first) == 3


def test_results_that_are_not_taken_count_towards_max_waiting() -> None:
    scheduler = scheduler_of(*waits("a", "b"), max_waiting=2)
    assert not scheduler.has_room
    record_status(scheduler, next_poll(scheduler), "failed")
    record_status(scheduler, next_poll(scheduler), "failed")
    assert scheduler.has_results
    assert not scheduler.is_empty
    assert not scheduler.has_room
    assert scheduler.take() is not None
    assert scheduler.has_room
    assert not scheduler.is_empty
    assert scheduler.take() is not None
    assert not scheduler.has_results
    assert scheduler.take() is None
    assert scheduler.is_empty


def test_a_string_that_cannot_be_a_tasks_id_is_a_result_with_an_error() -> None:
    scheduler = scheduler_of(*waits("a"))
    error = MeshVideoError("not a task id: ''")
    scheduler.add_failed("", error)
    assert scheduler.progress == WaitProgress(begun=2, ended=1, polls=0, statuses={})
    assert ids_of(scheduler.tokens) == {"a"}
    assert take_errors(scheduler) == {"": error}
    assert next_poll(scheduler).state.task_id == "a"


def test_the_error_of_one_task_does_not_end_the_other_waits() -> None:
    scheduler = scheduler_of(*waits("a", "b"))
    refused = AuthenticationError(status_code=401, message="no")
    record_failure(scheduler, next_poll(scheduler), refused)
    poll = next_poll(scheduler)
    scheduler.record(poll, poll_succeeded(poll.state, evolve(FINISHED, id="b"), None, NOW, 0), NOW)
    results = [scheduler.take(), scheduler.take()]
    assert [result and (result.task_id, result.error) for result in results] == [("a", refused), ("b", None)]
    assert results[1] is not None
    assert results[1].video is not None
    assert results[1].video.url == "https://cdn.example/v.mp4"


def test_progress_counts_begun_and_ended_tasks_polls_and_statuses() -> None:
    scheduler = scheduler_of(*waits("a", "b", "c"), max_in_flight=3)
    polls = [next_poll(scheduler) for _ in range(3)]
    assert scheduler.progress == WaitProgress(begun=3, ended=0, polls=0, statuses={})
    record_status(scheduler, polls[0], "queued")
    record_status(scheduler, polls[1], "queued")
    record_failure(scheduler, polls[2], ConnectionFailed("reset"))
    assert scheduler.progress == WaitProgress(begun=3, ended=0, polls=3, statuses={"queued": 2})
    record_status(scheduler, next_poll(scheduler, NOW + 2), "running", NOW + 2)
    assert scheduler.progress.statuses == {"queued": 1, "running": 1}
    record_status(scheduler, next_poll(scheduler, NOW + 2), "cancelled", NOW + 2)
    assert scheduler.progress == WaitProgress(begun=3, ended=1, polls=5, statuses={"running": 1})


def test_pending_tasks_have_their_status_age_and_next_poll_in_the_order_of_adding() -> None:
    scheduler = scheduler_of(*waits("a", "b", "c"))
    record_status(scheduler, next_poll(scheduler))
    next_poll(scheduler)
    assert scheduler.pending(2, NOW + 0.5) == [
        PendingTask(task_id="a", status="running", age=0.5, next_poll=1.5),
        PendingTask(task_id="b", status=None, age=0.5, next_poll=0),
    ]
    assert [pending.task_id for pending in scheduler.pending(None, NOW)] == ["a", "b", "c"]


def test_every_task_whose_result_was_not_taken_has_a_token() -> None:
    scheduler = scheduler_of(*waits("waiting", "in-flight", "ended", "new"), max_in_flight=3)
    polls = {poll.state.task_id: poll for poll in (next_poll(scheduler), next_poll(scheduler), next_poll(scheduler))}
    record_status(scheduler, polls["waiting"])
    record_status(scheduler, polls["ended"], "failed")
    assert ids_of(scheduler.tokens) == {"waiting", "in-flight", "ended", "new"}
    assert {token.task_id: token.polls for token in scheduler.tokens}["waiting"] == 1
    assert scheduler.take() is not None
    assert ids_of(scheduler.tokens) == {"waiting", "in-flight", "new"}


def test_stop_ends_every_wait_also_waits_with_a_poll_in_flight() -> None:
    scheduler = scheduler_of(*waits("a", "b", "c"), max_in_flight=2)
    poll = next_poll(scheduler)
    record_status(scheduler, next_poll(scheduler), "queued")
    scheduler.stop(NOW + 1)
    assert next_sleep(scheduler, NOW + 1) == math.inf
    record_status(scheduler, poll, "failed", NOW + 2)
    errors = take_errors(scheduler)
    assert set(errors) == {"a", "b", "c"}
    assert all(isinstance(error, WaitStopped) for error in errors.values())
    assert scheduler.is_empty
    assert scheduler.in_flight == 0
    assert scheduler.progress == WaitProgress(begun=3, ended=3, polls=2, statuses={})


def test_the_observer_hears_of_each_wait_when_it_begins_and_when_it_ends() -> None:
    scheduler, heard = scheduler_of(), list[tuple[str, bool]]()
    scheduler.observe = lambda state, begins: heard.append((state.task_id, begins))
    for state in waits("a", "b"):
        scheduler.add(state)
    assert heard == [("a", True), ("b", True)]
    first, second = next_poll(scheduler), next_poll(scheduler)
    record_status(scheduler, first)
    assert len(heard) == 2
    record_status(scheduler, second, "failed")
    assert heard[2:] == [("b", False)]
