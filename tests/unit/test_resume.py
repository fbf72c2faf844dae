"""A wait that resumes from a token, in virtual time."""

from __future__ import annotations

import pytest

from meshapi_video import ConnectionFailed, PollPolicy, WaitTimeout, WaitToken
from meshapi_video._polling.state import SendPoll, Sleep, decide, poll_failed, poll_succeeded
from support.poll_states import NOW, UNIX_NOW, error_of, new_wait, rate_limited, task, task_with_expiry


def test_a_token_resumes_a_wait_where_it_was() -> None:
    state = new_wait(task=WaitToken(task_id="t", started=UNIX_NOW - 50, polls=7, not_before=UNIX_NOW + 3))
    assert decide(state, NOW) == Sleep(3)
    assert decide(state, NOW + 3) == SendPoll(57)
    error = error_of(poll_failed(state, ConnectionFailed("reset"), NOW + 60.5, 0))
    assert isinstance(error, WaitTimeout)
    assert (error.polls, error.elapsed) == (8, 110.5)
    assert error.token == WaitToken(
        task_id="t",
        started=UNIX_NOW - 50,
        polls=8,
        not_before=UNIX_NOW + 60.5,
        next_poll_at=UNIX_NOW + 60.5,
        failures=1,
    )


def test_a_token_from_a_clock_that_is_ahead_starts_no_wait_in_the_future() -> None:
    token = WaitToken(task_id="t", started=UNIX_NOW + 99, polls=0, not_before=0)
    assert new_wait(task=token).started == NOW


def test_a_token_that_allows_no_poll_before_the_deadline_ends_the_wait_now() -> None:
    token = WaitToken(task_id="t", started=UNIX_NOW, polls=1, not_before=UNIX_NOW + 61)
    error = error_of(new_wait(task=token))
    assert isinstance(error, WaitTimeout)
    assert "the server sent Retry-After: 61 s, longer than the 60 s left of the timeout" in str(error)
    assert error.token == token


def test_a_wait_that_is_resumed_too_early_polls_when_its_next_poll_is_due() -> None:
    state = poll_succeeded(new_wait(), task(), None, NOW, 0)
    assert state.token.next_poll_at == UNIX_NOW + 2
    assert decide(new_wait(task=state.token), NOW) == Sleep(2.0)
    assert decide(new_wait(task=state.token), NOW + 2) == SendPoll(58)


def test_a_wait_that_is_resumed_too_late_polls_at_once() -> None:
    token = WaitToken(task_id="t", started=UNIX_NOW - 50, polls=7, not_before=UNIX_NOW - 9, next_poll_at=UNIX_NOW - 1)
    assert decide(new_wait(task=token), NOW) == SendPoll(60)


@pytest.mark.parametrize("timeout", [0.0, 1.5])
def test_a_resumed_wait_that_ends_before_its_next_poll_is_due_sends_one_poll_at_its_deadline(timeout: float) -> None:
    state = new_wait(timeout=timeout, task=poll_succeeded(new_wait(), task(), None, NOW, 0).token)
    assert decide(state, NOW + timeout) == SendPoll(0.9)
    assert isinstance(error_of(poll_succeeded(state, task(), None, NOW + timeout, 0)), WaitTimeout)


def test_a_resumed_wait_continues_the_backoff_after_failures() -> None:
    policy = PollPolicy(initial_delay=2.0, multiplier=1.0, max_delay=100.0, jitter=0.0)
    first = new_wait(600, policy)
    for _ in range(3):
        first = poll_failed(first, ConnectionFailed("reset"), NOW, 0)
    assert first.token.failures == 3
    resumed = poll_failed(new_wait(600, policy, first.token), ConnectionFailed("reset"), NOW, 0)
    assert resumed.next_poll_at == poll_failed(first, ConnectionFailed("reset"), NOW, 0).next_poll_at == NOW + 16
    assert poll_succeeded(resumed, task(), None, NOW, 0).token.failures == 0


def test_a_token_from_a_clock_that_is_ahead_does_not_extend_retry_after() -> None:
    token = WaitToken(task_id="t", started=UNIX_NOW + 3600, polls=1, not_before=UNIX_NOW + 3605)
    assert decide(new_wait(task=token), NOW) == Sleep(5.0)


def test_a_token_from_a_clock_that_is_ahead_does_not_delay_the_next_poll() -> None:
    token = WaitToken(
        task_id="t", started=UNIX_NOW + 3600, polls=1, not_before=UNIX_NOW + 3600, next_poll_at=UNIX_NOW + 3608
    )
    assert decide(new_wait(task=token), NOW) == Sleep(8.0)


def test_a_token_keeps_the_servers_retry_after() -> None:
    error = error_of(poll_failed(new_wait(timeout=60), rate_limited(3600), NOW, 0))
    assert isinstance(error, WaitTimeout)
    assert error.token.not_before == UNIX_NOW + 3600


def test_a_clock_that_was_ahead_delays_the_next_poll_by_five_minutes_at_most() -> None:
    token = WaitToken(task_id="t", started=UNIX_NOW - 7200, polls=1, not_before=0, next_poll_at=UNIX_NOW + 3600)
    assert decide(new_wait(timeout=900, task=token), NOW) == Sleep(300)


def test_a_resumed_wait_keeps_a_long_delay_of_its_own_policy() -> None:
    policy = PollPolicy(initial_delay=3600, max_delay=3600)
    token = WaitToken(task_id="t", started=UNIX_NOW, polls=1, not_before=0, next_poll_at=UNIX_NOW + 3000)
    assert decide(new_wait(None, policy, token), NOW) == Sleep(3000)


def test_a_wait_that_is_resumed_after_the_usual_life_of_a_task_polls_before_it_ends() -> None:
    token = WaitToken(task_id="t", started=UNIX_NOW - 3 * 86_400, polls=9, not_before=0)
    state = new_wait(None, task=token)
    assert isinstance(decide(state, NOW), SendPoll)
    # Until there is a response, the task may be one that lives for a week.
    failed = poll_failed(state, ConnectionFailed("reset"), NOW, 0)
    assert decide(failed, NOW) == Sleep(2.0)
    expires_after_a_week = poll_succeeded(state, task_with_expiry(7 * 86_400), None, NOW, 0)
    assert decide(expires_after_a_week, NOW) == Sleep(2.0)
    assert isinstance(error_of(poll_succeeded(state, task(), None, NOW, 0)), WaitTimeout)


def test_a_wait_that_is_resumed_after_the_longest_life_of_a_task_sends_one_poll() -> None:
    state = new_wait(None, task=WaitToken(task_id="t", started=UNIX_NOW - 9 * 86_400, polls=9, not_before=0))
    assert decide(state, NOW) == SendPoll(0.9)
    assert isinstance(error_of(poll_failed(state, ConnectionFailed("reset"), NOW, 0)), WaitTimeout)
