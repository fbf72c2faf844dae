"""Decides how a file is fetched. Pure: time and chance come in as arguments.

A `Transfer` is the state of fetching one file. `decide` says what to do now; `answered` takes in
the head of an answer, `whole` the orderly end of its body, `missed` what went wrong with either:

| what came                                            | what follows                               |
|------------------------------------------------------|--------------------------------------------|
| 200                                                  | its body is taken from the file's start    |
| 206 that goes on where the kept bytes end, and is of | its body is taken after them               |
| the same version of the same length                  |                                            |
| any other 206, and 416, to a request to go on        | ask at once for the whole file             |
| a redirect, the sixth in a row excepted              | ask there at once                          |
| a body of the length that was announced              | done                                       |
| 408, 425, 429, 5xx, a page, no answer, a body that   | ask again after a delay, longer for each   |
| ends early or stalls                                 | miss in a row, and no earlier than the     |
|                                                      | server allows                              |
| one such miss more in a row than may be, none of     | give up                                    |
| which brought a byte that was never there before     |                                            |
| 401, 403, 404, 410                                   | give up: the link has expired              |
| anything else, or the deadline                       | give up                                    |

Asking to go on is a `Range` with an `If-Range`, so that a server whose file is another one by now
sends it whole.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urljoin, urlsplit

from attrs import evolve, field, frozen

from meshapi_video._heads import Head, Note
from meshapi_video._policy import PollPolicy
from meshapi_video._polling import Sleep

MOST_REDIRECTS: Final = 5
"""In a row; object storage needs none, and a network in front of it one."""
BACKOFF: Final = PollPolicy(initial_delay=0.5, growth=1.0, max_delay=8.0, jitter=0.25)
"""How soon to ask again after a miss, and how long a `Retry-After` is waited for."""

_MAY_PASS: Final = frozenset({408, 425, 429})


@frozen
class Fetch:
    """Ask for the file, or for what is missing of it, now."""

    # Whoever has the address has the video: no traceback that prints its locals shows it.
    address: str = field(repr=False)
    headers: dict[str, str]
    seconds: float
    """That are left for all of it."""


@frozen
class Done:
    """All bytes are there."""


@frozen
class GiveUp:
    """Asking again would not help, or has not."""

    reason: str


Decision = Fetch | Sleep | Done | GiveUp


@frozen(kw_only=True)
class Transfer:
    """The state of fetching one file. All times are readings of one monotonic clock."""

    task_id: str
    what: str
    address: str = field(repr=False)
    """Where the file is said to be."""
    is_fresh: bool
    """Whether the address was asked for just now."""
    retries: int
    """Misses in a row that are ridden through."""
    started: float
    deadline: float
    due: float
    """When it may be asked for again."""
    asked: str = field(repr=False)
    """Where it is asked for next: the address, or where that redirects to."""
    redirects: int = 0
    misses: int = 0
    trouble: str = ""
    """Why the last request brought not all that it should."""
    note: Note | None = None
    """What the kept bytes belong to; None if they are of no use."""
    kept: int = 0
    furthest: int = 0
    """The most bytes that were ever kept."""
    taking: bool = False
    """Whether the body of the answer is to be kept: after the bytes that are, or, at none, in their place."""
    end: Done | GiveUp | None = None

    @property
    def goes_on(self) -> bool:
        """Whether it asks for what is missing only."""
        return self.note is not None and self.note.validator is not None and self.kept > 0


def begin(
    task_id: str,
    what: str,
    address: str,
    *,
    is_fresh: bool,
    note: Note | None,
    kept: int,
    retries: int,
    now: float,
    deadline: float,
) -> Transfer:
    """Fetches a file of which `kept` bytes are here already, if there is a note of it."""
    kept = kept if note else 0
    transfer = Transfer(
        task_id=task_id,
        what=what,
        address=address,
        is_fresh=is_fresh,
        retries=retries,
        started=now,
        deadline=deadline,
        due=now,
        asked=address,
        note=note,
        kept=kept,
        furthest=kept,
    )
    # Nothing but giving it its name was left.
    return evolve(transfer, end=Done()) if transfer.goes_on and note and note.total == kept else transfer


def decide(transfer: Transfer, now: float) -> Decision:
    """What to do at the time `now`."""
    if transfer.end is not None:
        return transfer.end
    if now >= transfer.deadline:
        return GiveUp(f"it is not whole after {now - transfer.started:.3g} s, which is all the time it had")
    if now < transfer.due:
        return Sleep(min(transfer.due, transfer.deadline) - now)
    headers: dict[str, str] = {}
    if transfer.goes_on and transfer.note and transfer.note.validator:
        headers = {"Range": f"bytes={transfer.kept}-", "If-Range": transfer.note.validator}
    return Fetch(transfer.asked, headers, transfer.deadline - now)


def answered(transfer: Transfer, head: Head, now: float, chance: float) -> Transfer:
    """The state after the head of an answer; where it is `taking`, the body is next."""
    transfer = evolve(transfer, trouble="")
    host = urlsplit(transfer.asked).hostname
    match head.status:
        case 200:
            return _from_the_start(transfer, head, now, chance)
        case 206 | 416 if transfer.goes_on:
            fits = transfer.note is not None and head.goes_on(transfer.note, transfer.kept)
            return evolve(transfer, taking=True) if fits else evolve(transfer, note=None, kept=0)
        case 301 | 302 | 303 | 307 | 308:
            return _redirected(transfer, head)
        case 401 | 403 | 404 | 410:
            return give_up(transfer, _expired(transfer, f"{host} answers {head.title}"))
        case status if status >= 500 or status in _MAY_PASS:
            reason = f"{host} answers {head.title}"
            return missed(transfer, reason, transfer.kept, now, chance, head.retry_after or 0)
        case _:
            return give_up(transfer, f"{host} answers {head.title}")


def whole(transfer: Transfer, kept: int, now: float, chance: float) -> Transfer:
    """The state after the orderly end of a body, with which `kept` bytes are there."""
    total = transfer.note.total if transfer.note else None
    if kept == 0:
        return missed(transfer, f"nothing came instead of the {transfer.what}", kept, now, chance)
    if total is None or kept == total:
        return evolve(transfer, kept=kept, end=Done())
    if kept > total:
        return missed(evolve(transfer, note=None), f"more came than the {total:,} bytes announced", 0, now, chance)
    return missed(transfer, f"the answer ended after {kept:,} of {total:,} bytes", kept, now, chance)


def missed(transfer: Transfer, reason: str, kept: int, now: float, chance: float, retry_after: float = 0.0) -> Transfer:
    """The state after an answer that was none, or that broke off when `kept` bytes were there."""
    # A server that forgets where it was could otherwise bring the same bytes again for ever.
    misses = 1 if kept > transfer.furthest else transfer.misses + 1
    due = now + max(BACKOFF.delay(0, chance, misses), retry_after)
    transfer = evolve(
        transfer,
        kept=kept,
        furthest=max(kept, transfer.furthest),
        misses=misses,
        due=due,
        trouble=reason,
        taking=False,
        asked=transfer.address,
        redirects=0,
    )
    if misses > transfer.retries:
        return give_up(transfer, reason)
    if retry_after > BACKOFF.max_delay:
        return give_up(transfer, f"{reason}, and asks for {retry_after:g} s of silence")
    return give_up(transfer, f"{reason}, and no time is left to ask again") if due >= transfer.deadline else transfer


def give_up(transfer: Transfer, reason: str) -> Transfer:
    """The state after what cannot be mended."""
    return evolve(transfer, taking=False, end=GiveUp(reason))


def _from_the_start(transfer: Transfer, head: Head, now: float, chance: float) -> Transfer:
    if head.is_page:
        return missed(transfer, f"a page came instead of the {transfer.what}", transfer.kept, now, chance)
    if head.encoding != "identity":
        return give_up(transfer, f"it comes in the encoding {head.encoding!r}, which nobody asked for")
    if not head.has_an_end:
        return give_up(transfer, "the server does not say how long it is, so that nothing would show that it is whole")
    note = Note(task_id=transfer.task_id, what=transfer.what, validator=head.validator, total=head.length)
    return evolve(transfer, note=note, kept=0, taking=True)


def _redirected(transfer: Transfer, head: Head) -> Transfer:
    target = head.headers.get("location")
    if not target:
        return give_up(transfer, "a redirect to nowhere")
    if transfer.redirects == MOST_REDIRECTS:
        return give_up(transfer, f"more than {MOST_REDIRECTS} redirects in a row")
    try:
        asked = urljoin(transfer.asked, target)
    except ValueError:
        return give_up(transfer, "a redirect to what is no web address")
    return evolve(transfer, asked=asked, redirects=transfer.redirects + 1)


def _expired(transfer: Transfer, reason: str) -> str:
    known = f"{reason}. Such a link expires 24 hours after the video was made"
    if transfer.is_fresh:
        return f"{known}; this one was asked for just now, so the {transfer.what} may be gone for good"
    return f"{known}; download by the task's id, or get the task anew, for a fresh one"
