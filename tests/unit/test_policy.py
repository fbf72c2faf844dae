"""The length of the delays, and which settings of a policy are refused."""

from __future__ import annotations

import math

import pytest

from meshapi_video import PollPolicy


def test_delays_grow_geometrically_up_to_the_maximum() -> None:
    policy = PollPolicy(initial_delay=1.0, multiplier=2.0, max_delay=10.0, jitter=0.0)
    age, delays = 0.0, list[float]()
    for _ in range(6):
        delays.append(policy.delay(age, rand=0.5))
        age += delays[-1]
    assert delays == [1, 2, 4, 8, 10, 10]


def test_ten_thousand_consecutive_failures_overflow_nothing() -> None:
    assert PollPolicy().delay(1e9, 0, failures=10_000) == 10


def test_jitter_only_shortens_a_delay() -> None:
    policy = PollPolicy(initial_delay=10.0, multiplier=1.0, max_delay=10.0, jitter=0.3)
    assert [policy.delay(0, rand) for rand in (0.0, 0.5, 1.0)] == [10.0, 8.5, 7.0]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            {"initial_delay": 0},
            r"initial_delay should be a number of seconds greater than 0 and at most 1e\+09; it is 0",
        ),
        ({"initial_delay": -1}, "initial_delay should be a number of seconds greater than 0"),
        ({"initial_delay": 20}, "max_delay should be a number of seconds of at least initial_delay, 20; it is 10.0"),
        ({"initial_delay": math.nan}, "initial_delay should be a number of seconds greater than 0"),
        ({"initial_delay": True}, "initial_delay should be a number of seconds greater than 0"),
        ({"max_delay": math.inf}, "max_delay should be a number of seconds greater than 0"),
        ({"max_delay": 1e10}, "max_delay should be a number of seconds greater than 0"),
        ({"multiplier": 0.9}, "multiplier should be a finite number of at least 1; it is 0.9"),
        ({"multiplier": math.nan}, "multiplier should be a finite number of at least 1"),
        ({"multiplier": math.inf}, "multiplier should be a finite number of at least 1"),
        ({"jitter": 1}, "jitter should be a number from 0 to less than 1; it is 1"),
        ({"jitter": -0.1}, "jitter should be a number from 0 to less than 1"),
    ],
)
def test_a_policy_that_would_poll_too_often_or_never_is_refused(setting: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        PollPolicy(**setting)
