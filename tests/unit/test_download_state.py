"""The table of decisions in `_download/state.py`, row by row, and its other promises."""

from __future__ import annotations

import math
from collections.abc import Callable

import httpx
import pytest
from attrs import evolve

from meshapi_video._download import state as state_module
from meshapi_video._download.addresses import UnsafeURL
from meshapi_video._download.content import Content
from meshapi_video._download.headers import ResponseHead, ResumeRecord
from meshapi_video._download.request import TransferInterrupted, after_failure, build_request, map_network_errors
from meshapi_video._download.state import (
    MAX_REDIRECTS,
    Done,
    GiveUp,
    RefreshURL,
    SendRequest,
    TransferState,
    attempt_failed,
    body_ended,
    decide,
    head_received,
    start_transfer,
    url_refreshed,
)
from meshapi_video._polling.state import Sleep
from meshapi_video._urls import Route
from support.tables import rows_of

ADDRESS = "https://files.example/v?X-Signature=secret"
RECORD = ResumeRecord(task_id="task-1", kind="video", validator='"v1"', total=1000)


def new_transfer(
    record: ResumeRecord | None = None,
    kept: int = 0,
    *,
    max_retries: int = 2,
    deadline: float = math.inf,
    is_fresh: bool = False,
) -> TransferState:
    return start_transfer(
        "task-1",
        "video",
        ADDRESS,
        is_fresh=is_fresh,
        record=record,
        kept=kept,
        max_retries=max_retries,
        now=0,
        deadline=deadline,
    )


def head(status: int, **headers: str) -> ResponseHead:
    names = {name: name.replace("_", "-") for name in headers}
    return ResponseHead(status=status, headers=httpx.Headers({names[name]: headers[name] for name in headers}))


def after_head(status: int, transfer: TransferState | None = None, /, **headers: str) -> TransferState:
    return head_received(transfer or new_transfer(), head(status, **headers), 0, 0)


# The table.

ROWS = list[tuple[str, str]]()


