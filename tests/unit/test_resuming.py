"""A wait that a token takes up again, in virtual time."""

from __future__ import annotations

from meshapi_video import ConnectionFailed, WaitTimeout, WaitToken
from meshapi_video._polling import Look, Sleep, answered, decide, missed
from support.polls import NOW, UNIX, error_of, task, too_many, waiting, with_expiry


def test_a_token_takes_a_wait_up_where_it_was() -> None:
    poll = waiting(task=WaitToken(task_id="t", started=UNIX - 50, looks=7, not_before=UNIX + 3))
    assert decide(poll, NOW) == Sleep(3)
    assert decide(poll, NOW + 3) == Look(57)
    error = error_of(missed(poll, ConnectionFailed("reset"), NOW + 60.5, 0))
    assert isinstance(error, WaitTimeout)
    assert (error.polls, error.elapsed) == (8, 110.5)
    assert error.token == WaitToken(task_id="t", started=UNIX - 50, looks=8, not_before=UNIX + 60.5)


def test_a_token_from_a_clock_that_is_ahead_is_no_wait_from_the_future() -> None:
    assert waiting(task=WaitToken(task_id="t", started=UNIX + 99, looks=0, not_before=0)).started == NOW


def test_a_token_that_may_not_be_asked_for_before_the_deadline_ends_the_wait_now() -> None:
    token = WaitToken(task_id="t", started=UNIX, looks=1, not_before=UNIX + 61)
    error = error_of(waiting(task=token))
    assert isinstance(error, WaitTimeout)
    assert "61 s of silence" in str(error)
    assert error.token == token


def test_a_token_holds_back_no_look_that_the_server_allows() -> None:
    poll = answered(waiting(), task(), None, NOW, 0)
    assert decide(poll, NOW) == Sleep(2.0)
    assert decide(waiting(timeout=0, task=poll.token), NOW) == Look(0.9)


def test_a_token_from_a_clock_that_is_ahead_asks_for_no_more_silence() -> None:
    token = WaitToken(task_id="t", started=UNIX + 3600, looks=1, not_before=UNIX + 3605)
    assert decide(waiting(task=token), NOW) == Sleep(5.0)


def test_a_token_keeps_the_silence_that_the_server_asked_for() -> None:
    error = error_of(missed(waiting(timeout=60), too_many(3600), NOW, 0))
    assert isinstance(error, WaitTimeout)
    assert error.token.not_before == UNIX + 3600


def test_a_token_of_a_task_that_lives_long_is_worth_another_look() -> None:
    poll = waiting(None, task=WaitToken(task_id="t", started=UNIX - 3 * 86_400, looks=9, not_before=0))
    assert decide(poll, NOW) == Look(0.9)
    lives_a_week = answered(poll, with_expiry(7 * 86_400), None, NOW, 0)
    assert decide(lives_a_week, NOW) == Sleep(2.0)
    assert isinstance(error_of(answered(poll, task(), None, NOW, 0)), WaitTimeout)
