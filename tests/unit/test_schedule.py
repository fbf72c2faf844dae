"""The table of decisions in `_schedule`, row by row, and what else it promises, in virtual time."""

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
    TaskFailed,
    WaitProgress,
    WaitStopped,
    WaitTimeout,
    WaitToken,
    _schedule,
)
from meshapi_video._polling import LAST_LOOK, Poll, answered, missed, stopped
from meshapi_video._schedule import Job, Schedule
from support.polls import FINISHED, NOW, UNIX, task, too_many, waiting
from support.tables import rows_of

LAST_TURN = 0.7
"""Seconds after the deadline in which a last look may begin, so that it has time left."""


def scheduled(
    *polls: Poll, max_in_flight: int = 2, requests_per_minute: float | None = None, max_waiting: int = 1000
) -> Schedule:
    schedule = Schedule(max_in_flight=max_in_flight, requests_per_minute=requests_per_minute, max_waiting=max_waiting)
    for poll in polls:
        schedule.add(poll)
    return schedule


def many(*names: str, timeout: float | None = 60.0) -> list[Poll]:
    return [waiting(timeout, task=name) for name in names]


def job(schedule: Schedule, now: float = NOW) -> Job:
    found = schedule.next(now)
    assert isinstance(found, Job)
    return found


def sleep(schedule: Schedule, now: float = NOW) -> float:
    found = schedule.next(now)
    assert isinstance(found, float)
    assert found > 0
    return found


def see(schedule: Schedule, found: Job, status: str = "running", now: float = NOW) -> None:
    schedule.looked(found, answered(found.poll, task(status, found.poll.task_id), None, now, 0), now)


def miss(schedule: Schedule, found: Job, error: MeshVideoError, now: float = NOW) -> None:
    schedule.looked(found, missed(found.poll, error, now, 0), now)


def errors(schedule: Schedule) -> dict[str, MeshVideoError | None]:
    taken = dict[str, MeshVideoError | None]()
    while (result := schedule.take()) is not None:
        taken[result.task_id] = result.error
    return taken


def ids(tokens: Iterable[WaitToken]) -> set[str]:
    return {token.task_id for token in tokens}


# The table.

ROWS = list[tuple[str, str]]()


