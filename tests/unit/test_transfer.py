"""What is decided about a download: pure, so that every case is a line."""

from __future__ import annotations

import math

import httpx
import pytest
from attrs import evolve

from meshapi_video import _transfer as transfers
from meshapi_video._fetching import Broken, failed
from meshapi_video._heads import Head, Note
from meshapi_video._polling import Sleep
from meshapi_video._transfer import Done, Fetch, GiveUp, Transfer

ADDRESS = "https://files.example/v?X-Signature=hush"
NOTE = Note(task_id="task-1", what="video", validator='"v1"', total=1000)


def begun(
    note: Note | None = None, kept: int = 0, *, retries: int = 2, deadline: float = math.inf, is_fresh: bool = False
) -> Transfer:
    return transfers.begin(
        "task-1", "video", ADDRESS, is_fresh=is_fresh, note=note, kept=kept, retries=retries, now=0, deadline=deadline
    )


def head(status: int, **headers: str) -> Head:
    return Head(status=status, headers=httpx.Headers({name.replace("_", "-"): headers[name] for name in headers}))


@pytest.mark.parametrize(
    ("note", "kept", "headers"),
    [
        (None, 0, {}),
        (None, 500, {}),
        (NOTE, 0, {}),
        (NOTE, 500, {"Range": "bytes=500-", "If-Range": '"v1"'}),
        (NOTE, 2000, {"Range": "bytes=2000-", "If-Range": '"v1"'}),
        (evolve(NOTE, total=None), 500, {"Range": "bytes=500-", "If-Range": '"v1"'}),
        (evolve(NOTE, validator=None), 500, {}),
    ],
)
def test_only_what_is_missing_is_asked_for_where_that_is_known(
    note: Note | None, kept: int, headers: dict[str, str]
) -> None:
    assert transfers.decide(begun(note, kept), 0) == Fetch(ADDRESS, headers, math.inf)


def test_bytes_that_are_all_there_need_no_request() -> None:
    assert transfers.decide(begun(NOTE, 1000), 0) == Done()


def test_what_is_printed_of_it_does_not_give_the_address_away() -> None:
    transfer = begun(NOTE, 500)
    assert "hush" not in repr((transfer, transfers.decide(transfer, 0)))


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"etag": '"a-b"'}, '"a-b"'),
        ({"etag": '""'}, '""'),
        ({"etag": 'W/"a"'}, None),
        ({"etag": '"a" "b"'}, None),
        ({"etag": "a"}, None),
        ({"last_modified": "Mon, 03 Nov 2025 10:00:00 GMT"}, "Mon, 03 Nov 2025 10:00:00 GMT"),
        ({"etag": 'W/"a"', "last_modified": "Mon, 03 Nov 2025 10:00:00 GMT"}, "Mon, 03 Nov 2025 10:00:00 GMT"),
        ({"etag": '"a"', "last_modified": "Mon, 03 Nov 2025 10:00:00 GMT"}, '"a"'),
        ({"last_modified": "Mon, 03 Nov 2025 10:00:00 GMT", "date": "Mon, 03 Nov 2025 10:00:00 GMT"}, None),
        (
            {"last_modified": "Mon, 03 Nov 2025 10:00:00 GMT", "date": "Mon, 03 Nov 2025 10:00:01 GMT"},
            "Mon, 03 Nov 2025 10:00:00 GMT",
        ),
        ({"last_modified": "Mon, 03 Nov 99999999999999999999 10:00:00 GMT"}, None),
        ({"last_modified": "yesterday"}, None),
    ],
)
def test_a_version_is_told_by_what_cannot_be_the_same_for_two(headers: dict[str, str], validator: str | None) -> None:
    transfer = transfers.answered(begun(), head(200, content_length="1000", **headers), 0, 0)
    assert transfer.taking
    assert transfer.note == Note(task_id="task-1", what="video", validator=validator, total=1000)


