"""Virtual time: a sleep takes no time, and only moves a clock."""

from __future__ import annotations

import time
from collections.abc import Callable


class Clock:
    """A monotonic clock that only `sleep` moves."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self._unix_offset = time.time() - now
        self.sleeps: list[float] = []
        self.meanwhile: list[Callable[[], object]] = []
        """Functions that every sleep calls, in place of other threads that run during a real sleep."""

    def __call__(self) -> float:
        return self.now

    def unix(self) -> float:
        """The same moment in seconds since 1970."""
        return self() + self._unix_offset

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds
        for call in self.meanwhile:
            call()

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)
