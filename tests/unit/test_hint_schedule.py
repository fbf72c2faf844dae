"""A hint that a task has changed brings its next poll forward, and does no harm if it is wrong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from meshapi_video._polling.scheduler import ScheduledPoll, Scheduler
from meshapi_video._polling.state import PollState, evolve, poll_failed, poll_succeeded, polled_sooner
from support.poll_states import FINISHED, NOW, new_wait, rate_limited, task

if TYPE_CHECKING:
    from collections.abc import Iterator


def new_scheduler(*states: PollState) -> Scheduler:
    scheduler = Scheduler(max_in_flight=10, requests_per_minute=None, max_waiting=100)
    for state in states:
        scheduler.add(state)
    return scheduler


def polled(state: PollState, now: float = NOW) -> PollState:
    return poll_succeeded(state, task("running", state.task_id), None, now, 0)


def due(scheduler: Scheduler, now: float) -> list[str]:
    """The tasks whose polls are sent now."""
    found = list[str]()
    while isinstance(action := scheduler.next(now), ScheduledPoll):
        found.append(action.state.task_id)
    return found


def test_a_task_about_which_a_hint_comes_is_polled_at_once_and_the_others_when_they_are_due() -> None:
    scheduler = new_scheduler(*(polled(new_wait(task=name)) for name in ("a", "b", "c")))
    now = NOW + 1.5
    assert due(scheduler, now) == []
    scheduler.poll_now("b", now)
    assert due(scheduler, now) == ["b"]
    assert due(scheduler, NOW + 2) == ["a", "c"]


def test_hints_about_one_task_lead_to_at_most_one_poll_a_second() -> None:
    scheduler = new_scheduler(polled(new_wait(task="a")))
    for _ in range(100):
        scheduler.poll_now("a", NOW + 0.2)
    assert due(scheduler, NOW + 0.99) == []
    assert due(scheduler, NOW + 1) == ["a"]


def test_a_hint_makes_no_poll_sooner_than_the_servers_retry_after() -> None:
    scheduler = new_scheduler(poll_failed(new_wait(task="a"), rate_limited(5), NOW, 0))
    scheduler.poll_now("a", NOW + 1)
    assert due(scheduler, NOW + 4.9) == []
    assert due(scheduler, NOW + 5) == ["a"]


def test_a_hint_never_delays_a_poll() -> None:
    state = polled(new_wait(task="a"))
    assert polled_sooner(state, NOW + 1e6).next_poll_at == state.next_poll_at


def test_a_hint_during_a_poll_leads_to_another_poll_because_the_response_may_be_older() -> None:
    scheduler = new_scheduler(new_wait(task="a"))
    poll = scheduler.next(NOW)
    assert isinstance(poll, ScheduledPoll)
    scheduler.poll_now("a", NOW)
    scheduler.record(poll, polled(poll.state), NOW)
    assert due(scheduler, NOW + 1) == ["a"]


def test_a_hint_during_the_last_poll_changes_nothing() -> None:
    scheduler = new_scheduler(new_wait(task="t"))
    poll = scheduler.next(NOW)
    assert isinstance(poll, ScheduledPoll)
    scheduler.poll_now("t", NOW)
    scheduler.record(poll, poll_succeeded(poll.state, FINISHED, None, NOW, 0), NOW)
    assert scheduler.next(NOW) == math.inf
    assert scheduler.has_results


def test_a_hint_about_a_task_that_is_not_waited_for_does_nothing() -> None:
    scheduler = new_scheduler(polled(new_wait(task="a")))
    scheduler.poll_now("another", NOW + 1.5)
    assert due(scheduler, NOW + 1.5) == []


def test_no_hint_costs_a_search_of_the_tasks() -> None:
    class Searched(list[Any]):
        def __iter__(self) -> Iterator[Any]:
            raise AssertionError("every task was visited")

    scheduler = new_scheduler(*(polled(new_wait(task=name)) for name in ("a", "b")))
    scheduler._queue = Searched(scheduler._queue)
    scheduler.poll_now("another", NOW + 1.5)
    scheduler.poll_now("b", NOW + 1.5)
    assert due(scheduler, NOW + 1.5) == ["b"]


def test_the_schedule_of_a_task_stays_small_however_many_hints_come() -> None:
    scheduler, now = new_scheduler(evolve(polled(new_wait(task="a")), next_poll_at=NOW + 1e6, deadline=math.inf)), NOW
    for _ in range(5_000):
        now += 2
        scheduler.poll_now("a", now)
        poll = scheduler.next(now)
        assert isinstance(poll, ScheduledPoll)
        scheduler.record(poll, evolve(polled(poll.state, now), next_poll_at=now + 1e6), now)
    assert len(scheduler._queue) < 1_100
    scheduler.poll_now("a", now + 2)
    assert due(scheduler, now + 2) == ["a"]


def test_the_replaced_entries_of_ended_tasks_do_not_stay_in_the_schedule() -> None:
    names = [f"t{number}" for number in range(2_000)]
    waits = [evolve(polled(new_wait(task=name)), next_poll_at=NOW + 7_200, deadline=math.inf) for name in names]
    scheduler = Scheduler(max_in_flight=2_000, requests_per_minute=None, max_waiting=3_000)
    # It is before the entries of the others.
    scheduler.add(evolve(polled(new_wait(task="long")), next_poll_at=NOW + 3_600, deadline=math.inf))
    for wait in waits:
        scheduler.add(wait)
    for name in names:
        scheduler.poll_now(name, NOW + 2)
    while isinstance(poll := scheduler.next(NOW + 2), ScheduledPoll):
        scheduler.record(poll, poll_succeeded(poll.state, FINISHED, None, NOW + 2, 0), NOW + 2)
    assert scheduler.progress.ended == 2_000
    assert len(scheduler._queue) <= 1_002


def test_a_poll_may_be_a_little_late_but_not_under_a_rate_limit() -> None:
    unlimited, limited = (
        Scheduler(max_in_flight=10, requests_per_minute=limit, max_waiting=10) for limit in (None, 60)
    )
    assert 0 < unlimited.slack <= 0.01
    assert limited.slack == 0


def test_a_wait_with_a_hint_ends_once_at_its_deadline() -> None:
    scheduler = new_scheduler(polled(new_wait(timeout=10, task="a")), polled(new_wait(timeout=10, task="b")))
    scheduler.poll_now("a", NOW + 1.5)
    assert due(scheduler, NOW + 11) == []
    results = [scheduler.take(), scheduler.take()]
    assert sorted(result.task_id for result in results if result is not None) == ["a", "b"]
    assert scheduler.is_empty
    assert scheduler.take() is None


def test_a_hint_about_an_overdue_wait_does_not_end_it_twice() -> None:
    scheduler = new_scheduler(*(polled(new_wait(timeout=10, task=f"t{number}")) for number in range(1_001)))
    # The first call ends a part of them.
    assert scheduler.next(NOW + 11) == 0
    assert scheduler.next_at == -math.inf
    for number in range(1_001):
        scheduler.poll_now(f"t{number}", NOW + 1.5)
    while scheduler.next(NOW + 11) == 0:
        pass
    ended = list[str]()
    while (result := scheduler.take()) is not None:
        ended.append(result.task_id)
    assert sorted(ended) == sorted(f"t{number}" for number in range(1_001))
    assert scheduler.is_empty
