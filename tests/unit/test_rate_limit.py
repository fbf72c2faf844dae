"""When the next request may be sent, for all tasks together, in virtual time."""

from __future__ import annotations

import math

import pytest

from meshapi_video import ConnectionFailed
from meshapi_video._polling.rate_limit import RateLimiter
from support.poll_states import rate_limited


def interval_after_a_request(limiter: RateLimiter, now: float) -> float:
    limiter.record_sent(now)
    return limiter.next_at - now


def test_each_429_makes_the_interval_longer_and_each_response_makes_it_shorter() -> None:
    limiter = RateLimiter(None)
    assert interval_after_a_request(limiter, 0) == 0
    now, intervals = 0.0, list[float]()
    for _ in range(12):
        now += 100
        limiter.record(rate_limited(None), now, now)
        intervals.append(interval_after_a_request(limiter, now))
    assert intervals == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10, 10])
    now += 100
    limiter.record(ConnectionFailed("reset"), now, now)
    assert interval_after_a_request(limiter, now) == 10
    for _ in range(23):
        limiter.record(None, now, now)
    assert interval_after_a_request(limiter, now) == pytest.approx(5, abs=0.1)
    for _ in range(300):
        limiter.record(None, now, now)
    assert interval_after_a_request(limiter, now) == 0


def test_many_429s_for_requests_sent_before_the_slowdown_count_once() -> None:
    limiter = RateLimiter(None)
    for number in range(20):
        limiter.record(rate_limited(None), number / 100, 1 + number / 100)
    assert interval_after_a_request(limiter, 2) == pytest.approx(0.05)


def test_the_longest_retry_after_counts() -> None:
    limiter = RateLimiter(None)
    for seconds in (5, 30, None, 1):
        limiter.record(rate_limited(seconds), 0, 0)
    assert limiter.next_at == limiter.retry_after_until == 30


def test_the_interval_is_never_shorter_than_the_callers_limit() -> None:
    limiter = RateLimiter(1)
    assert interval_after_a_request(limiter, 0) == 60
    limiter.record(rate_limited(None), 0, 0)
    assert interval_after_a_request(limiter, 0) == 60
    limiter.record(None, 0, 0)
    assert interval_after_a_request(limiter, 0) == 60


@pytest.mark.parametrize("wrong", [0, -1, math.nan, math.inf, True, "60"])
def test_a_limit_that_is_not_a_positive_number_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="requests_per_minute should be a finite number greater than 0"):
        RateLimiter(wrong)
