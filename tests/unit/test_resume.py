"""A wait that resumes from a token, in virtual time."""

from __future__ import annotations

from meshapi_video import ConnectionFailed, WaitTimeout, WaitToken
from meshapi_video._polling.state import SendPoll, Sleep, decide, poll_failed, poll_succeeded
from support.poll_states import NOW, UNIX_NOW, error_of, new_wait, rate_limited, task, task_with_expiry


def test_a_token_resumes_a_wait_where_it_was() -> None:
    state = new_wait(task=WaitToken(task_id="t", started=UNIX_NOW - 50, polls=7, not_before=UNIX_NOW + 3))
    assert decide(state, NOW) == Sleep(3)
    assert decide(state, NOW + 3) == SendPoll(57)
    error = error_of(poll_failed(state, ConnectionFailed("reset"), NOW + 60.5, 0))
    assert isinstance(error, WaitTimeout)
    assert (error.polls, error.elapsed) == (8, 110.5)
    assert error.token == WaitToken(task_id="t", started=UNIX_NOW - 50, polls=8, not_before=UNIX_NOW + 60.5)


def test_a_token_from_a_clock_that_is_ahead_starts_no_wait_in_the_future() -> None:
    token = WaitToken(task_id="t", started=UNIX_NOW + 99, polls=0, not_before=0)
    assert new_wait(task=token).started == NOW


def test_a_token_that_allows_no_poll_before_the_deadline_ends_the_wait_now() -> None:
    token = WaitToken(task_id="t", started=UNIX_NOW, polls=1, not_before=UNIX_NOW + 61)
    error = error_of(new_wait(task=token))
    assert isinstance(error, WaitTimeout)
    assert "the server sent Retry-After: 61 s, longer than the 60 s left of the timeout" in str(error)
    assert error.token == token


def test_a_token_does_not_delay_a_poll_that_the_server_allows() -> None:
    state = poll_succeeded(new_wait(), task(), None, NOW, 0)
    assert decide(state, NOW) == Sleep(2.0)
    assert decide(new_wait(timeout=0, task=state.token), NOW) == SendPoll(0.9)


def test_a_token_from_a_clock_that_is_ahead_does_not_extend_retry_after() -> None:
    token = WaitToken(task_id="t", started=UNIX_NOW + 3600, polls=1, not_before=UNIX_NOW + 3605)
    assert decide(new_wait(task=token), NOW) == Sleep(5.0)


def test_a_token_keeps_the_servers_retry_after() -> None:
    error = error_of(poll_failed(new_wait(timeout=60), rate_limited(3600), NOW, 0))
    assert isinstance(error, WaitTimeout)
    assert error.token.not_before == UNIX_NOW + 3600


def test_a_token_of_a_task_with_a_late_expiry_gets_another_poll() -> None:
    state = new_wait(None, task=WaitToken(task_id="t", started=UNIX_NOW - 3 * 86_400, polls=9, not_before=0))
    assert decide(state, NOW) == SendPoll(0.9)
    expires_after_a_week = poll_succeeded(state, task_with_expiry(7 * 86_400), None, NOW, 0)
    assert decide(expires_after_a_week, NOW) == Sleep(2.0)
    assert isinstance(error_of(poll_succeeded(state, task(), None, NOW, 0)), WaitTimeout)
