"""How long the delays are, and which numbers are refused as settings."""

from __future__ import annotations

import math

import pytest

from meshapi_video import PollPolicy
from meshapi_video._policy import check_count, check_seconds
from meshapi_video._polling import deadline_after


def test_delays_grow_geometrically_up_to_the_maximum() -> None:
    policy = PollPolicy(initial_delay=1.0, growth=2.0, max_delay=10.0, jitter=0.0)
    paused, delays = 0.0, list[float]()
    for _ in range(6):
        delays.append(policy.delay(paused, chance=0.5))
        paused += delays[-1]
    assert delays == [1, 2, 4, 8, 10, 10]


def test_ten_thousand_misses_in_a_row_overflow_nothing() -> None:
    assert PollPolicy().delay(1e9, 0, misses=10_000) == 10


def test_jitter_only_shortens_a_delay() -> None:
    policy = PollPolicy(initial_delay=10.0, growth=1.0, max_delay=10.0, jitter=0.3)
    assert [policy.delay(0, chance) for chance in (0.0, 0.5, 1.0)] == [10.0, 8.5, 7.0]


@pytest.mark.parametrize(
    "setting",
    [
        {"initial_delay": 0},
        {"initial_delay": -1},
        {"initial_delay": 20},
        {"initial_delay": math.nan},
        {"max_delay": math.inf},
        {"max_delay": 1e10},
        {"growth": 0.9},
        {"growth": math.nan},
        {"growth": math.inf},
        {"jitter": 1},
        {"jitter": -0.1},
    ],
)
def test_a_policy_that_would_hammer_or_hang_is_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        PollPolicy(**setting)


@pytest.mark.parametrize("wrong", [-1, -0.1, math.nan, True, False, 1.1e9, 10**400, "5"])
def test_a_time_that_is_none_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="timeout should be a number of seconds"):
        check_seconds("timeout", wrong)
    with pytest.raises(ValueError, match="timeout should be a number of seconds"):
        deadline_after(wrong, 1000.0)


@pytest.mark.parametrize("wrong", [0, -1, 1.0, True, math.nan, "5", None])
def test_a_count_that_is_none_is_refused(wrong: int) -> None:
    with pytest.raises(ValueError, match="max_in_flight should be a whole number, 1 or more"):
        check_count("max_in_flight", wrong, least=1)
