"""Virtual time: nobody sleeps, and the clock says they did."""

from __future__ import annotations

from collections.abc import Callable


class Clock:
    """A monotonic clock that only sleeping moves."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.sleeps: list[float] = []
        self.meanwhile: list[Callable[[], object]] = []
        """What happens during every sleep."""

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds
        for happen in self.meanwhile:
            happen()

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)
