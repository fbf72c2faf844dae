"""How a file is downloaded, at the boundaries of the rules, in virtual time."""

from __future__ import annotations

import math

import pytest
from attrs import evolve

from meshapi_video._download.headers import ResponseHead, ResumeRecord
from meshapi_video._download.state import (
    LARGEST_UNSTATED,
    MAX_REDIRECTS,
    Done,
    GiveUp,
    SendRequest,
    TransferState,
    attempt_failed,
    body_ended,
    decide,
    give_up,
    head_received,
    start_transfer,
)
from meshapi_video._polling.state import Sleep

ADDRESS = "https://files.example/v"
RECORD = ResumeRecord(task_id="t", kind="video", validator='"v1"', total=1000)
WITHOUT_VERSION = evolve(RECORD, validator=None)


def new_transfer(
    record: ResumeRecord | None = None, kept: int = 0, *, max_retries: int = 2, deadline: float = math.inf
) -> TransferState:
    return start_transfer(
        "t",
        "video",
        ADDRESS,
        is_fresh=False,
        record=record,
        kept=kept,
        max_retries=max_retries,
        now=0,
        deadline=deadline,
    )


def after_head(
    transfer: TransferState, status: int, headers: dict[str, str] | None = None, retry_after: float | None = None
) -> TransferState:
    return head_received(
        transfer, ResponseHead(status=status, headers=headers or {}, retry_after=retry_after), now=0, rand=0
    )


def accepted() -> TransferState:
    return after_head(new_transfer(), 200, {"content-length": "1000", "etag": '"v1"'})


def redirected(transfer: TransferState, times: int) -> TransferState:
    for number in range(times):
        transfer = after_head(transfer, 302, {"location": f"/{number}"})
    return transfer


# Bytes that were there before.


def test_one_kept_byte_is_enough_to_resume() -> None:
    headers = {"Range": "bytes=1-", "If-Range": '"v1"'}
    assert decide(new_transfer(RECORD, 1), 0) == SendRequest(ADDRESS, headers, math.inf)


@pytest.mark.parametrize("status", [206, 416])
def test_a_partial_response_to_a_request_for_the_whole_file_ends_the_download(status: int) -> None:
    for transfer in (new_transfer(), new_transfer(WITHOUT_VERSION, 500)):
        assert isinstance(after_head(transfer, status, {"content-range": "bytes 500-999/1000"}).end, GiveUp)


def test_a_complete_file_of_an_unknown_version_is_requested_again() -> None:
    assert decide(new_transfer(WITHOUT_VERSION, 1000), 0) == SendRequest(ADDRESS, {}, math.inf)


def test_bytes_without_a_record_count_neither_as_kept_nor_as_received() -> None:
    transfer = new_transfer(None, 500, max_retries=1)
    assert transfer.kept == 0
    for kept in (10, 20, 30):
        transfer = attempt_failed(transfer, "a reset", kept, 0, 0)
        assert transfer.end is None


def test_bytes_of_an_earlier_download_that_are_received_again_are_no_progress() -> None:
    transfer = new_transfer(RECORD, 500, max_retries=1)
    transfer = attempt_failed(transfer, "a reset", 300, 0, 0)
    assert attempt_failed(transfer, "a reset", 400, 0, 0).end == GiveUp("a reset")
    assert attempt_failed(transfer, "a reset", 501, 0, 0).end is None


def test_the_bytes_of_another_version_are_forgotten() -> None:
    other = {"content-range": "bytes 500-999/1000", "etag": '"v2"'}
    transfer = after_head(new_transfer(RECORD, 500), 206, other)
    assert (transfer.record, transfer.kept, transfer.end) == (None, 0, None)


# Bodies.


def test_a_body_that_is_complete_is_all_that_is_kept() -> None:
    transfer = body_ended(accepted(), 1000, 0, 0)
    assert (transfer.kept, transfer.end) == (1000, Done())


def test_the_bytes_of_a_body_that_is_too_long_are_forgotten() -> None:
    transfer = body_ended(accepted(), 1001, 0, 0)
    assert (transfer.record, transfer.kept, transfer.end) == (None, 0, None)


def test_only_a_body_whose_length_is_not_stated_has_a_limit() -> None:
    stated = after_head(new_transfer(), 200, {"content-length": f"{LARGEST_UNSTATED + 1}", "etag": '"v1"'})
    assert body_ended(stated, LARGEST_UNSTATED + 1, 0, 0).end == Done()
    unstated = after_head(new_transfer(), 200, {"transfer-encoding": "chunked", "etag": '"v1"'})
    assert body_ended(unstated, LARGEST_UNSTATED, 0, 0).end == Done()
    too_long = body_ended(evolve(unstated, kept=5), LARGEST_UNSTATED + 1, 0, 0)
    assert isinstance(too_long.end, GiveUp)
    assert (too_long.record, too_long.kept) == (None, 0)


def test_no_body_is_taken_after_a_failure() -> None:
    assert accepted().accepts_body
    assert not attempt_failed(accepted(), "a reset", 300, 0, 0).accepts_body
    assert not give_up(accepted(), "an unsafe URL").accepts_body


def test_a_response_ends_the_last_failure() -> None:
    failed = attempt_failed(new_transfer(), "a reset", 0, 0, 0)
    assert failed.last_failure == "a reset"
    assert redirected(failed, 1).last_failure == ""


# Retries.


def test_after_a_failure_as_many_redirects_are_followed_as_before() -> None:
    transfer = redirected(new_transfer(), MAX_REDIRECTS)
    transfer = redirected(attempt_failed(transfer, "a reset", 0, 0, 0), MAX_REDIRECTS)
    assert transfer.end is None
    assert isinstance(redirected(transfer, 1).end, GiveUp)


def test_a_retry_after_of_eight_seconds_is_waited_for() -> None:
    assert decide(after_head(new_transfer(), 503, retry_after=8.0), 0) == Sleep(8.0)
    assert isinstance(after_head(new_transfer(), 503, retry_after=8.1).end, GiveUp)


def test_a_retry_at_the_deadline_would_be_too_late() -> None:
    assert isinstance(attempt_failed(new_transfer(deadline=0.5), "a reset", 0, 0, 0).end, GiveUp)
    assert attempt_failed(new_transfer(deadline=0.6), "a reset", 0, 0, 0).end is None
