"""Decides what follows an attempt to create a task. Pure: time and randomness come in as arguments.

A task costs money, so that a request is sent again only when it is certain that no task was made:

| result of the attempt                                     | next                                       |
|-----------------------------------------------------------|--------------------------------------------|
| the id of the task                                        | done                                       |
| no byte of the request went out: no connection was made   | send again after a backoff                 |
| the same, because a certificate was not accepted          | give up with it: no task was made          |
| 407 of the proxy, before the request or in response to it | give up with it: no task was made          |
| 429                                                       | send again after the server's `Retry-After`|
| one of these after the last allowed retry                 | give up with it: no task was made          |
| another refusal: 4xx but not 408, or a redirect           | give up with it: no task was made          |
| anything else: reset, timeout, 5xx, 408, a broken 200     | give up: `CreateUncertain`                 |
"""

from __future__ import annotations

from typing import Final

from attrs import evolve, frozen

from meshapi_video._errors import (
    APIError,
    CertificateError,
    ConnectionFailed,
    CreateUncertain,
    InvalidResponse,
    MeshVideoError,
    NotFoundError,
    PaymentRequiredError,
    PermissionDeniedError,
    RequestRejectedError,
    add_advice,
    is_refusal,
    is_response_of_proxy,
    set_advice,
)
from meshapi_video._polling.policy import RETRY_BACKOFF

_REDIRECTS: Final = frozenset({301, 302, 307, 308})
_REFUSED_ADVICE: Final[dict[type[MeshVideoError], str]] = {
    NotFoundError: "Check the model and the base URL",
    PaymentRequiredError: "Raise the spending limit, then create the task again",
    PermissionDeniedError: "Use a key that may create tasks",
    RequestRejectedError: "Change the arguments that it names",
}


@frozen(kw_only=True)
class CreateState:
    """The state of one create. All times are readings of one monotonic clock, except `sent_at`."""

    request_id: str
    """The id that each attempt sends in `X-Request-Id`."""
    sent_at: float
    """When the newest attempt started, in seconds since 1970: only this one may have made a task."""
    next_attempt_at: float
    retries_left: int
    own_seed: bool = False
    """Whether the seed of the request is of this create alone."""
    failures: int = 0
    error: MeshVideoError | None = None
    """Why the last attempt failed."""
    task_id: str | None = None
    """The id of the task, once it is known."""
    end: MeshVideoError | None = None
    """The error to raise, once another attempt is not possible."""

    @property
    def is_over(self) -> bool:
        """Whether the create has an id or an error."""
        return self.task_id is not None or self.end is not None


def start_create(request_id: str, retries: int, now: float, unix_time: float, *, own_seed: bool = False) -> CreateState:
    """Sends at once, and then at most `retries` times more."""
    return CreateState(
        request_id=request_id, sent_at=unix_time, next_attempt_at=now, retries_left=retries, own_seed=own_seed
    )


def attempt_started(state: CreateState, unix_time: float) -> CreateState:
    """The state just before an attempt, which the journal has to know before it is sent."""
    return evolve(state, sent_at=unix_time)


def attempt_succeeded(state: CreateState, task_id: str) -> CreateState:
    """The state after the server returned the id of the task."""
    return evolve(state, task_id=task_id, error=None)


def attempt_failed(
    state: CreateState, error: MeshVideoError, now: float, rand: float, *, was_sent: bool
) -> CreateState:
    """The state after an attempt without an id. `was_sent` is whether a byte of the request may have gone out."""
    error.request_id = error.request_id or state.request_id
    state = evolve(state, error=error, failures=state.failures + 1, retries_left=state.retries_left - 1)
    if not _is_certain(error, was_sent=was_sent):
        return evolve(state, end=CreateUncertain(error, request_id=state.request_id, sent_at=state.sent_at))
    retry_after = (error.retry_after if isinstance(error, APIError) else None) or 0
    may_pass = isinstance(error, ConnectionFailed) and not is_refusal(error)
    may_repeat = may_pass or (isinstance(error, APIError) and error.status_code == 429)
    if not may_repeat or state.retries_left < 0 or retry_after > RETRY_BACKOFF.max_delay:
        if type(error) in _REFUSED_ADVICE:
            set_advice(error, _REFUSED_ADVICE[type(error)])
        add_advice(error, "No task was made", first=isinstance(error, CertificateError))
        return evolve(state, end=error)
    delay = max(RETRY_BACKOFF.delay(0, rand, state.failures), retry_after)
    return evolve(state, next_attempt_at=now + delay)


def note_interruption(state: CreateState, error: BaseException, *, was_sent: bool) -> None:
    """Adds a note to an exception that interrupted an attempt, such as a `KeyboardInterrupt`."""
    if was_sent:
        error.add_note(
            f"The create with the request id {state.request_id} was interrupted after it was sent: a task may have "
            "been made and paid for. Look for it in the list before you create it again."
        )


def _is_certain(error: MeshVideoError, *, was_sent: bool) -> bool:
    """Whether it is certain that the server made no task."""
    match error:
        case APIError():
            status = error.status_code
            return (400 <= status < 500 and status != 408) or status in _REDIRECTS
        case InvalidResponse():
            # There was a response, whatever the transport says.
            return False
        case _:
            # Whatever the error is about: a hook of the user's own client, which runs after the response, can raise it.
            return is_response_of_proxy(error) or not was_sent
