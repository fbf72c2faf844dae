"""What headers say of time: how long to leave the server alone, and how old a task is by its clock."""

from __future__ import annotations

import datetime
import email.utils
import math
from typing import TYPE_CHECKING

from meshapi_video._polling import LONGEST_LIFE

if TYPE_CHECKING:
    import httpx

    from meshapi_video_generated.models import VideoTaskResponse


def retry_after(headers: httpx.Headers, in_body: object = None) -> float | None:
    """Seconds for which the server asks to be left alone; None if it does not, or not sensibly."""
    milliseconds = _seconds(headers.get("retry-after-ms"))
    stated = headers.get("retry-after")
    candidates = (
        None if milliseconds is None else milliseconds / 1000,
        _seconds(stated),
        _until(stated, headers.get("date")),
        _seconds(in_body),
    )
    # Longer than any task lives is as good as for ever, which clocks cannot count.
    return next((min(seconds, LONGEST_LIFE) for seconds in candidates if seconds is not None), None)


def age_of(task: VideoTaskResponse, date: str | None) -> float | None:
    """Seconds since the task was made, by the clock of the server that said so in `date`; None if it did not."""
    now = _moment(date)
    if now is None or not isinstance(task.created_at, int):
        return None
    age = now.timestamp() - task.created_at
    return max(age, 0) if age <= LONGEST_LIFE else None


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < math.inf else None


def _until(stated: str | None, date: str | None) -> float | None:
    """Seconds to an HTTP date, by the server's own clock where it tells the time."""
    then, now = _moment(stated), _moment(date)
    if then is None:
        return None
    return max((then - (now or datetime.datetime.now(datetime.UTC))).total_seconds(), 0)


def _moment(stated: str | None) -> datetime.datetime | None:
    try:
        moment = email.utils.parsedate_to_datetime(stated or "")
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
