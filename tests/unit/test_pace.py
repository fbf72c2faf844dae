"""When the next request may be sent, for all tasks together, in virtual time."""

from __future__ import annotations

import math

import pytest

from meshapi_video import ConnectionFailed
from meshapi_video._schedule import Pace
from support.polls import too_many


def spacing_of(pace: Pace, now: float) -> float:
    pace.sent(now)
    return pace.next_at - now


def test_a_429_slows_all_requests_and_answers_quicken_them_again() -> None:
    pace = Pace(None)
    assert spacing_of(pace, 0) == 0
    now, slowed = 0.0, list[float]()
    for _ in range(12):
        now += 100
        pace.looked(too_many(None), now, now)
        slowed.append(spacing_of(pace, now))
    assert slowed == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10, 10])
    now += 100
    pace.looked(ConnectionFailed("reset"), now, now)
    assert spacing_of(pace, now) == 10
    for _ in range(23):
        pace.looked(None, now, now)
    assert spacing_of(pace, now) == pytest.approx(5, abs=0.1)
    for _ in range(300):
        pace.looked(None, now, now)
    assert spacing_of(pace, now) == 0


def test_a_burst_of_429s_slows_once() -> None:
    pace = Pace(None)
    for sent in range(20):
        pace.looked(too_many(None), sent / 100, 1 + sent / 100)
    assert spacing_of(pace, 2) == pytest.approx(0.05)


def test_the_longest_silence_that_was_asked_for_holds() -> None:
    pace = Pace(None)
    for seconds in (5, 30, None, 1):
        pace.looked(too_many(seconds), 0, 0)
    assert pace.next_at == pace.silent_until == 30


def test_no_429_makes_requests_quicker_than_they_may_be() -> None:
    pace = Pace(1)
    assert spacing_of(pace, 0) == 60
    pace.looked(too_many(None), 0, 0)
    assert spacing_of(pace, 0) == 60
    pace.looked(None, 0, 0)
    assert spacing_of(pace, 0) == 60


@pytest.mark.parametrize("wrong", [0, -1, math.nan, math.inf, True, "60"])
def test_a_rate_that_is_none_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="requests_per_minute should be a number more than zero, or None"):
        Pace(wrong)
