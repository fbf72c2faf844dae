"""Decides when the next request may be sent, for all tasks of one `wait_many` together. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from meshapi_video._errors import RateLimitedError
from meshapi_video._validation import check_positive

if TYPE_CHECKING:
    from meshapi_video._errors import MeshVideoError

_FIRST_INTERVAL: Final = 0.05
"""Seconds between two requests after the server's first 429."""
_LONGEST_INTERVAL: Final = 10.0
_SHORTEST_INTERVAL: Final = 0.001
"""A shorter interval becomes none."""
_RECOVERY: Final = 0.97
"""Each response multiplies the interval by this. About 20 responses halve it."""


class RateLimiter:
    """The interval between requests: the caller's limit, or longer after a 429."""

    def __init__(self, requests_per_minute: float | None) -> None:
        self._least_interval = 0.0
        if requests_per_minute is not None:
            self._least_interval = 60 / check_positive("requests_per_minute", requests_per_minute)
        self._interval = self._least_interval
        self._slowed_at = -math.inf
        self._interval_ends = -math.inf
        self.retry_after_until = -math.inf
        """The end of the server's `Retry-After`."""

    @property
    def next_at(self) -> float:
        """When the next request may be sent."""
        return max(self._interval_ends, self.retry_after_until)

    @property
    def has_interval(self) -> bool:
        """Whether there is a least time between two requests."""
        return self._interval > 0

    def record_sent(self, now: float) -> None:
        """Records that a request was sent."""
        self._interval_ends = now + self._interval

    def record(self, error: MeshVideoError | None, sent_at: float, now: float) -> None:
        """Records the result of a request: a 429 slows all requests down, and each response speeds them up."""
        if isinstance(error, RateLimitedError):
            self.retry_after_until = max(self.retry_after_until, now + (error.retry_after or 0))
            # A 429 for a request that was sent before the last slowdown does not count again.
            if sent_at >= self._slowed_at:
                longest = max(_LONGEST_INTERVAL, self._least_interval)
                self._interval = min(max(2 * self._interval, _FIRST_INTERVAL), longest)
                self._slowed_at = now
            self._interval_ends = max(self._interval_ends, now + self._interval)
        elif error is None:
            interval = self._interval * _RECOVERY
            self._interval = max(interval if interval > _SHORTEST_INTERVAL else 0, self._least_interval)
