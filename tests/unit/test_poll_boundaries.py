"""When one task is polled, at the boundaries of the rules, in virtual time."""

from __future__ import annotations

import pytest

from meshapi_video import ConnectionFailed, PollPolicy, VideoTaskResponse, WaitToken
from meshapi_video._polling.state import (
    GiveUp,
    SendPoll,
    Sleep,
    decide,
    evolve,
    gave_up,
    poll_failed,
    poll_succeeded,
    start_get,
    start_wait,
)
from support.poll_states import CONSTANT_DELAY, NOW, UNIX_NOW, error_of, new_wait, rate_limited, task, task_with_expiry


@pytest.mark.parametrize(("age", "seconds"), [(0, 8.0), (10, 9.0), (20, 10.0), (1200, 10.0)])
def test_by_default_a_task_is_polled_every_eight_to_ten_seconds_and_jitter_shortens_a_delay_by_a_tenth(
    age: float, seconds: float
) -> None:
    assert PollPolicy().delay(age, rand=0) == pytest.approx(seconds)
    assert PollPolicy().delay(age, rand=1) == pytest.approx(0.9 * seconds)


def test_a_task_from_the_future_is_polled_like_a_new_one() -> None:
    assert PollPolicy().delay(-5, rand=0) == 8.0


def test_a_failure_a_moment_after_the_deadline_is_followed_by_a_final_poll_and_a_later_one_is_not() -> None:
    hanging = evolve(new_wait(), next_poll_at=NOW - 60)
    for late, expected in ((0.09, SendPoll), (0.15, GiveUp)):
        failed = poll_failed(evolve(hanging, deadline=NOW - late), ConnectionFailed("reset"), NOW, 0)
        assert isinstance(decide(failed, NOW), expected)


def test_a_wait_without_a_timeout_continues_for_five_minutes_after_the_tasks_expiry() -> None:
    assert new_wait(timeout=None).deadline == NOW + 172_800 + 300


def test_only_a_status_that_nobody_documents_is_unknown() -> None:
    state = new_wait()
    for status in ("queued", "running", "paused"):
        state = poll_succeeded(state, task(status), None, NOW, 0)
    assert state.unknown_statuses == {"paused"}


def test_a_get_counts_its_polls_from_zero() -> None:
    state = start_get("t", 2, NOW)
    assert state.polls == 0
    assert poll_failed(state, ConnectionFailed("reset"), NOW, 0).polls == 1


GROWING = PollPolicy(initial_delay=2.0, multiplier=1.1, max_delay=60.0, jitter=0.2)


@pytest.mark.parametrize(("later", "decision"), [(40, GiveUp), (50, Sleep)])
def test_at_its_end_a_wait_continues_if_the_task_expires_a_whole_delay_later(
    later: int, decision: type[GiveUp | Sleep]
) -> None:
    state = poll_succeeded(new_wait(None, GROWING), task_with_expiry(100), None, NOW, 0)
    assert state.deadline == NOW + 400
    # The delay at this age is 42 s, or up to a fifth less with jitter.
    state = poll_succeeded(state, task_with_expiry(100 + later), None, NOW + 400, 0)
    assert isinstance(decide(state, NOW + 400), decision)


def test_at_the_end_of_a_wait_too_the_delay_may_depend_on_the_task() -> None:
    class SlowForAKnownTask:
        def delay(self, age: float, rand: float, failures: int = 0, task: VideoTaskResponse | None = None) -> float:
            del age, rand, failures
            return 1.0 if task is None else 60.0

    state = start_wait("t", SlowForAKnownTask(), None, NOW, NOW)
    state = poll_succeeded(state, task_with_expiry(100), None, NOW, 0)
    state = poll_succeeded(state, task_with_expiry(140), None, NOW + 400, 0)
    assert isinstance(decide(state, NOW + 400), GiveUp)


def test_a_wait_on_a_machine_whose_clock_is_before_1970_has_a_token_too() -> None:
    state = start_wait("t", CONSTANT_DELAY, None, NOW, unix_time=-5)
    assert state.token == WaitToken(task_id="t", started=0, polls=0, not_before=0)


def test_a_state_knows_when_its_newest_response_arrived() -> None:
    state = poll_succeeded(new_wait(), task(), None, NOW + 3, 0)
    assert poll_failed(state, ConnectionFailed("reset"), NOW + 5, 0).last_seen_at == NOW + 3


HANGING = evolve(new_wait(), next_poll_at=NOW - 60, deadline=NOW - 0.05)
"""A wait whose poll ends a moment after the deadline, at `NOW`."""


def test_a_poll_that_hung_until_the_deadline_is_followed_by_one_final_poll_and_no_more() -> None:
    state = poll_failed(HANGING, ConnectionFailed("reset"), NOW, 0)
    assert isinstance(decide(state, NOW), SendPoll)
    assert isinstance(decide(poll_failed(state, ConnectionFailed("reset"), NOW, 0), NOW), GiveUp)


def test_no_final_poll_follows_a_task_and_none_comes_before_the_end_of_retry_after() -> None:
    assert isinstance(decide(poll_succeeded(HANGING, task(), None, NOW, 0), NOW), GiveUp)
    assert isinstance(decide(poll_failed(HANGING, rate_limited(0.5), NOW, 0), NOW), GiveUp)


def test_a_token_keeps_a_retry_after_that_ends_before_the_deadline() -> None:
    assert poll_failed(new_wait(), rate_limited(7), NOW, 0).token.not_before == UNIX_NOW + 7


def test_the_error_of_a_wait_without_a_timeout_says_how_much_was_left_of_the_wait() -> None:
    state = poll_succeeded(new_wait(None), task_with_expiry(100), None, NOW, 0)
    assert "Retry-After: 500 s, longer than the 400 s left of the wait" in str(
        error_of(poll_failed(state, rate_limited(500), NOW, 0))
    )


def test_a_task_may_expire_after_a_second() -> None:
    assert poll_succeeded(new_wait(None), task_with_expiry(1), None, NOW, 0).deadline == NOW + 1 + 300


def test_a_wait_that_gave_up_has_its_error() -> None:
    error = ConnectionFailed("reset")
    state = gave_up(new_wait(), error)
    assert (state.error, state.end) == (error, GiveUp(error))


def test_a_wait_with_an_old_token_is_due_now_and_not_in_the_past() -> None:
    token = WaitToken(task_id="t", started=UNIX_NOW, polls=1, not_before=0)
    assert new_wait(task=token).next_poll_at == NOW
