"""`Retry-After` at its boundaries, and dates on a machine whose time zone is not UTC."""

from __future__ import annotations

import time

import httpx
import pytest

from meshapi_video._transport.http_date import parse_http_date
from meshapi_video._transport.retry_after import retry_after


def test_a_retry_after_of_zero_is_a_value_and_the_next_header_does_not_count() -> None:
    assert retry_after(httpx.Headers({"retry-after-ms": "0", "retry-after": "9"})) == 0
    assert retry_after(httpx.Headers({"retry-after": "0"}), 9) == 0


def test_a_date_without_a_time_zone_is_utc_wherever_the_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC-5")
    time.tzset()
    try:
        assert parse_http_date("Mon, 23 Nov 2026 10:00:00") == parse_http_date("Mon, 23 Nov 2026 10:00:00 GMT")
    finally:
        monkeypatch.undo()
        time.tzset()
