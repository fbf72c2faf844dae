"""Limits the time of a blocking request as a whole, which no timeout of httpx does."""

from __future__ import annotations

import math
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Protocol

from meshapi_video._clock import monotonic

if TYPE_CHECKING:
    from meshapi_video._http_libraries import httpx


class StopFlag(Protocol):
    """Says whether to stop, as a `threading.Event` does. Nothing here takes the lock of an event.

    A signal handler that sets the event would wait for ever for a lock that its own thread holds.
    """

    def is_set(self) -> bool:
        """Whether to stop."""
        ...


_deadline: Final[ContextVar[float]] = ContextVar("meshapi_video_deadline", default=math.inf)
_stop: Final[ContextVar[StopFlag | None]] = ContextVar("meshapi_video_stop", default=None)

STOP_CHECK_INTERVAL: Final = 0.1
"""How often a blocking read checks the `stop` event, in seconds."""


class request_deadline:  # noqa: N801 - it is used like a function
    """Limits the time of all sending and receiving in this context, through this package's transports.

    httpx's own timeouts limit each single read, so that a response of one byte a second never ends.
    `stop` ends the request early, except while it connects. Asynchronous code uses cancellation instead.
    """

    # Not `contextlib.contextmanager`: each poll uses this, and a generator takes twice as long.
    def __init__(self, seconds: float, stop: StopFlag | None = None) -> None:
        self._seconds = seconds
        self._stop = stop

    def __enter__(self) -> None:
        self._tokens = _deadline.set(monotonic() + self._seconds), _stop.set(self._stop)

    def __exit__(self, *_exc_info: object) -> None:
        deadline, stop = self._tokens
        _deadline.reset(deadline)
        _stop.reset(stop)


def time_left(timeout: float | None = None) -> float | None:
    """The seconds until the deadline, or `timeout` if that is less; None for no limit.

    Raises `TimeoutError` after the deadline, and after `stop` was set.
    """
    stop = _stop.get()
    left = _deadline.get() - monotonic()
    if left <= 0 or (stop is not None and stop.is_set()):
        raise TimeoutError("the deadline has passed")
    least = left if timeout is None else min(left, timeout)
    return least if least < math.inf else None


def may_be_stopped() -> bool:
    """Whether an event may end the requests in this context."""
    return _stop.get() is not None


def limit_timeouts(request: httpx.Request) -> None:
    """Limits each of httpx's own timeouts, including the one for a free connection, to the time left."""
    timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
    bounded = {name: time_left(value) for name, value in timeouts.items()}
    request.extensions = {**request.extensions, "timeout": bounded}
