"""The sandbox's clock: the machine's clock, plus an offset that a test can change."""

from __future__ import annotations

import time
from typing import Final

LATEST: Final = 1e11
"""The latest time that can be set, in seconds since 1970. The functions that format dates fail after the year 9999."""


class Clock:
    """Runs as fast as the machine's clock, from any time that it was set to."""

    def __init__(self) -> None:
        self._offset = 0.0

    def reset(self) -> None:
        """Shows the machine's time again."""
        self._offset = 0.0

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time() + self._offset

    def set(self, now: float) -> None:
        """Sets the clock, in seconds since 1970; a `ValueError` for a time that has no date."""
        if not 0 <= now <= LATEST:
            raise ValueError(f"the clock can be set from 0 to {LATEST:.0f} seconds since 1970, not to {now}")
        self._offset = now - time.time()

    def advance(self, seconds: float) -> None:
        """Moves the clock forward, or back if `seconds` is negative."""
        self.set(self.now() + seconds)