def row(event: str, decision: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    ROWS.append((event, decision))
    return lambda test: test


@row("200", "take the body, from the start of the file")
def test_the_body_of_a_200_is_taken_from_the_start_of_the_file() -> None:
    for transfer in (new_transfer(), new_transfer(RECORD, 500)):
        after = after_head(200, transfer, content_length="1000", etag='"v2"')
        assert (after.accepts_body, after.kept) == (True, 0)
        assert after.record == evolve(RECORD, validator='"v2"')


@row("206 that continues the kept bytes of the same version", "append the body")
def test_the_body_of_a_206_that_continues_the_kept_bytes_is_appended() -> None:
    after = after_head(206, new_transfer(RECORD, 500), content_range="bytes 500-999/1000", etag='"v1"')
    assert (after.accepts_body, after.kept, after.record) == (True, 500, RECORD)
    unknown_size = new_transfer(evolve(RECORD, total=None), 500)
    after = after_head(206, unknown_size, content_range="bytes 500-999/1000", etag='"v1"', content_length="500")
    assert (after.accepts_body, after.kept, after.record) == (True, 500, RECORD)


@row("any other 206, and 416, to a request with a range", "request the whole file at once")
def test_after_any_other_206_and_after_a_416_the_whole_file_is_requested_at_once() -> None:
    resumed = new_transfer(RECORD, 500)
    for after in (
        after_head(206, resumed, content_range="bytes 500-999/1000", etag='"v2"'),
        after_head(206, resumed, content_range="bytes 400-999/1000", etag='"v1"'),
        after_head(206, resumed, content_range="bytes 500-998/1000", etag='"v1"'),
        after_head(206, resumed, content_range="bytes 500-1999/2000", etag='"v1"'),
        after_head(206, resumed, content_range="bytes 500-999/1000", etag='"v1"', content_length="501"),
        after_head(206, resumed, etag='"v1"'),
        after_head(416, resumed, content_range="bytes 500-999/1000", etag='"v1"'),
    ):
        assert not after.accepts_body
        assert decide(after, 0) == SendRequest(ADDRESS, {}, math.inf)


@row("206 from the first byte, to a request without a range", "take the body, from the start of the file")
def test_a_206_that_was_not_requested_is_taken_if_it_begins_with_the_first_byte() -> None:
    for transfer in (new_transfer(), new_transfer(evolve(RECORD, validator=None), 500)):
        whole = after_head(206, transfer, content_range="bytes 0-999/1000", content_length="1000")
        assert (whole.accepts_body, whole.kept) == (True, 0)
        assert decide(body_ended(whole, 1000, 0, 0), 0) == Done()
    part = after_head(206, content_range="bytes 0-499/1000", content_length="500", etag='"v1"')
    rest = body_ended(part, 500, 0, 0)
    assert rest.last_failure == "the response ended after 500 of 1,000 bytes"
    assert decide(rest, 0.5) == SendRequest(ADDRESS, {"Range": "bytes=500-", "If-Range": '"v1"'}, math.inf)
    chunked = after_head(206, content_range="bytes 0-999/1000", transfer_encoding="chunked")
    assert body_ended(chunked, 999, 0, 0).last_failure == "the response ended after 999 of 1,000 bytes"
    for wrong in ({"content_range": "bytes 1-999/1000"}, {"content_range": "bytes 0-999/1000", "content_length": "9"}):
        assert after_head(206, **wrong).end == GiveUp("files.example responded 206 Partial Content")


@row("a redirect, except the sixth in a row", "request its target at once")
def test_the_target_of_a_redirect_is_requested_at_once_except_of_the_sixth_in_a_row() -> None:
    transfer = new_transfer(RECORD, 500)
    for number, status in enumerate((301, 302, 303, 307, 308)):
        transfer = after_head(status, transfer, location=f"/{number}")
        request = decide(transfer, 0)
        assert isinstance(request, SendRequest)
        assert request.url == f"https://files.example/{number}"
        assert request.headers == {"Range": "bytes=500-", "If-Range": '"v1"'}
    reason = f"the servers sent more than {MAX_REDIRECTS} redirects in a row"
    assert after_head(302, transfer, location="/5").end == GiveUp(reason)


@row("a body of the stated length", "done")
def test_a_body_of_the_stated_length_ends_the_download() -> None:
    for headers in ({"content_length": "1000"}, {"transfer_encoding": "chunked"}):
        assert decide(body_ended(after_head(200, **headers), 1000, 0, 0), 0) == Done()


@row("a body that ends with its connection", "done if the format of the file shows that the file is complete")
def test_a_body_that_ends_with_its_connection_is_complete_if_its_format_shows_it() -> None:
    transfer = after_head(200, etag='"v1"')
    assert decide(body_ended(transfer, 1000, 0, 0, Content.COMPLETE), 0) == Done()
    truncated = body_ended(transfer, 1000, 0, 0, Content.TRUNCATED)
    assert truncated.last_failure == "the connection ended before the end of the video"
    assert (decide(truncated, 0), truncated.kept) == (Sleep(0.5), 1000)
    unknown = body_ended(transfer, 1000, 0, 0, Content.UNKNOWN)
    assert unknown.end == GiveUp("the server does not state the length, so a truncated file could not be detected")
    assert (unknown.record, unknown.kept) == (None, 0)


@row(
    "408, 425, 429, 5xx, or a page: HTML, JSON, XML, text",
    "retry after a backoff, longer for each consecutive failure, and not before the server's `Retry-After`",
)
def test_after_a_temporary_status_or_a_page_the_download_is_retried_after_a_backoff_and_retry_after() -> None:
    for status in (408, 425, 429, 500, 503, 599):
        after = after_head(status, new_transfer(RECORD, 500))
        assert decide(after, 0) == Sleep(0.5)
        assert decide(after_head(status, after), 0) == Sleep(1.0)
        assert (after.kept, after.record) == (500, RECORD)
        delayed = head_received(new_transfer(), evolve(head(status), retry_after=5.0), 0, 0)
        assert decide(delayed, 0) == Sleep(5.0)
        too_long = head_received(new_transfer(), evolve(head(status), retry_after=8.5), 0, 0)
        assert isinstance(too_long.end, GiveUp)
        assert too_long.end.reason.endswith(", and sent Retry-After: 8.5 s")
    page = after_head(200, content_type="text/html; charset=utf-8", content_length="50")
    assert (decide(page, 0), page.accepts_body) == (Sleep(0.5), False)
    assert page.last_failure == "the response is an HTML page instead of the video"
    # The type says that it is a video, but its bytes are text.
    page = body_ended(after_head(200, content_length="50", etag='"v1"'), 50, 0, 0, Content.PAGE)
    assert (decide(page, 0), page.kept, page.record) == (Sleep(0.5), 0, None)
    assert page.last_failure == "the response is a page of text instead of the video"


@row(
    "no response, or a body that is truncated or stalls",
    "retry after a backoff, longer for each consecutive failure",
)
def test_without_a_response_or_after_a_truncated_or_stalled_body_the_download_is_retried_after_a_backoff() -> None:
    no_response = after_failure(new_transfer(RECORD, 500), TransferInterrupted("no data"), 500, 0, 0)
    assert decide(no_response, 0) == Sleep(0.5)
    assert decide(after_failure(no_response, TransferInterrupted("no data"), 500, 0, 0), 0) == Sleep(1.0)
    accepted = after_head(200, content_length="1000", etag='"v1"')
    truncated = body_ended(accepted, 300, 0, 0)
    stalled = after_failure(accepted, TransferInterrupted("no data"), 300, 0, 0)
    for after in (truncated, stalled):
        assert decide(after, 0) == Sleep(0.5)
        request = decide(after, 0.5)
        assert isinstance(request, SendRequest)
        assert request.headers == {"Range": "bytes=300-", "If-Range": '"v1"'}


@row("a failure after the last retry, with no new byte", "give up")
def test_a_failure_after_the_last_retry_ends_the_download_unless_a_new_byte_was_received() -> None:
    transfer = new_transfer(max_retries=1)
    for _ in range(2):
        transfer = attempt_failed(transfer, "a reset", 0, 0, 0)
    assert decide(transfer, 0) == GiveUp("a reset")
    progress = new_transfer(max_retries=1)
    for kept in (10, 20, 30):
        progress = attempt_failed(progress, "a reset", kept, 0, 0)
        assert decide(progress, 0) == Sleep(0.5)


@row(
    "400, 401, 403, 404, 410 to a URL that worked before",
    "if the download is by id: get the task again, for a new URL, after a backoff",
)
def test_a_url_that_expires_during_a_download_by_id_is_replaced() -> None:
    accepted = after_head(200, new_transfer(is_fresh=True), content_length="1000", etag='"v1"')
    refused = after_head(403, attempt_failed(accepted, "a reset", 500, 0, 0))
    assert decide(refused, 0) == Sleep(0.5)
    assert decide(refused, 1) == RefreshURL()
    assert refused.last_failure == "files.example responded 403 Forbidden, so the URL has expired"
    refreshed = url_refreshed(refused, "https://files.example/new")
    headers = {"Range": "bytes=500-", "If-Range": '"v1"'}
    assert decide(refreshed, 1) == SendRequest("https://files.example/new", headers, math.inf)
    # A new URL that is refused is not replaced again.
    assert "this URL is new" in str(after_head(403, refreshed).end)
    # A new URL is no progress: a server cannot make a client ask for URLs for ever.
    again = after_head(206, refreshed, content_range="bytes 500-999/1000", etag='"v1"')
    failed = attempt_failed(again, "a reset", 500, 1, 0)
    assert attempt_failed(failed, "a reset", 500, 2, 0).end == GiveUp("a reset")


@row("401, 403, 404, 410 otherwise", "give up: the URL has expired")
def test_a_url_that_has_expired_ends_the_download() -> None:
    for status in (401, 403, 404, 410):
        advices = {False: "get the task again, for a new URL", True: "the video may have been deleted"}
        for is_fresh, advice in advices.items():
            end = after_head(status, new_transfer(is_fresh=is_fresh)).end
            assert isinstance(end, GiveUp)
            assert end.reason.startswith(f"files.example responded {status} ")
            assert "A URL expires 24 hours after the video was made" in end.reason
            assert end.reason.endswith(advice)


@row("a body that is longer than its headers state", "delete the bytes, retry after a backoff")
def test_a_body_that_is_longer_than_its_headers_state_is_deleted_and_the_download_is_retried() -> None:
    whole = after_head(200, content_length="1000", etag='"v1"')
    rest = after_head(206, new_transfer(RECORD, 500), content_range="bytes 500-999/1000", etag='"v1"')
    for transfer in (whole, rest):
        assert transfer.max_size == 1000
        after = body_ended(transfer, 1001, 0, 0)
        assert (after.record, after.kept, decide(after, 0)) == (None, 0, Sleep(0.5))
        assert after.last_failure == "the response is longer than the 1,000 bytes that its headers state"


@row("a body without a stated length, of more than 4 GiB", "delete the bytes, give up")
def test_a_body_without_a_stated_length_has_a_limit() -> None:
    transfer = after_head(200, transfer_encoding="chunked")
    assert transfer.max_size == new_transfer().max_size == 4 * 1024**3
    assert decide(body_ended(transfer, transfer.max_size, 0, 0), 0) == Done()
    after = body_ended(transfer, transfer.max_size + 1, 0, 0)
    assert decide(after, 0) == GiveUp("the response states no length, and is longer than the limit of 4 GiB")
    assert (after.record, after.kept) == (None, 0)


@row("any other status, or the deadline", "give up")
def test_any_other_status_and_the_deadline_end_the_download() -> None:
    for status in (204, 206, 299, 304, 400, 402, 405, 416, 418):
        end = after_head(status).end
        assert isinstance(end, GiveUp)
        assert end.reason.startswith(f"files.example responded {status}")
    assert decide(new_transfer(deadline=10), 10) == GiveUp("the file is not complete after 10 s, the timeout")


def test_the_rows_above_are_the_ones_in_the_docstring() -> None:
    assert rows_of(state_module.__doc__) == ROWS


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (
            {"content_length": "5", "content_encoding": "gzip"},
            "has the content encoding 'gzip', which was not requested",
        ),
        (
            {"content_length": "5", "content_encoding": "aws-chunked, br"},
            "the content encoding 'br', which was not requested",
        ),
    ],
)
def test_a_200_whose_body_would_not_be_the_whole_file_ends_the_download(headers: dict[str, str], reason: str) -> None:
    end = after_head(200, **headers).end
    assert isinstance(end, GiveUp)
    assert end.reason.endswith(reason)


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "files.example sent a redirect without a location"),
        ({"location": "http://[x"}, "files.example sent a redirect to a location that is not a URL"),
    ],
)
def test_a_redirect_without_a_usable_target_ends_the_download(headers: dict[str, str], reason: str) -> None:
    assert after_head(302, **headers).end == GiveUp(reason)


