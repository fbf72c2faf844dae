"""Decides how a file is downloaded. Pure: time and randomness come in as arguments.

A `TransferState` is the state of one download. `decide` returns the next action. `head_received` takes
the head of a response, `body_ended` the regular end of its body, and `attempt_failed` any failure:

| event                                                 | next                                          |
|-------------------------------------------------------|-----------------------------------------------|
| 200                                                   | take the body, from the start of the file     |
| 206 that continues the kept bytes of the same version | append the body                               |
| any other 206, and 416, to a request with a range     | request the whole file at once                |
| 206 from the first byte, to a request without a range | take the body, from the start of the file     |
| a redirect, except the sixth in a row                 | request its target at once                    |
| a body of the stated length                           | done                                          |
| a body that ends with its connection                  | done if the format of the file shows that     |
|                                                       | the file is complete                          |
| 408, 425, 429, 5xx, or a page: HTML, JSON, XML, text  | retry after a backoff, longer for each        |
|                                                       | consecutive failure, and not before the       |
|                                                       | server's `Retry-After`                        |
| no response, or a body that is truncated or stalls    | retry after a backoff, longer for each        |
|                                                       | consecutive failure                           |
| a failure after the last retry, with no new byte      | give up                                       |
| 400, 401, 403, 404, 410 to a URL that worked before   | if the download is by id: get the task again, |
|                                                       | for a new URL, after a backoff                |
| 401, 403, 404, 410 otherwise                          | give up: the URL has expired                 |
| a body that is longer than its headers state          | delete the bytes, retry after a backoff       |
| a body without a stated length, of more than 4 GiB    | delete the bytes, give up                     |
| any other status, or the deadline                     | give up                                       |

A request that resumes has a `Range` and an `If-Range`, so that a server whose file has changed sends
the whole file.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urljoin, urlsplit

from attrs import evolve, field, frozen

from meshapi_video._download.content import Content
from meshapi_video._download.headers import ResponseHead, ResumeRecord
from meshapi_video._errors import format_seconds
from meshapi_video._polling.policy import RETRY_BACKOFF
from meshapi_video._polling.state import Sleep

MAX_REDIRECTS: Final = 5
"""In a row. Object storage needs none, and a network in front of it one."""

LARGEST_UNSTATED: Final = 4 * 1024**3
"""The most bytes of a file whose size the server does not state, so that a server cannot fill every disk."""

# Without redirects, which a download follows and a poll does not.
_TRANSIENT_HTTP_STATUSES: Final = frozenset({408, 425, 429})


@frozen
class SendRequest:
    """Request the file, or its missing part, now."""

    # Anybody with the URL can get the video: a traceback with local variables must not show it.
    url: str = field(repr=False)
    headers: dict[str, str]
    seconds: float
    """Seconds left for the whole download."""


@frozen
class RefreshURL:
    """Get the task again now: its URL has expired during the download."""


@frozen
class Done:
    """All bytes are there."""


@frozen
class GiveUp:
    """More requests cannot help, or too many have failed."""

    reason: str


Decision = SendRequest | RefreshURL | Sleep | Done | GiveUp


@frozen(kw_only=True)
class TransferState:
    """The state of one download. All times are readings of one monotonic clock."""

    task_id: str
    kind: str
    """`video` or `last frame`."""
    url: str = field(repr=False)
    """The URL of the file, as the task states it."""
    is_fresh: bool
    """Whether the URL was requested for this download, which can then request another one."""
    has_worked: bool = False
    """Whether the server has accepted this URL."""
    has_expired: bool = False
    """Whether a new URL is needed for the next request."""
    max_retries: int
    """Consecutive failures that are retried."""
    started: float
    deadline: float
    next_attempt_at: float
    next_url: str = field(repr=False)
    """The URL of the next request: `url`, or the target of a redirect."""
    redirects: int = 0
    consecutive_failures: int = 0
    last_failure: str = ""
    """Why the last request did not complete the file; empty if it did not fail."""
    record: ResumeRecord | None = None
    """Which file the kept bytes belong to; None if they cannot be used."""
    kept: int = 0
    max_received: int = 0
    """The most bytes that were kept at any time."""
    accepts_body: bool = False
    """Whether the body of the current response is kept: after the kept bytes, or in place of them if `kept` is 0."""
    has_detectable_end: bool = True
    """Whether the end of the current body shows that it is complete."""
    end: Done | GiveUp | None = None

    @property
    def max_size(self) -> int:
        """The most bytes that the file can have."""
        stated = self.record.total if self.record else None
        return LARGEST_UNSTATED if stated is None else stated

    @property
    def can_resume(self) -> bool:
        """Whether the next request is for the missing part only."""
        return self.record is not None and self.record.validator is not None and self.kept > 0


def start_transfer(
    task_id: str,
    kind: str,
    url: str,
    *,
    is_fresh: bool,
    record: ResumeRecord | None,
    kept: int,
    max_retries: int,
    now: float,
    deadline: float,
) -> TransferState:
    """The download of a file of which `kept` bytes are already there, if there is a record of them."""
    kept = kept if record else 0
    transfer = TransferState(
        task_id=task_id,
        kind=kind,
        url=url,
        is_fresh=is_fresh,
        max_retries=max_retries,
        started=now,
        deadline=deadline,
        next_attempt_at=now,
        next_url=url,
        record=record,
        kept=kept,
        max_received=kept,
    )
    # An earlier download received all bytes, but could not rename the file.
    is_complete = transfer.can_resume and record is not None and record.total == kept
    return evolve(transfer, end=Done()) if is_complete else transfer


def decide(transfer: TransferState, now: float) -> Decision:
    """The next action at the time `now`."""
    if transfer.end is not None:
        return transfer.end
    if now >= transfer.deadline:
        return GiveUp(f"the file is not complete after {format_seconds(now - transfer.started)}, the timeout")
    if now < transfer.next_attempt_at:
        return Sleep(transfer.next_attempt_at - now)
    if transfer.has_expired:
        return RefreshURL()
    headers: dict[str, str] = {}
    if transfer.can_resume and transfer.record and transfer.record.validator:
        headers = {"Range": f"bytes={transfer.kept}-", "If-Range": transfer.record.validator}
    return SendRequest(transfer.next_url, headers, transfer.deadline - now)


def head_received(transfer: TransferState, head: ResponseHead, now: float, rand: float) -> TransferState:
    """The state after the head of a response. If it `accepts_body`, the body follows."""
    transfer = evolve(transfer, last_failure="")
    host = urlsplit(transfer.next_url).hostname
    if head.status == 206 and not transfer.can_resume:
        head = head.whole or head
    match head.status:
        case 200:
            return _start_of_file(transfer, head, now, rand)
        case 206 | 416 if transfer.can_resume:
            record = head.continued(transfer.record, transfer.kept) if transfer.record else None
            kept = transfer.kept if record else 0
            is_rest = record is not None
            return evolve(transfer, record=record, kept=kept, accepts_body=is_rest, has_worked=True)
        case 301 | 302 | 303 | 307 | 308:
            return _redirected(transfer, head)
        case 400 | 401 | 403 | 404 | 410:
            return _refused(transfer, head.status, f"{host} responded {head.title}", now, rand)
        case status if status >= 500 or status in _TRANSIENT_HTTP_STATUSES:
            reason = f"{host} responded {head.title}"
            return attempt_failed(transfer, reason, transfer.kept, now, rand, head.retry_after or 0)
        case _:
            return give_up(transfer, f"{host} responded {head.title}")


def url_refreshed(transfer: TransferState, url: str) -> TransferState:
    """The state with a new URL, at which the download continues."""
    return evolve(transfer, url=url, next_url=url, has_worked=False, has_expired=False)


def body_ended(
    transfer: TransferState, kept: int, now: float, rand: float, content: Content = Content.UNKNOWN
) -> TransferState:
    """The state after the regular end of a body with which the file has `kept` bytes, or after `max_size` bytes."""
    total = transfer.record.total if transfer.record else None
    if kept == 0 or content is Content.PAGE:
        reason = f"the response {'is a page of text' if kept else 'has no body'} instead of the {transfer.kind}"
        return attempt_failed(evolve(transfer, record=None), reason, 0, now, rand)
    reason = ""
    if total is None and kept > LARGEST_UNSTATED:
        reason = f"the response states no length, and is longer than the limit of {LARGEST_UNSTATED // 1024**3} GiB"
    elif content is Content.UPLOAD_CHUNKS:
        reason = f"the server stores the {transfer.kind} in the chunks of its upload (aws-chunked)"
    if reason:
        return give_up(evolve(transfer, record=None, kept=0), reason)
    if total is None and not transfer.has_detectable_end:
        return _ended_with_the_connection(transfer, kept, content, now, rand)
    if total is None or kept == total:
        return evolve(transfer, kept=kept, end=Done())
    if kept > total:
        reason = f"the response is longer than the {total:,} bytes that its headers state"
        return attempt_failed(evolve(transfer, record=None), reason, 0, now, rand)
    return attempt_failed(transfer, f"the response ended after {kept:,} of {total:,} bytes", kept, now, rand)


def attempt_failed(
    transfer: TransferState, reason: str, kept: int, now: float, rand: float, retry_after: float = 0.0
) -> TransferState:
    """The state after a failure that may be temporary, with `kept` bytes in the file."""
    # Only bytes beyond `max_received` count as progress: a server could send the same bytes for ever.
    failures = 1 if kept > transfer.max_received else transfer.consecutive_failures + 1
    next_attempt_at = now + max(RETRY_BACKOFF.delay(0, rand, failures), retry_after)
    transfer = evolve(
        transfer,
        kept=kept,
        max_received=max(kept, transfer.max_received),
        consecutive_failures=failures,
        next_attempt_at=next_attempt_at,
        last_failure=reason,
        accepts_body=False,
        next_url=transfer.url,
        redirects=0,
    )
    if failures > transfer.max_retries:
        return give_up(transfer, reason)
    if retry_after > RETRY_BACKOFF.max_delay:
        return give_up(transfer, f"{reason}, and sent Retry-After: {format_seconds(retry_after)}")
    if next_attempt_at >= transfer.deadline:
        return give_up(transfer, f"{reason}, and no time is left to retry")
    return transfer


def give_up(transfer: TransferState, reason: str) -> TransferState:
    """The state after a permanent failure."""
    return evolve(transfer, accepts_body=False, end=GiveUp(reason))


def _start_of_file(transfer: TransferState, head: ResponseHead, now: float, rand: float) -> TransferState:
    if head.page:
        reason = f"the response is {head.page} instead of the {transfer.kind}"
        return attempt_failed(transfer, reason, transfer.kept, now, rand)
    if head.encoding:
        return give_up(transfer, f"the response has the content encoding {head.encoding!r}, which was not requested")
    record = ResumeRecord(task_id=transfer.task_id, kind=transfer.kind, validator=head.validator, total=head.length)
    end = head.has_detectable_end
    return evolve(transfer, record=record, kept=0, accepts_body=True, has_worked=True, has_detectable_end=end)


def _ended_with_the_connection(
    transfer: TransferState, kept: int, content: Content, now: float, rand: float
) -> TransferState:
    """The state after a body of which only the format of the file can show that nothing is missing."""
    match content:
        case Content.COMPLETE:
            return evolve(transfer, kept=kept, end=Done())
        case Content.TRUNCATED:
            reason = f"the connection ended before the end of the {transfer.kind}"
            return attempt_failed(transfer, reason, kept, now, rand)
        case _:
            reason = "the server does not state the length, so a truncated file could not be detected"
            return give_up(evolve(transfer, record=None, kept=0), reason)


def _redirected(transfer: TransferState, head: ResponseHead) -> TransferState:
    host = urlsplit(transfer.next_url).hostname
    location = head.headers.get("location")
    if not location:
        return give_up(transfer, f"{host} sent a redirect without a location")
    if transfer.redirects == MAX_REDIRECTS:
        return give_up(transfer, f"the servers sent more than {MAX_REDIRECTS} redirects in a row")
    try:
        next_url = urljoin(transfer.next_url, location)
    except ValueError:
        return give_up(transfer, f"{host} sent a redirect to a location that is not a URL")
    return evolve(transfer, next_url=next_url, redirects=transfer.redirects + 1)


def _refused(transfer: TransferState, status: int, reason: str, now: float, rand: float) -> TransferState:
    """The state after a response of a server that does not accept the URL, or has no file there."""
    if transfer.is_fresh and transfer.has_worked:
        # This is no failure: the URL has led to a body before, or its failure was counted then.
        return evolve(
            transfer,
            has_expired=True,
            last_failure=f"{reason}, so the URL has expired",
            next_attempt_at=now + RETRY_BACKOFF.delay(0, rand, 1),
            next_url=transfer.url,
            redirects=0,
        )
    if status == 400:
        # Some object storage says so of a URL that has expired, and every server of a request that it cannot read.
        return give_up(transfer, reason)
    message = f"{reason}. A URL expires 24 hours after the video was made"
    if transfer.is_fresh:
        return give_up(transfer, f"{message}; this URL is new, so the {transfer.kind} may have been deleted")
    return give_up(transfer, f"{message}; download by the task's id, or get the task again, for a new URL")
