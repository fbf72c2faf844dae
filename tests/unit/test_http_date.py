"""HTTP dates are parsed in one place, and a text that is not a date is no error."""

from __future__ import annotations

import pytest

from meshapi_video import VideoTaskResponse
from meshapi_video._transport.http_date import parse_http_date
from meshapi_video._transport.retry_after import age_of

UNIX_TIME = 1_795_428_000.0
DATE = "Mon, 23 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DATE, UNIX_TIME),
        ("Mon, 23 Nov 2026 10:00:00", UNIX_TIME),
        ("Mon, 23 Nov 2026 10:00:00 -0000", UNIX_TIME),
        ("Mon, 23 Nov 2026 11:30:00 +0130", UNIX_TIME),
        ("Monday, 23-Nov-26 10:00:00 GMT", UNIX_TIME),
        ("Mon Nov 23 10:00:00 2026", UNIX_TIME),
        (None, None),
        ("", None),
        ("5", None),
        ("yesterday", None),
        ("Mon, 99 Nov 2026 10:00:00 GMT", None),
        ("Mon, 03 Nov 99999999999999999999 10:00:00 GMT", None),
    ],
)
def test_a_date_is_seconds_since_1970_and_any_other_text_is_none(text: str | None, expected: float | None) -> None:
    assert parse_http_date(text) == expected


@pytest.mark.parametrize(
    ("created_at", "date", "age"),
    [
        (UNIX_TIME - 90, DATE, 90),
        (UNIX_TIME + 5, DATE, 0),
        (UNIX_TIME - 7 * 86_400, DATE, 7 * 86_400),
        (UNIX_TIME - 7 * 86_400 - 1, DATE, None),
        (UNIX_TIME - 90, None, None),
        (UNIX_TIME - 90, "today", None),
        (None, DATE, None),
    ],
)
def test_the_age_of_a_task_is_known_if_the_server_states_the_date_and_the_creation(
    created_at: float | None, date: str | None, age: float | None
) -> None:
    fields: dict[str, object] = {"id": "t", "status": "running"}
    if created_at is not None:
        fields["created_at"] = int(created_at)
    assert age_of(VideoTaskResponse.from_dict(fields), date) == age