def test_after_a_failure_the_original_address_is_requested_again() -> None:
    redirected = after_head(302, location="https://cdn.example/v")
    retried = decide(attempt_failed(redirected, "a reset", 0, 0, 0), 0.5)
    assert isinstance(retried, SendRequest)
    assert retried.url == ADDRESS


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://files.example/v", "the URL of the file is not usable: its scheme is not http or https"),
        ("https://me:secret@files.example/v", "the URL of the file on files.example contains a user name or a"),
        ("http://files.example/v", "the URL of the file on files.example is plain http, which anybody on the way"),
        ("https://xn--secret--/v", "the URL of the file is not usable: it is not a URL"),
    ],
)
def test_no_request_is_sent_to_an_unsafe_address(url: str, reason: str) -> None:
    transfer = new_transfer()
    with pytest.raises(UnsafeURL, match=f"^{reason}") as caught:
        build_request(SendRequest(url, {}, math.inf), 30.0)
    assert "secret" not in str(caught.value)
    assert decide(after_failure(transfer, caught.value, 0, 0, 0), 0) == GiveUp(str(caught.value))


def test_an_error_about_a_status_does_not_show_the_url() -> None:
    request = httpx.Request("GET", ADDRESS)
    failure = httpx.HTTPStatusError(f"503 for {ADDRESS}", request=request, response=httpx.Response(503))
    with (
        pytest.raises(TransferInterrupted, match=r"^files\.example responded 503$"),
        map_network_errors(Route("files.example"), 1),
    ):
        raise failure


