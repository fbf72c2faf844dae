"""Bounds what blocking code sends and receives as a whole, which no timeout of httpx's does."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator

    import httpx

_deadline: Final[ContextVar[float]] = ContextVar("meshapi_video_deadline", default=math.inf)
_stop: Final[ContextVar[threading.Event | None]] = ContextVar("meshapi_video_stop", default=None)

GLANCE: Final = 0.1
"""Seconds between two glances at the event that may stop a request."""


@contextlib.contextmanager
def request_deadline(seconds: float, stop: threading.Event | None = None) -> Generator[None]:
    """Bounds what is sent and received inside it, as a whole, where the transport is ours.

    httpx's own timeouts bound each single read, so that an answer of one byte a second never
    ends. `stop` ends it before its time, unless it is connecting. Asynchronous code has no need
    of this: it is cancelled.
    """
    tokens = _deadline.set(time.monotonic() + seconds), _stop.set(stop)
    try:
        yield
    finally:
        _deadline.reset(tokens[0])
        _stop.reset(tokens[1])


def time_left(timeout: float | None = None) -> float | None:
    """`timeout`, or what is left of the deadline if that is less; None for no bound at all."""
    stop = _stop.get()
    left = _deadline.get() - time.monotonic()
    if left <= 0 or (stop is not None and stop.is_set()):
        raise TimeoutError("the deadline has passed")
    least = left if timeout is None else min(left, timeout)
    return least if least < math.inf else None


def may_be_stopped() -> bool:
    """Whether an event may end what is sent and received here."""
    return _stop.get() is not None


def bound(request: httpx.Request) -> None:
    """Gives each of httpx's own timeouts, that of waiting for a connection too, no more than is left."""
    timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
    bounded = {name: time_left(value) for name, value in timeouts.items()}
    request.extensions = {**request.extensions, "timeout": bounded}
