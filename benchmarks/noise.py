"""The noise of the machine: a loop that always does the same work, timed between the measurements."""

from __future__ import annotations

import statistics
import time
from typing import Final

STEPS: Final = 100_000
"""The loop takes a few milliseconds."""


class Noise:
    """The times of the loop."""

    def __init__(self) -> None:
        self._seconds: list[float] = []

    def sample(self) -> None:
        """Runs the loop once."""
        started = time.perf_counter()
        total = 0
        for number in range(STEPS):
            total += number
        self._seconds.append(time.perf_counter() - started)

    def text(self) -> str:
        """The spread of the times; empty without enough of them."""
        if len(self._seconds) < 2:
            return ""
        median = statistics.median(self._seconds)
        twentieths = statistics.quantiles(self._seconds, n=20, method="inclusive")
        low, high = twentieths[0] / median - 1, twentieths[-1] / median - 1
        return f"noise {low:+.0%} to {high:+.0%} ({len(self._seconds)} samples)"