def test_a_download_request_has_no_key_and_not_more_time_than_is_left() -> None:
    transfer = new_transfer(RECORD, 500, deadline=10)
    action = decide(transfer, 0)
    assert isinstance(action, SendRequest)
    request = build_request(action, 30.0)
    assert str(request.url) == ADDRESS
    assert request.headers["range"] == "bytes=500-"
    assert "authorization" not in request.headers
    assert set(request.extensions["timeout"].values()) == {10.0}


@pytest.mark.parametrize(
    ("record", "kept", "headers"),
    [
        (None, 0, {}),
        (None, 500, {}),
        (RECORD, 0, {}),
        (RECORD, 500, {"Range": "bytes=500-", "If-Range": '"v1"'}),
        (RECORD, 2000, {"Range": "bytes=2000-", "If-Range": '"v1"'}),
        (evolve(RECORD, total=None), 500, {"Range": "bytes=500-", "If-Range": '"v1"'}),
        (evolve(RECORD, validator=None), 500, {}),
    ],
)
def test_only_the_missing_part_is_requested_if_the_version_of_the_kept_bytes_is_known(
    record: ResumeRecord | None, kept: int, headers: dict[str, str]
) -> None:
    assert decide(new_transfer(record, kept), 0) == SendRequest(ADDRESS, headers, math.inf)


