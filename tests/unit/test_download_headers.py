"""The headers of a response about a file: spaces and capital letters in a value change nothing."""

from __future__ import annotations

import math

import pytest
from attrs import evolve

from meshapi_video._download.headers import ResponseHead, ResumeRecord
from meshapi_video._download.state import TransferState, head_received, start_transfer

RECORD = ResumeRecord(task_id="t", kind="video", validator='"v1"', total=1000)
DATE = "Mon, 03 Nov 2025 10:00:00 GMT"


def after_head(status: int, headers: dict[str, str], record: ResumeRecord | None = None) -> TransferState:
    transfer = start_transfer(
        "t",
        "video",
        "https://files.example/v",
        is_fresh=False,
        record=record,
        kept=500,
        max_retries=2,
        now=0,
        deadline=math.inf,
    )
    return head_received(transfer, ResponseHead(status=status, headers=headers), 0, 0)


@pytest.mark.parametrize(
    ("headers", "record"),
    [
        ({"content-length": " 1000 ", "etag": ' "v1" '}, RECORD),
        ({"content-length": "1000", "last-modified": f" {DATE} "}, evolve(RECORD, validator=DATE)),
        ({"content-length": "1000", "content-encoding": " Identity "}, evolve(RECORD, validator=None)),
        ({"transfer-encoding": "Chunked"}, evolve(RECORD, validator=None, total=None)),
    ],
)
def test_a_file_is_taken_whatever_the_spaces_and_the_capital_letters_of_its_headers(
    headers: dict[str, str], record: ResumeRecord
) -> None:
    transfer = after_head(200, headers)
    assert (transfer.accepts_body, transfer.record) == (True, record)


@pytest.mark.parametrize("modified", ['"v1"', f"{DATE} (\u00e9)", f"{DATE}{' ' * 100}({'x' * 100})", "yesterday"])
def test_a_last_modified_that_cannot_be_sent_back_identifies_no_version(modified: str) -> None:
    record = after_head(200, {"content-length": "1000", "last-modified": modified}).record
    assert record == evolve(RECORD, validator=None)


@pytest.mark.parametrize(
    ("total", "validator", "is_usable"),
    [
        (None, None, True),
        (0, None, True),
        (1000, '"v1"', True),
        (1000, DATE, True),
        (10**18 - 1, None, True),
        (10**18, None, False),
        (-1, None, False),
        (1000, "v1", False),
        (1000, f"{DATE} (\u00e9)", False),
        (1000, "no date", False),
    ],
)
def test_a_record_is_usable_if_a_response_can_have_stated_it(
    total: int | None, validator: str | None, *, is_usable: bool
) -> None:
    assert evolve(RECORD, total=total, validator=validator).is_usable is is_usable


@pytest.mark.parametrize("content_type", ["text/html", " Text/HTML ; charset=utf-8", "TEXT/HTML"])
def test_a_page_is_not_taken_for_the_file_whatever_its_capital_letters(content_type: str) -> None:
    transfer = after_head(200, {"content-length": "1000", "content-type": content_type})
    assert (transfer.accepts_body, transfer.end) == (False, None)


@pytest.mark.parametrize(
    ("validator", "headers"), [('"v1"', {"etag": ' "v1" '}), (DATE, {"last-modified": f" {DATE} "}), (DATE, {})]
)
def test_the_rest_of_a_file_is_taken_whatever_the_spaces_in_its_headers(
    validator: str, headers: dict[str, str]
) -> None:
    rest = {"content-range": " bytes 500-999/1000 ", **headers}
    assert after_head(206, rest, evolve(RECORD, validator=validator)).accepts_body