def row(finds: str, says: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    ROWS.append((finds, says))
    return lambda test: test


@row("a poll that is due, and a request may be sent", "look now")
def test_a_poll_that_is_due_is_looked_at_now() -> None:
    assert job(scheduled(*many("a"))) == Job(waiting(task="a"), 60.0, NOW)


@row("all requests in flight that may be, or no poll left", "nothing, until something changes")
def test_with_all_requests_in_flight_or_no_poll_left_there_is_nothing_to_do_until_something_changes() -> None:
    assert sleep(scheduled()) == math.inf
    schedule = scheduled(*many("a", "b", "c"), max_in_flight=2)
    jobs = [job(schedule), job(schedule)]
    assert schedule.in_flight == 2
    assert sleep(schedule) == pytest.approx(60 + LAST_TURN)
    see(schedule, jobs[0])
    assert job(schedule).poll.task_id == "c"
    without_end = scheduled(*many("a", "b", timeout=math.inf), max_in_flight=1)
    job(without_end)
    assert sleep(without_end) == math.inf


@row("no poll due, or the requests are spaced or held off", "sleep that long")
def test_with_no_poll_due_or_the_requests_spaced_or_held_off_it_sleeps_that_long() -> None:
    schedule = scheduled(*many("a"))
    see(schedule, job(schedule))
    assert sleep(schedule) == 2.0
    spaced = scheduled(*many("a", "b"), requests_per_minute=20)
    job(spaced)
    assert sleep(spaced) == 3.0
    silenced = scheduled(*many("a", "b"))
    miss(silenced, job(silenced), too_many(7))
    assert sleep(silenced) == 7.0


@row("a poll whose turn did not come in time for its last look", "it has ended: `WaitTimeout`")
def test_a_poll_whose_turn_did_not_come_in_time_for_its_last_look_has_ended() -> None:
    schedule = scheduled(*many("a", "b"), max_in_flight=1)
    found = job(schedule)
    assert sleep(schedule, NOW + 60) == pytest.approx(LAST_TURN)
    assert sleep(schedule, NOW + 60 + LAST_TURN) == math.inf
    error = errors(schedule)["b"]
    assert isinstance(error, WaitTimeout)
    assert "0 looks, never seen" in str(error)
    see(schedule, found, "failed", NOW + 61)
    assert isinstance(errors(schedule)["a"], TaskFailed)


@row("a poll that is held off for longer than it has", "it has ended: `WaitTimeout`")
def test_a_poll_that_is_held_off_for_longer_than_it_has_has_ended() -> None:
    schedule = scheduled(*many("a", "b"), *many("c", timeout=100))
    miss(schedule, job(schedule), too_many(61))
    assert sleep(schedule) == 61
    ended = errors(schedule)
    assert set(ended) == {"a", "b"}
    for error in ended.values():
        assert isinstance(error, WaitTimeout)
        assert "the server asks for 61 s of silence, which is more than was left" in str(error)
        assert error.token.not_before == UNIX + 61


def test_the_rows_above_are_those_of_the_docstring() -> None:
    assert rows_of(_schedule.__doc__) == ROWS


# Deadlines.


def test_silence_ends_those_whom_it_outlasts_also_behind_those_whom_it_does_not() -> None:
    schedule = scheduled(*many("first"), *many("long", timeout=1000), *many("short", timeout=5))
    miss(schedule, job(schedule), too_many(10))
    assert sleep(schedule) == 10
    assert set(errors(schedule)) == {"short"}


def test_those_whom_silence_does_not_outlast_keep_their_turns_and_their_deadlines() -> None:
    schedule = scheduled(*many("a", "b", "c", "d", "e", timeout=100), *many("short", timeout=5), max_in_flight=1)
    for late in (3, 2, 1):
        see(schedule, job(schedule), now=NOW + late)
    miss(schedule, job(schedule), too_many(10))
    assert set(schedule.progress.statuses) == {"running"}
    for now, name in ((NOW + 50, "e"), (NOW + 51, "c")):
        found = job(schedule, now)
        assert found.poll.task_id == name
        see(schedule, found, "failed", now)
    assert isinstance(errors(schedule)["short"], WaitTimeout)
    assert sleep(schedule, NOW + 100 + LAST_TURN) == math.inf
    assert {name for name, error in errors(schedule).items() if isinstance(error, WaitTimeout)} == {"a", "b", "d"}


def test_an_end_is_not_put_off_by_those_whose_turn_comes_before() -> None:
    schedule = scheduled(*many("first"), *many("long", timeout=1000), *many("short", timeout=5), requests_per_minute=1)
    job(schedule)
    assert sleep(schedule) == pytest.approx(5 + LAST_TURN)
    assert sleep(schedule, NOW + 5 + LAST_TURN) == pytest.approx(60 - 5 - LAST_TURN)
    assert set(errors(schedule)) == {"short"}


def test_a_429_at_the_deadline_that_asks_for_no_silence_holds_nobody_off() -> None:
    schedule = scheduled(*many("a", "b", "c", timeout=0), max_in_flight=1)
    miss(schedule, job(schedule), too_many(None), NOW + 0.1)
    assert sleep(schedule, NOW + 0.1) == pytest.approx(0.05)
    found = job(schedule, NOW + 0.15)
    assert found.timeout == pytest.approx(LAST_LOOK - 0.15)
    miss(schedule, found, too_many(0.1), NOW + 0.2)
    assert sleep(schedule, NOW + 0.2) == math.inf
    assert "the server asks for 0.1 s of silence" in str(errors(schedule)["c"])


def test_those_who_share_a_deadline_share_the_time_of_one_last_look() -> None:
    schedule = scheduled(*many("a", "b", timeout=0), max_in_flight=1)
    found = job(schedule)
    assert found.timeout == pytest.approx(LAST_LOOK)
    see(schedule, found, now=NOW + 0.5)
    assert job(schedule, NOW + 0.5).timeout == pytest.approx(LAST_LOOK - 0.5)


@pytest.mark.parametrize("late", [LAST_TURN, 1.0, 3600.0, 1e9])
def test_past_its_deadline_it_never_says_to_sleep_for_nothing(late: float) -> None:
    schedule = scheduled(*many("a", "b", "c", timeout=0), max_in_flight=1)
    found = job(schedule)
    assert sleep(schedule, NOW + late) == math.inf
    schedule.add(waiting(0, task="d"))
    assert sleep(schedule, NOW + late) == math.inf
    see(schedule, found, now=NOW + late)
    assert sleep(schedule, NOW + late) == math.inf
    assert set(errors(schedule)) == {"a", "b", "c", "d"}
    assert schedule.is_empty


def test_a_task_that_must_not_be_asked_for_before_the_deadline_is_not() -> None:
    schedule = scheduled(waiting(task=WaitToken(task_id="a", started=UNIX, looks=3, not_before=UNIX + 99)))
    assert sleep(schedule) == math.inf
    assert isinstance(errors(schedule)["a"], WaitTimeout)


def test_requests_per_minute_space_those_of_all_tasks() -> None:
    schedule = scheduled(*many(*"abcdefgh"), max_in_flight=8, requests_per_minute=60)
    now, sent = NOW, list[float]()
    while len(sent) < 12:
        found = schedule.next(now)
        if isinstance(found, Job):
            sent.append(now)
            see(schedule, found, now=now)
        else:
            now += found
    assert [round(later - earlier, 6) for earlier, later in itertools.pairwise(sent)] == [1.0] * 11


@pytest.mark.parametrize("name", ["max_in_flight", "max_waiting"])
def test_a_limit_of_nothing_is_refused(name: str) -> None:
    limits = {"max_in_flight": 1, "max_waiting": 1, name: 0}
    with pytest.raises(ValueError, match=f"{name} should be a whole number, 1 or more"):
        Schedule(**limits, requests_per_minute=None)


# What goes in and what comes out.


def test_a_duplicate_is_asked_for_once_while_it_is_waited_for_and_after() -> None:
    schedule = scheduled(*many("a", "a"))
    found = job(schedule)
    schedule.add(waiting(task="a"))
    assert sleep(schedule) > 0
    see(schedule, found, "failed")
    schedule.add(waiting(task="a"))
    assert set(errors(schedule)) == {"a"}
    schedule.add(waiting(task="a"))
    assert schedule.is_empty
    assert schedule.progress == WaitProgress(begun=1, ended=1, looks=1, statuses={})


def test_only_so_many_of_those_that_ended_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_schedule, "_REMEMBERED", 3)
    schedule = scheduled()
    for poll in many("a", "b", "c", "d", "b", "c", "d"):
        schedule.add(stopped(poll, NOW))
    assert list(errors(schedule)) == ["a", "b", "c", "d"]
    schedule.add(stopped(waiting(task="a"), NOW))
    assert list(errors(schedule)) == ["a"]
    assert len(schedule._seen._ids) == len(schedule._seen._oldest) == 3