def test_a_complete_partial_file_needs_no_request() -> None:
    assert decide(new_transfer(RECORD, 1000), 0) == Done()


def test_the_repr_does_not_show_the_address() -> None:
    transfer = new_transfer(RECORD, 500)
    assert "secret" not in repr((transfer, decide(transfer, 0)))


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
def test_a_version_is_identified_by_a_header_that_two_versions_cannot_share(
    headers: dict[str, str], validator: str | None
) -> None:
    transfer = head_received(new_transfer(), head(200, content_length="1000", **headers), 0, 0)
    assert transfer.accepts_body
    assert transfer.record == ResumeRecord(task_id="task-1", kind="video", validator=validator, total=1000)


def test_a_206_without_a_date_continues_a_version_that_is_identified_by_its_date() -> None:
    dated = evolve(RECORD, validator="Mon, 03 Nov 2025 10:00:00 GMT")
    rest = head(206, content_range="bytes 500-999/1000")
    assert head_received(new_transfer(dated, 500), rest, 0, 0).accepts_body
    assert not head_received(new_transfer(RECORD, 500), rest, 0, 0).accepts_body
    later = head(206, content_range="bytes 500-999/1000", last_modified="Mon, 03 Nov 2025 10:00:01 GMT")
    assert not head_received(new_transfer(dated, 500), later, 0, 0).accepts_body


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
def test_the_length_or_the_chunks_show_whether_a_body_is_complete(
    headers: dict[str, str], version: str, *, ends: bool
) -> None:
    transfer = head_received(new_transfer(), evolve(head(200, **headers), version=version), 0, 0)
    assert (transfer.accepts_body, transfer.has_detectable_end) == (True, ends)


def test_the_chunks_of_an_upload_end_the_download() -> None:
    after = body_ended(after_head(200, content_length="1000"), 1000, 0, 0, Content.UPLOAD_CHUNKS)
    assert after.end == GiveUp("the server stores the video in the chunks of its upload (aws-chunked)")
    assert (after.record, after.kept) == (None, 0)


def test_a_server_that_sends_less_than_the_rest_is_asked_for_the_next_part() -> None:
    headers = {"content_range": "bytes 500-599/1000", "etag": '"v1"'}
    part = after_head(206, new_transfer(RECORD, 500), content_length="100", **headers)
    rest = body_ended(part, 600, 0, 0)
    assert decide(rest, 0.5) == SendRequest(ADDRESS, {"Range": "bytes=600-", "If-Range": '"v1"'}, math.inf)
    assert not after_head(206, new_transfer(RECORD, 500), **headers).accepts_body


