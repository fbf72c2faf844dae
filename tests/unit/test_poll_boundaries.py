"""When one task is polled, at the boundaries of the rules, in virtual time."""

from __future__ import annotations

import pytest
from attrs import evolve

from meshapi_video import ConnectionFailed, PollPolicy
from meshapi_video._polling.state import GiveUp, SendPoll, decide, poll_failed, poll_succeeded, start_get
from support.poll_states import NOW, new_wait, task


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