def test_results_that_were_not_taken_take_up_room() -> None:
    schedule = scheduled(*many("a", "b"), max_waiting=2)
    assert not schedule.has_room
    see(schedule, job(schedule), "failed")
    see(schedule, job(schedule), "failed")
    assert schedule.has_results
    assert not schedule.is_empty
    assert not schedule.has_room
    assert schedule.take() is not None
    assert schedule.has_room
    assert not schedule.is_empty
    assert schedule.take() is not None
    assert not schedule.has_results
    assert schedule.take() is None
    assert schedule.is_empty


def test_what_cannot_be_a_task_is_a_result_of_its_own() -> None:
    schedule = scheduled(*many("a"))
    error = MeshVideoError("not a task id: ''")
    schedule.refuse("", error)
    assert schedule.progress == WaitProgress(begun=2, ended=1, looks=0, statuses={})
    assert ids(schedule.tokens) == {"a"}
    assert errors(schedule) == {"": error}
    assert job(schedule).poll.task_id == "a"


def test_the_error_of_one_task_is_its_own_result() -> None:
    schedule = scheduled(*many("a", "b"))
    refused = AuthenticationError(status_code=401, message="no")
    miss(schedule, job(schedule), refused)
    found = job(schedule)
    schedule.looked(found, answered(found.poll, evolve(FINISHED, id="b"), None, NOW, 0), NOW)
    results = [schedule.take(), schedule.take()]
    assert [result and (result.task_id, result.error) for result in results] == [("a", refused), ("b", None)]
    assert results[1] is not None
    assert results[1].video is not None
    assert results[1].video.url == "https://cdn.example/v.mp4"


def test_progress_counts_what_was_begun_what_ended_the_looks_and_the_statuses() -> None:
    schedule = scheduled(*many("a", "b", "c"), max_in_flight=3)
    jobs = [job(schedule) for _ in range(3)]
    assert schedule.progress == WaitProgress(begun=3, ended=0, looks=0, statuses={})
    see(schedule, jobs[0], "queued")
    see(schedule, jobs[1], "queued")
    miss(schedule, jobs[2], ConnectionFailed("reset"))
    assert schedule.progress == WaitProgress(begun=3, ended=0, looks=3, statuses={"queued": 2})
    see(schedule, job(schedule, NOW + 2), "running", NOW + 2)
    assert schedule.progress.statuses == {"queued": 1, "running": 1}
    see(schedule, job(schedule, NOW + 2), "cancelled", NOW + 2)
    assert schedule.progress == WaitProgress(begun=3, ended=1, looks=5, statuses={"running": 1})


def test_everything_that_was_not_taken_can_be_written_down() -> None:
    schedule = scheduled(*many("waiting", "flying", "ended", "new"), max_in_flight=3)
    jobs = {found.poll.task_id: found for found in (job(schedule), job(schedule), job(schedule))}
    see(schedule, jobs["waiting"])
    see(schedule, jobs["ended"], "failed")
    assert ids(schedule.tokens) == {"waiting", "flying", "ended", "new"}
    assert {token.task_id: token.looks for token in schedule.tokens}["waiting"] == 1
    assert schedule.take() is not None
    assert ids(schedule.tokens) == {"waiting", "flying", "new"}


def test_stopping_ends_every_wait_also_those_that_are_being_looked_at() -> None:
    schedule = scheduled(*many("a", "b", "c"), max_in_flight=2)
    found = job(schedule)
    see(schedule, job(schedule), "queued")
    schedule.stop(NOW + 1)
    assert sleep(schedule, NOW + 1) == math.inf
    see(schedule, found, "failed", NOW + 2)
    ended = errors(schedule)
    assert set(ended) == {"a", "b", "c"}
    assert all(isinstance(error, WaitStopped) for error in ended.values())
    assert schedule.is_empty
    assert schedule.in_flight == 0
    assert schedule.progress == WaitProgress(begun=3, ended=3, looks=2, statuses={})