@pytest.mark.parametrize("encoding", ["identity", "aws-chunked", "AWS-Chunked, identity", "", "binary", "none"])
def test_an_encoding_that_changes_no_byte_is_none(encoding: str) -> None:
    assert after_head(200, content_length="5", content_encoding=encoding).accepts_body


def test_the_chunks_count_and_not_a_length_beside_them() -> None:
    transfer = after_head(200, content_length="5", transfer_encoding="chunked")
    assert decide(body_ended(transfer, 1000, 0, 0), 0) == Done()


@pytest.mark.parametrize(
    ("media_type", "page"),
    [
        ("text/html", "an HTML page"),
        ("Application/XHTML+XML", "XML"),
        ("application/json; charset=utf-8", "JSON"),
        ("application/problem+json", "JSON"),
        ("text/json", "JSON"),
        ("application/xml", "XML"),
        ("text/xml", "XML"),
        ("text/plain", "text"),
        ("video/mp4", None),
        ("binary/octet-stream", None),
        ("application/octet-stream", None),
        ("application/mp4", None),
        ("image/svg+xml", None),
        ("", None),
    ],
)
def test_a_page_is_known_by_its_type(media_type: str, page: str | None) -> None:
    transfer = after_head(200, content_type=media_type, content_length="5")
    assert transfer.accepts_body is (page is None)
    assert transfer.last_failure == (f"the response is {page} instead of the video" if page else "")


def test_the_delay_doubles_and_a_new_byte_resets_it() -> None:
    transfer, now, delays = new_transfer(max_retries=4), 0.0, list[float]()
    for kept in (0, 0, 0, 5, 5, 4, 5):
        transfer = attempt_failed(transfer, "a reset", kept, now, 0)
        decision = decide(transfer, now)
        assert isinstance(decision, Sleep)
        delays.append(decision.seconds)
        now += decision.seconds
    assert delays == [0.5, 1, 2, 0.5, 1, 2, 4]
    assert decide(attempt_failed(transfer, "a reset", 5, now, 0), now) == GiveUp("a reset")


def test_the_bytes_of_a_body_that_is_not_accepted_are_no_progress() -> None:
    transfer = after_failure(new_transfer(), TransferInterrupted("a reset"), 500, 0, 0)
    assert (transfer.kept, transfer.max_received) == (0, 0)


def test_jitter_shortens_a_delay_by_a_quarter_at_most() -> None:
    assert attempt_failed(new_transfer(), "a reset", 0, 0, 1).next_attempt_at == 0.375


@pytest.mark.parametrize(
    ("kept", "reason"),
    [
        (999, "the response ended after 999 of 1,000 bytes"),
        (1001, "the response is longer than the 1,000 bytes that its headers state"),
        (0, "the response has no body instead of the video"),
    ],
)
def test_a_body_of_another_length_than_stated_is_a_failure(kept: int, reason: str) -> None:
    transfer = head_received(new_transfer(), head(200, content_length="1000", etag='"v1"'), 0, 0)
    transfer = body_ended(transfer, kept, 0, 0)
    assert (transfer.last_failure, transfer.end) == (reason, None)
    assert transfer.can_resume is (kept == 999)


def test_the_deadline_ends_a_download_in_any_state() -> None:
    transfer = new_transfer(deadline=10)
    assert decide(transfer, 9) == SendRequest(ADDRESS, {}, 1)
    assert isinstance(decide(transfer, 10), GiveUp)
    late = attempt_failed(transfer, "a reset", 0, 9.8, 0)
    assert late.end == GiveUp("a reset, and no time is left to retry")


def test_an_unknown_status_is_named_by_its_number() -> None:
    transfer = head_received(new_transfer(), head(299), 0, 0)
    assert transfer.end == GiveUp("files.example responded 299")
    assert head_received(new_transfer(), head(599), 0, 0).end is None
