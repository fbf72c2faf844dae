"""Parses HTTP dates. Pure."""

from __future__ import annotations

import calendar
import email.utils
from functools import lru_cache


# The responses of a second have the same date.
@lru_cache(maxsize=8)
def parse_http_date(text: str | None) -> float | None:
    """The date as seconds since 1970; None if `text` is not a date. A date without a time zone is UTC."""
    try:
        moment = email.utils.parsedate_to_datetime(text or "")
        return moment.timestamp() if moment.tzinfo else calendar.timegm(moment.timetuple())
    except (ValueError, OverflowError):
        return None
