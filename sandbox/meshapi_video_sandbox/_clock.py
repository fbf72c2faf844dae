"""The sandbox's time: the machine's, moved as one likes."""

from __future__ import annotations

import time
from typing import Final

LATEST: Final = 1e11
"""Seconds since 1970 that the clock never passes: what writes dates ends at the year 9999."""


class Clock:
    """Goes as the machine's clock does, from wherever it was set to."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time() + self._ahead

    def set(self, now: float) -> None:
        """Makes it this late, or early; a `ValueError` if no date could say so."""
        if not 0 <= now <= LATEST:
            raise ValueError(f"the clock goes from 0 to {LATEST:.0f} seconds since 1970; this is {now}")
        self._ahead = now - time.time()

    def advance(self, seconds: float) -> None:
        """Makes it later by that much."""
        self.set(self.now() + seconds)
