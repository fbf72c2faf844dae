"""How an activity fails. The history of the workflow keeps the failure: all of it is plain and short."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshapi_video._create.candidates import RequestFacts
    from meshapi_video._errors import MeshVideoError
    from meshapi_video._token import WaitToken

_SHORTEST_DELAY: Final = 0.001
"""Seconds. Temporal takes a delay of zero for none, and then the retry policy decides."""
_DETAILS: Final = ("task_id", "request_id", "status_code", "code", "message", "path")


def refused(error: Exception) -> ApplicationError:
    """No other attempt can help."""
    return ApplicationError(str(error), type=type(error).__name__, non_retryable=True)


def ended(error: MeshVideoError) -> ApplicationError:
    """The error of a wait or a create: another attempt gets the same one."""
    return ApplicationError(str(error), _details(error), type=type(error).__name__, non_retryable=True)


def repeated(error: MeshVideoError, delay: float | None) -> ApplicationError:
    """The next attempt may succeed. It starts after `delay` seconds; None leaves that to the retry policy."""
    return ApplicationError(
        str(error), _details(error), type=type(error).__name__, next_retry_delay=_delta(delay) if delay else None
    )


def unfinished(token: WaitToken, reason: str, delay: float) -> ApplicationError:
    """The wait goes on in the next attempt, which starts after `delay` seconds. Temporal does not log this error."""
    return ApplicationError(
        f"the wait for task {token.task_id} goes on: {reason}",
        {"token": token.to_json()},
        type="WaitUnfinished",
        next_retry_delay=_delta(delay),
        category=ApplicationErrorCategory.BENIGN,
    )


def uncertain(facts: RequestFacts, possible: Sequence[str], reason: str) -> ApplicationError:
    """A task may have been made, and no other attempt can find it."""
    since = datetime.fromtimestamp(facts.sent_at, UTC).isoformat(timespec="seconds")
    return ApplicationError(
        f"a task may have been made and paid for: {reason}. Look in client.list(created_after=...) for a task with the "
        f"seed {facts.seed} that was created at about {since}, and wait for it. Create it again only if there is none",
        {"seed": facts.seed, "sent_at": facts.sent_at, "candidates": [*possible]},
        type="CreateUncertain",
        non_retryable=True,
    )


def settling(reason: str, delay: float) -> ApplicationError:
    """It is not known yet whether a task was made. The next attempt starts after `delay` seconds."""
    return ApplicationError(
        f"an earlier attempt may have made a task: {reason}", type="CreateUncertain", next_retry_delay=_delta(delay)
    )


def _delta(delay: float) -> timedelta:
    return timedelta(seconds=max(delay, _SHORTEST_DELAY))


def _details(error: MeshVideoError) -> dict[str, object]:
    """What a workflow can decide by."""
    found = {name: getattr(error, name, None) for name in _DETAILS}
    return {name: value for name, value in found.items() if value is not None}