def test_a_date_that_a_part_does_not_repeat_is_taken_to_be_the_same() -> None:
    dated = evolve(NOTE, validator="Mon, 03 Nov 2025 10:00:00 GMT")
    fits = head(206, content_range="bytes 500-999/1000")
    assert transfers.answered(begun(dated, 500), fits, 0, 0).taking
    assert not transfers.answered(begun(NOTE, 500), fits, 0, 0).taking
    later = head(206, content_range="bytes 500-999/1000", last_modified="Mon, 03 Nov 2025 10:00:01 GMT")
    assert not transfers.answered(begun(dated, 500), later, 0, 0).taking


@pytest.mark.parametrize(
    ("headers", "version", "ends"),
    [
        ({"content_length": "5"}, "HTTP/1.1", True),
        ({"transfer_encoding": "Chunked"}, "HTTP/1.1", True),
        ({}, "HTTP/2", True),
        ({}, "HTTP/1.1", False),
        ({}, "HTTP/1.0", False),
        ({"content_length": "5, 5"}, "HTTP/1.1", False),
        ({"content_length": "-5"}, "HTTP/1.1", False),
        ({"content_length": "9" * 5000}, "HTTP/1.1", False),
    ],
)
def test_a_body_is_taken_only_if_its_end_can_be_told(headers: dict[str, str], version: str, *, ends: bool) -> None:
    transfer = transfers.answered(begun(), evolve(head(200, **headers), version=version), 0, 0)
    assert transfer.taking is ends


def test_delays_double_and_a_byte_that_was_never_there_begins_them_anew() -> None:
    transfer, now, delays = begun(retries=4), 0.0, list[float]()
    for kept in (0, 0, 0, 5, 5, 4, 5):
        transfer = transfers.missed(transfer, "a reset", kept, now, 0)
        decision = transfers.decide(transfer, now)
        assert isinstance(decision, Sleep)
        delays.append(decision.seconds)
        now += decision.seconds
    assert delays == [0.5, 1, 2, 0.5, 1, 2, 4]
    assert transfers.decide(transfers.missed(transfer, "a reset", 5, now, 0), now) == GiveUp("a reset")


def test_the_bytes_of_another_file_are_no_progress() -> None:
    transfer = failed(begun(), Broken("a reset"), 500, 0, 0)
    assert (transfer.kept, transfer.furthest) == (0, 0)


def test_chance_shortens_a_delay_by_a_quarter_at_most() -> None:
    assert transfers.missed(begun(), "a reset", 0, 0, 1).due == 0.375


@pytest.mark.parametrize(
    ("kept", "reason"),
    [
        (999, "the answer ended after 999 of 1,000 bytes"),
        (1001, "more came than the 1,000 bytes announced"),
        (0, "nothing came instead of the video"),
    ],
)
def test_a_body_of_another_length_than_announced_is_a_miss(kept: int, reason: str) -> None:
    transfer = transfers.answered(begun(), head(200, content_length="1000", etag='"v1"'), 0, 0)
    transfer = transfers.whole(transfer, kept, 0, 0)
    assert (transfer.trouble, transfer.end) == (reason, None)
    assert transfer.goes_on is (kept == 999)


def test_the_deadline_ends_it_whatever_it_is_at() -> None:
    transfer = begun(deadline=10)
    assert transfers.decide(transfer, 9) == Fetch(ADDRESS, {}, 1)
    assert isinstance(transfers.decide(transfer, 10), GiveUp)
    late = transfers.missed(transfer, "a reset", 0, 9.8, 0)
    assert late.end == GiveUp("a reset, and no time is left to ask again")


def test_a_status_that_nobody_knows_is_told_by_its_number() -> None:
    given_up = transfers.answered(begun(), head(299), 0, 0)
    assert given_up.end == GiveUp("files.example answers 299")
    assert transfers.answered(begun(), head(599), 0, 0).end is None
