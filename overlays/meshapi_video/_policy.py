"""How often to look at a task. Pure: age and chance come in as arguments."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Protocol

from attrs import frozen

if TYPE_CHECKING:
    from meshapi_video_generated.models import VideoTaskResponse

_DOUBLINGS: Final = 32
"""More would be of no use, and too many overflow."""

_LONGEST: Final = 1e9
"""Seconds that a finite time may have, some thirty years: the system's own clocks and sockets
fail for more."""


def check_seconds(name: str, value: float) -> float:
    """`value` if it is a number of seconds (zero and infinity are), else a `ValueError`."""
    # A bool is an int to Python, and `timeout=True` is a mistake rather than one second.
    number = isinstance(value, int | float) and not isinstance(value, bool)  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
    if not (number and (0 <= value <= _LONGEST or value == math.inf)):
        raise ValueError(
            f"{name} should be a number of seconds, zero or more and at most {_LONGEST:g}; it is {value!r}"
        )
    return value


def check_count(name: str, value: int, *, least: int) -> int:
    """`value` if it is a whole number of at least `least`, else a `ValueError`."""
    whole = isinstance(value, int) and not isinstance(value, bool)  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
    if not (whole and value >= least):
        raise ValueError(f"{name} should be a whole number, {least} or more; it is {value!r}")
    return value


class Policy(Protocol):
    """Whatever says how long to leave a task alone."""

    def delay(self, age: float, chance: float, misses: int = 0, task: VideoTaskResponse | None = None) -> float:
        """Seconds to the next look at a task of `age` seconds, `task` as it was last seen."""
        ...


@frozen(kw_only=True)
class PollPolicy:
    """How often to look at a task: at once, then after growing, jittered delays.

    The defaults are made for videos, which take a minute or more. For tasks known to be quick,
    take a shorter `initial_delay`; for what is known by experience there is `AdaptivePolicy`.
    """

    initial_delay: float = 8.0
    """Seconds between the first look and the second; more than zero."""
    growth: float = 1.1
    """How many times longer each delay is than the one before; at least 1."""
    max_delay: float = 10.0
    """Seconds that a delay never exceeds; at least `initial_delay`."""
    jitter: float = 0.1
    """The part of a delay, from 0 to 1, by which chance may shorten it, so that many waits
    begun together do not stay together."""

    def __attrs_post_init__(self) -> None:
        if not 0 < self.initial_delay <= self.max_delay <= _LONGEST:
            raise ValueError(
                f"initial_delay should be more than zero, max_delay no less than that and at most {_LONGEST:g}; "
                f"they are {self.initial_delay!r} and {self.max_delay!r}"
            )
        if not 1 <= self.growth < math.inf:
            raise ValueError(f"growth should be a number from 1 up; it is {self.growth!r}")
        if not 0 <= self.jitter < 1:
            raise ValueError(f"jitter should be a number from 0 up to, but not, 1; it is {self.jitter!r}")

    def delay(
        self,
        age: float,
        chance: float,
        misses: int = 0,
        task: VideoTaskResponse | None = None,  # noqa: ARG002 - every task is like any other
    ) -> float:
        """Seconds to the next look at a task of `age` seconds; `chance` is from 0 to 1, `misses` those in a row."""
        # The n-th delay d·gⁿ of a geometric series is d + (g - 1)·(the sum before it): in the age,
        # growing is linear, and a task met late is looked at as one that was waited for all along.
        grown = self.initial_delay + (self.growth - 1) * max(age, 0)
        return min(backed_off(grown, misses), self.max_delay) * (1 - self.jitter * chance)


def backed_off(delay: float, misses: int) -> float:
    """`delay` after so many misses in a row: from the second on, twice as long each time."""
    # It may be us who are too many.
    return delay * 2.0 ** min(max(misses - 1, 0), _DOUBLINGS)
