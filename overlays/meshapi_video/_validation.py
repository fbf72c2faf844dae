"""Numbers that a caller passes: their defaults, and checks that return the number or raise `ValueError`."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_IN_FLIGHT: Final = 100
"""The default for the requests of one `wait_many` in flight."""
MAX_WAITING: Final = 10_000
"""The default for the tasks that one `wait_many` waits for at once."""

LARGEST: Final = sys.float_info.max
"""The largest finite number. A larger `int` cannot be used together with a `float`."""
LONGEST: Final = 1e9
"""The longest finite time, in seconds: about 30 years. Clocks and sockets fail with more."""


def check_number(name: str, value: float, expected: str, *, is_valid: Callable[[float], bool]) -> float:
    """`value` if it is a number and `is_valid` accepts it; `expected` describes such a number in the error."""
    # A bool is an int to Python, but `timeout=True` is a mistake and does not mean one second.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
    if not (is_number and is_valid(value)):
        raise ValueError(f"{name} should be {expected}; it is {value!r}")
    return value


def check_seconds(name: str, value: float) -> float:
    """`value` if it is a time in seconds. Zero and infinity are allowed."""
    expected = f"a number of seconds from 0 to {LONGEST:g}, or infinity"
    return check_number(name, value, expected, is_valid=lambda n: 0 <= n <= LONGEST or n == math.inf)


def check_count(name: str, value: int, *, least: int) -> int:
    """`value` if it is an int of at least `least`."""
    expected = f"a whole number of at least {least}"
    check_number(name, value, expected, is_valid=lambda n: isinstance(n, int) and n >= least)
    return value


def check_duration(name: str, value: float) -> float:
    """`value` if it is a finite time in seconds, greater than zero."""
    expected = f"a number of seconds greater than 0 and at most {LONGEST:g}"
    return check_number(name, value, expected, is_valid=lambda n: 0 < n <= LONGEST)


def check_positive(name: str, value: float) -> float:
    """`value` if it is a finite number greater than zero."""
    return check_number(name, value, "a finite number greater than 0", is_valid=lambda n: 0 < n <= LARGEST)


def deadline_after(timeout: float | None, now: float) -> float | None:
    """The time `timeout` seconds after `now`; None for no timeout, where the task itself sets the deadline."""
    return None if timeout is None else now + check_seconds("timeout", timeout)
