"""Numbers that a caller passes are checked, and the error names the argument, the expectation and the value."""

from __future__ import annotations

import math
from typing import Any

import pytest

from meshapi_video._validation import (
    MAX_IN_FLIGHT,
    check_count,
    check_number,
    check_positive,
    check_seconds,
    deadline_after,
)


@pytest.mark.parametrize("seconds", [0, 0.0, 0.5, 1, 1e9, math.inf])
def test_a_time_in_seconds_is_returned(seconds: float) -> None:
    assert check_seconds("timeout", seconds) == seconds
    assert deadline_after(seconds, 1000.0) == 1000.0 + seconds


def test_no_timeout_gives_no_deadline() -> None:
    assert deadline_after(None, 1000.0) is None


@pytest.mark.parametrize("wrong", [-1, -0.1, math.nan, -math.inf, True, False, 1.1e9, 10**400, "5", [], None])
def test_a_value_that_is_not_a_time_is_refused(wrong: Any) -> None:  # noqa: ANN401 - callers may be untyped
    with pytest.raises(
        ValueError, match=r"^timeout should be a number of seconds from 0 to 1e\+09, or infinity; it is"
    ):
        check_seconds("timeout", wrong)


@pytest.mark.parametrize("wrong", [-1, math.nan, True, "5"])
def test_a_wrong_timeout_gives_no_deadline(wrong: Any) -> None:  # noqa: ANN401 - callers may be untyped
    with pytest.raises(ValueError, match="timeout should be a number of seconds"):
        deadline_after(wrong, 1000.0)


@pytest.mark.parametrize("count", [1, 2, 10**400, MAX_IN_FLIGHT])
def test_a_count_is_returned(count: int) -> None:
    assert check_count("max_in_flight", count, least=1) == count


@pytest.mark.parametrize("wrong", [0, -1, 1.0, True, math.nan, "5", None])
def test_a_value_that_is_not_a_count_is_refused(wrong: Any) -> None:  # noqa: ANN401 - callers may be untyped
    with pytest.raises(ValueError, match=r"^max_in_flight should be a whole number of at least 1; it is "):
        check_count("max_in_flight", wrong, least=1)


@pytest.mark.parametrize("number", [5e-324, 0.5, 1, 1e300])
def test_a_positive_number_is_returned(number: float) -> None:
    assert check_positive("lag_weight", number) == number


@pytest.mark.parametrize("wrong", [0, -1, math.nan, math.inf, True, "60", None])
def test_a_value_that_is_not_a_positive_number_is_refused(wrong: Any) -> None:  # noqa: ANN401 - callers may be untyped
    with pytest.raises(ValueError, match=r"^lag_weight should be a finite number greater than 0; it is "):
        check_positive("lag_weight", wrong)


def test_the_error_quotes_the_value() -> None:
    with pytest.raises(ValueError, match=r"^jitter should be even; it is 3$"):
        check_number("jitter", 3, "even", is_valid=lambda n: n % 2 == 0)
