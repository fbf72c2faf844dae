"""Reads times from response headers: `Retry-After`, and a task's age by the server's clock."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from meshapi_video._tasks import LONGEST_LIFE
from meshapi_video._transport.http_date import parse_http_date

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshapi_video_generated.models import VideoTaskResponse


def retry_after(headers: Mapping[str, str], in_body: object = None) -> float | None:
    """The seconds in `Retry-After`; None without this header, or with an unusable value.

    The first usable value counts: `retry-after-ms`, `retry-after` as seconds, `retry-after` as a date,
    and the value in the body.
    """
    milliseconds = _seconds(headers.get("retry-after-ms"))
    stated = headers.get("retry-after")
    candidates = (
        None if milliseconds is None else milliseconds / 1000,
        _seconds(stated),
        _seconds_until(stated, headers.get("date")),
        _seconds(in_body),
    )
    # No task lives longer, and clocks cannot count to infinity.
    return next((min(seconds, LONGEST_LIFE) for seconds in candidates if seconds is not None), None)


def age_of(task: VideoTaskResponse, date: str | None) -> float | None:
    """The task's age in seconds, by the clock of the server that sent `date`; None if it cannot be known."""
    now = parse_http_date(date)
    if now is None or not isinstance(task.created_at, int):
        return None
    # The difference of two whole numbers: `created_at` may be too large for a float.
    age = int(now) - task.created_at
    return max(age, 0) if age <= LONGEST_LIFE else None


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < math.inf else None


def _seconds_until(stated: str | None, date: str | None) -> float | None:
    """Seconds until an HTTP date, by the server's clock if it states the time."""
    until, now = parse_http_date(stated), parse_http_date(date)
    if until is None:
        return None
    return max(until - (time.time() if now is None else now), 0)
