"""Which of many tasks is polled next, at the boundaries of the rules, in virtual time."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import pytest
from attrs import evolve

from meshapi_video import MeshVideoError, WaitToken
from meshapi_video._polling.iteration import ResultIteration, TakeNextId, closed_early, forked
from meshapi_video._polling.rate_limit import RateLimiter
from meshapi_video._polling.scheduler import ScheduledPoll, Scheduler
from meshapi_video._polling.state import PollState, poll_failed, poll_succeeded
from support.poll_states import NOW, UNIX_NOW, new_wait, rate_limited, task


def new_scheduler(*states: PollState, requests_per_minute: float | None = None) -> Scheduler:
    scheduler = Scheduler(max_in_flight=1, requests_per_minute=requests_per_minute, max_waiting=100)
    for state in states:
        scheduler.add(state)
    return scheduler


def test_after_some_waits_have_ended_the_others_are_polled_in_the_order_in_which_they_are_due() -> None:
    for seed in range(20):
        rand = random.Random(seed)  # noqa: S311 - the same numbers each time
        scheduler = new_scheduler(new_wait(1000, task="first"))
        first = scheduler.next(NOW)
        assert isinstance(first, ScheduledPoll)
        for number in range(20):
            timeout = rand.choice([4.0, 1000.0])
            not_before = UNIX_NOW + rand.uniform(0, min(timeout, 100))
            token = WaitToken(task_id=f"task-{number}", started=UNIX_NOW, polls=0, not_before=not_before)
            scheduler.add(new_wait(timeout, task=token))
        scheduler.record(first, poll_failed(first.state, rate_limited(5), NOW, 0), NOW)
        now, due = NOW, list[float]()
        while (action := scheduler.next(now)) != math.inf:
            if isinstance(action, ScheduledPoll):
                due.append(action.state.next_poll_at)
                failed = task("failed", action.state.task_id)
                scheduler.record(action, poll_succeeded(action.state, failed, None, now, 0), now)
            else:
                now += action
        assert len(due) > 1
        assert due == sorted(due)


def test_a_new_iteration_takes_ids() -> None:
    assert ResultIteration(new_scheduler(), None).next_action(polling_ended=False) == TakeNextId()


def test_a_late_429_makes_no_request_earlier() -> None:
    limiter = RateLimiter(None)
    limiter.record(rate_limited(None), 0, 0)
    limiter.record_sent(1)
    limiter.record(None, 1, 1)
    next_at = limiter.next_at
    limiter.record(rate_limited(None), -1, 1)
    assert limiter.next_at == next_at > 1


def test_responses_shorten_the_interval_until_a_millisecond_and_then_to_none() -> None:
    limiter, intervals = RateLimiter(None), list[float]()
    limiter.record(rate_limited(None), 0, 0)
    while not intervals or intervals[-1]:
        limiter.record(None, 0, 0)
        limiter.record_sent(100)
        intervals.append(limiter.next_at - 100)
    assert 0.001 < intervals[-2] < 0.0011


def test_of_resumed_waits_the_one_that_is_due_for_the_longest_time_polls_first() -> None:
    # Otherwise a process that has no time for all of its waits polls the same ones again in the next process.
    polled = WaitToken(task_id="polled", started=UNIX_NOW - 60, polls=5, not_before=0, next_poll_at=UNIX_NOW - 1)
    unpolled = WaitToken(task_id="unpolled", started=UNIX_NOW - 60, polls=0, not_before=0)
    poll = new_scheduler(new_wait(task=polled), new_wait(task=unpolled)).next(NOW)
    assert isinstance(poll, ScheduledPoll)
    assert poll.state.task_id == "unpolled"
    assert new_wait(task=unpolled).token == evolve(unpolled, not_before=UNIX_NOW - 60, next_poll_at=UNIX_NOW - 60)


def test_a_task_with_an_old_token_does_not_overtake_the_tasks_before_it() -> None:
    token = WaitToken(task_id="second", started=UNIX_NOW, polls=1, not_before=0)
    poll = new_scheduler(new_wait(task="first"), new_wait(task=token)).next(NOW)
    assert isinstance(poll, ScheduledPoll)
    assert poll.state.task_id == "first"


def test_a_scheduler_with_a_pending_task_is_not_empty() -> None:
    assert new_scheduler().is_empty
    assert not new_scheduler(new_wait()).is_empty


def test_a_task_is_added_by_its_id_and_a_string_that_is_no_id_has_an_error() -> None:
    scheduler = new_scheduler()
    for task_id in ("a", ".."):
        scheduler.start(task_id, lambda task_id: new_wait(task=task_id))
    assert [pending.task_id for pending in scheduler.pending(None, NOW)] == ["a"]
    result = scheduler.take()
    assert result is not None
    assert (result.task_id, type(result.error)) == ("..", MeshVideoError)


@pytest.mark.parametrize("timeouts", [*itertools.permutations((5, 20, 500))])
def test_after_some_waits_have_ended_the_next_deadline_counts_wherever_its_wait_is(timeouts: tuple[int, ...]) -> None:
    states = [new_wait(timeout, task=f"{timeout}") for timeout in (1000, *timeouts)]
    scheduler = new_scheduler(*states, requests_per_minute=1)
    assert isinstance(scheduler.next(NOW), ScheduledPoll)
    for now in (NOW + 6, NOW + 21):
        assert isinstance(scheduler.next(now), float)
    ended = [scheduler.take(), scheduler.take()]
    assert [result and result.task_id for result in ended] == ["5", "20"]


def test_an_object_that_has_no_text_gets_a_result_with_the_name_of_its_type() -> None:
    class WithoutText:
        def __str__(self) -> str:
            raise ZeroDivisionError

    def refuse(_task: object) -> PollState:
        raise ValueError("not a task id")

    scheduler = new_scheduler()
    task: Any = WithoutText()
    scheduler.start(task, refuse)
    result = scheduler.take()
    assert result is not None
    assert result.task_id == "<WithoutText>"


# Iterators.


def test_an_iteration_is_complete_when_no_id_and_no_result_is_left() -> None:
    iteration = ResultIteration(new_scheduler(), None)
    assert not iteration.is_complete()
    iteration.is_exhausted = True
    assert iteration.is_complete()
    assert not iteration.is_complete(ids_arrive=True)


def test_the_error_of_an_iterator_that_cannot_continue_says_where_the_tasks_are() -> None:
    assert "without a result: 3." in str(closed_early(3))
    for error in (closed_early(0), forked()):
        assert isinstance(error, RuntimeError)
        assert "`tokens`" in str(error)
