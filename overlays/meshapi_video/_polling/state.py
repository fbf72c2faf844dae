"""Decides when to poll one task, and when to stop. Pure: time and randomness come in as arguments.

A `PollState` is the state of one wait. `decide` returns the next action. `poll_succeeded` and
`poll_failed` take the result of a poll and return the next state:

| result of the poll                                | next                                              |
|---------------------------------------------------|---------------------------------------------------|
| a task with a terminal status                     | done                                              |
| a task that succeeded without a usable video URL  | give up: `InvalidResponse`                        |
| a task that has not ended, before the deadline    | poll again after the policy's delay               |
| a failure that may be temporary (`is_transient`)  | poll again after the policy's delay, longer for   |
|                                                   | each consecutive failure, and not before the      |
|                                                   | server's `Retry-After`                            |
| a permanent failure                               | give up with it                                   |
| a failure after the last allowed retry            | give up with it                                   |
| a failure with a `Retry-After` past the deadline  | give up now: `WaitTimeout`                        |
| a failure after hanging until the deadline        | one final poll                                    |
| any other result, at the deadline or after it     | give up: `WaitTimeout`                            |

The delay grows with the task's age, and never extends past the deadline: one final poll is sent
there. For `get`, any task is a result, so the three rows about tasks become one, done. `get` also
gives up with a failure whose `Retry-After` is longer than its longest delay.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from attrs import frozen

from meshapi_video._errors import (
    APIError,
    CertificateError,
    ConnectionFailed,
    InvalidResponse,
    MeshVideoError,
    WaitStopped,
    WaitTimeout,
    format_seconds,
    is_refusal,
)
from meshapi_video._polling.policy import RETRY_BACKOFF, Policy
from meshapi_video._tasks import (
    DEFAULT_LIFE,
    LONGEST_LIFE,
    CreatedTask,
    TaskRef,
    check_task_id,
    is_terminal,
    outcome,
    task_id_of,
)
from meshapi_video._text import shorten
from meshapi_video._token import WaitToken

if TYPE_CHECKING:
    from meshapi_video_generated.models import VideoTaskResponse

FINAL_POLL_TIMEOUT: Final = 0.9
"""Seconds that the final poll, which starts at the deadline, may take."""

_DEADLINE_TOLERANCE: Final = 0.1
"""Seconds after the deadline within which a poll ends that the deadline cut short."""

GRACE: Final = 300.0
"""Seconds that a wait without a timeout continues after the task's expiry, whose status may change late."""

STEP_TOLERANCE: Final = 0.001
"""Seconds before its time at which a poll counts as due for a step: times that were saved in a token are rounded."""

LONGEST_RESUME: Final = 300.0
"""Seconds for which a resumed wait trusts a token whose next poll is due later than its own policy allows: the clocks
of two machines differ."""

HINT_INTERVAL: Final = 1.0
"""Seconds between a response and a poll that a hint asks for."""

_KNOWN_STATUSES: Final = frozenset({"queued", "running"})
_TRANSIENT_HTTP_STATUSES: Final = frozenset({302, 303, 307, 408, 425, 429})


@frozen
class SendPoll:
    """Poll the server now."""

    timeout: float
    """Seconds for the request as a whole."""


@frozen
class Sleep:
    """Do nothing for `seconds`."""

    seconds: float


@frozen
class Done:
    """The wait has its result."""

    task: VideoTaskResponse


@frozen
class GiveUp:
    """More polls cannot help."""

    error: MeshVideoError


Decision = SendPoll | Sleep | Done | GiveUp


# A tuple, because each poll makes new ones: attrs takes longer to make and to change one.
class PollState(NamedTuple):
    """The state of polling one task. All times are readings of one monotonic clock."""

    task_id: str
    policy: Policy
    started: float
    """When the wait started, perhaps in another process."""
    unix_offset: float
    """Added to a reading of the clock, it gives seconds since 1970."""
    created_at: float
    """When the task was created, by the server's clock; `started` until that is known."""
    next_poll_at: float
    not_before: float
    """The earliest time of the next poll that the server allows: not after `next_poll_at`."""
    deadline: float = math.inf
    deadline_from_task: bool = False
    """Whether the deadline is the task's expiry, which each response can correct."""
    wait_for_terminal: bool = True
    """Whether only a task with a terminal status is a result, or any task."""
    retries_left: float = math.inf
    consecutive_failures: int = 0
    polls: int = 0
    task: VideoTaskResponse | None = None
    last_seen_at: float = -math.inf
    """When the newest response arrived."""
    unknown_statuses: frozenset[str] = frozenset()
    """Statuses received that neither the document nor the service behind Mesh names."""
    error: MeshVideoError | None = None
    """Why the last poll failed."""
    end: Done | GiveUp | None = None

    @property
    def token(self) -> WaitToken:
        """The state that another process needs to resume the wait."""
        return WaitToken(
            task_id=self.task_id,
            started=max(self.started + self.unix_offset, 0),
            polls=self.polls,
            not_before=max(self.not_before + self.unix_offset, 0),
            # A wait that timed out has no next poll, but the server may forbid one.
            next_poll_at=max(max(self.next_poll_at, self.not_before) + self.unix_offset, 0),
            failures=self.consecutive_failures,
        )


evolve: Final = PollState._replace
"""A state with some fields changed."""


def start_wait(task: TaskRef, policy: Policy, deadline: float | None, now: float, unix_time: float) -> PollState:
    """Polls until the task has ended or the deadline has passed. Without a deadline, the task's expiry is used.

    `unix_time` is the same moment as `now`, in seconds since 1970.
    """
    unix_offset = unix_time - now
    started = not_before = next_poll_at = now
    polls = failures = 0
    if isinstance(task, CreatedTask):
        task = task.token
    if isinstance(task, WaitToken):
        # The clocks of two machines differ, and no wait started in the future.
        clock_difference = max(task.started - unix_offset - now, 0)
        started = task.started - unix_offset - clock_difference
        # Times in the past stay as they are: of many waits, the one that is due for the longest time polls first.
        not_before = max(task.not_before - unix_offset - clock_difference, started)
        polls, failures = task.polls, task.failures
        longest = max(policy.delay(now - started, 0, failures), LONGEST_RESUME)
        due = min(task.next_poll_at - unix_offset - clock_difference, now + longest)
        next_poll_at = max(due, not_before)
        task = task.task_id
    limit = started + DEFAULT_LIFE + GRACE if deadline is None else deadline
    if deadline is None and limit <= now:
        # The first response corrects this. Until then, the task may be one with a longer life, or it may have ended
        # while no process waited.
        limit = max(started + LONGEST_LIFE + GRACE, now)
    # At the deadline or after it, the first poll is the final one.
    next_poll_at = limit if limit <= now else min(next_poll_at, max(limit, not_before))
    state = PollState(
        task_id=check_task_id(task),
        policy=policy,
        started=started,
        unix_offset=unix_offset,
        created_at=started,
        next_poll_at=next_poll_at,
        not_before=not_before,
        deadline=limit,
        deadline_from_task=deadline is None,
        consecutive_failures=failures,
        polls=polls,
    )
    return deferred(state, now, not_before) if not_before > max(limit, now) else state


def start_get(task: str | CreatedTask, retries: int, now: float, deadline: float = math.inf) -> PollState:
    """Polls until there is any response about the task, with at most `retries` retries, and until the deadline."""
    return PollState(
        task_id=task_id_of(task),
        policy=RETRY_BACKOFF,
        started=now,
        unix_offset=0,
        created_at=now,
        next_poll_at=now,
        not_before=now,
        deadline=deadline,
        wait_for_terminal=False,
        retries_left=retries,
    )


def decide(state: PollState, now: float) -> Decision:
    """The next action at the time `now`."""
    if state.end is not None:
        return state.end
    if now < state.next_poll_at:
        return Sleep(state.next_poll_at - now)
    return SendPoll(max(state.deadline - now, FINAL_POLL_TIMEOUT))


def poll_succeeded(state: PollState, task: VideoTaskResponse, age: float | None, now: float, rand: float) -> PollState:
    """The state after a poll that returned a task; `age` is its age in seconds by the server's clock, if known."""
    end = _end_with(task, wait_for_terminal=state.wait_for_terminal)
    # A task is at least as old as the wait for it. Otherwise a clock that is set back with each response would move
    # the deadline for ever.
    created_at = state.created_at if age is None else min(now - age, state.started)
    deadline, next_poll_at = state.deadline, now
    if end is None:
        if state.deadline_from_task:
            deadline = _deadline_from(task, state, created_at, now)
        next_poll_at = min(now + state.policy.delay(now - created_at, rand, 0, task), deadline)
    # One new state for a poll: to make it takes a large part of the time of this function.
    state = evolve(
        state,
        created_at=created_at,
        next_poll_at=next_poll_at,
        not_before=now,
        deadline=deadline,
        consecutive_failures=0,
        polls=state.polls + 1,
        task=task,
        last_seen_at=now,
        error=None,
        end=end,
    )
    if end is not None:
        return state
    if task.status not in _KNOWN_STATUSES:
        state = evolve(state, unknown_statuses=state.unknown_statuses | {shorten(task.status)})
    return state if now < deadline else _overdue(state, now)


def poll_failed(
    state: PollState, error: MeshVideoError, now: float, rand: float, *, was_sent: bool = True
) -> PollState:
    """The state after a poll that returned no task, or that was never sent."""
    state = evolve(
        state,
        polls=state.polls + was_sent,
        consecutive_failures=state.consecutive_failures + 1,
        error=error,
        retries_left=state.retries_left - 1,
    )
    if not _may_pass(state, error) or state.retries_left < 0:
        return evolve(state, end=GiveUp(error))
    retry_after = (error.retry_after if isinstance(error, APIError) else None) or 0
    if not state.wait_for_terminal and retry_after > RETRY_BACKOFF.max_delay:
        # `get` does not block for so long: the caller decides.
        return evolve(state, end=GiveUp(error))
    return _schedule_retry(state, now, rand, retry_after)


def polled_sooner(state: PollState, now: float) -> PollState:
    """The state after a hint that the task has changed: the next poll is due at once.

    Not before the server allows it, and not sooner than a second after the last response: a hint may be forged.
    """
    due = max(now, state.not_before, state.last_seen_at + HINT_INTERVAL)
    return evolve(state, next_poll_at=min(state.next_poll_at, due))


def new_task(before: PollState, after: PollState) -> VideoTaskResponse | None:
    """The task that the poll between two states returned; None if there was no poll, or if it failed."""
    return after.task if after.polls > before.polls and after.error is None else None


def changed_task(before: PollState, after: PollState) -> VideoTaskResponse | None:
    """The same, but only the first response and each response that differs from the one before.

    None too for a response that breaks the contract: the error reports it.
    """
    task = new_task(before, after)
    is_invalid = isinstance(after.end, GiveUp) and isinstance(after.end.error, InvalidResponse)
    return None if task == before.task or is_invalid else task


def result(state: PollState) -> VideoTaskResponse:
    """The task with which the wait has ended. Raises the error if it gave up."""
    match state.end:
        case Done(task):
            return task
        case GiveUp(error):
            raise error
        case _:
            raise ValueError(f"the wait for task {state.task_id} has not ended")


def gave_up(state: PollState, error: MeshVideoError) -> PollState:
    """The state after an error that ends the wait, whatever its kind."""
    return evolve(state, error=error, end=GiveUp(error))


def stopped(state: PollState, now: float) -> PollState:
    """The state after the caller stopped the wait."""
    return evolve(state, end=GiveUp(_unfinished(WaitStopped, state, now)))


def timed_out(state: PollState, now: float, reason: str = "") -> PollState:
    """The state after the deadline."""
    return evolve(state, end=GiveUp(_unfinished(WaitTimeout, state, now, reason)))


def deferred(state: PollState, now: float, until: float) -> PollState:
    """The state after the server deferred the next poll to a time past the deadline."""
    left = format_seconds(max(state.deadline - now, 0))
    limit = "wait" if state.deadline_from_task else "timeout"
    reason = f"; the server sent Retry-After: {format_seconds(until - now)}, longer than the {left} left of the {limit}"
    return timed_out(evolve(state, not_before=until), now, reason)


def is_transient(error: MeshVideoError) -> bool:
    """Whether a later poll may succeed: no response, a server error, a body that is not JSON, another task."""
    match error:
        case APIError():
            return error.status_code >= 500 or error.status_code in _TRANSIENT_HTTP_STATUSES
        case InvalidResponse():
            return error.path is None
        case _:
            return isinstance(error, ConnectionFailed) and not is_refusal(error)


def _end_with(task: VideoTaskResponse, *, wait_for_terminal: bool) -> Done | GiveUp | None:
    """How a wait ends with a task; None if it goes on."""
    if wait_for_terminal and not is_terminal(task):
        return None
    ended = outcome(task) if wait_for_terminal else None
    return GiveUp(ended) if isinstance(ended, InvalidResponse) else Done(task)


def _may_pass(state: PollState, error: MeshVideoError) -> bool:
    # A machine may move into a network that inspects TLS until its user logs in. If no poll has succeeded, the machine
    # rather lacks a certificate authority, and all polls would fail.
    if isinstance(error, CertificateError):
        return state.consecutive_failures < state.polls
    # The password of a proxy may be mended while a wait goes on, and another worker may have another one. `get` has no
    # time for this.
    return is_transient(error) or (is_refusal(error) and state.wait_for_terminal)


def _schedule_retry(state: PollState, now: float, rand: float, retry_after: float) -> PollState:
    was_final, not_before = state.next_poll_at >= state.deadline, now + retry_after
    hung_until_deadline = 0 <= now - state.deadline <= _DEADLINE_TOLERANCE
    if not was_final and not retry_after and hung_until_deadline:
        return evolve(state, not_before=not_before, next_poll_at=state.deadline)
    if now >= state.deadline:
        return _overdue(evolve(state, not_before=not_before), now)
    if not_before > state.deadline:
        return deferred(state, now, not_before)
    delay = state.policy.delay(now - state.created_at, rand, state.consecutive_failures, state.task)
    next_poll_at = min(now + max(delay, retry_after), state.deadline)
    return evolve(state, not_before=not_before, next_poll_at=next_poll_at)


def _overdue(state: PollState, now: float) -> PollState:
    return timed_out(state, now, "; the task should have expired by now" if state.deadline_from_task else "")


def _deadline_from(task: VideoTaskResponse, state: PollState, created_at: float, now: float) -> float:
    """The deadline of a wait whose deadline is the task's expiry."""
    expiry = created_at + _life_of(task) + GRACE
    # Once reached, the deadline moves by a whole delay or not at all. So there is one final poll,
    # and not one for each small move.
    moves = now < state.deadline or expiry > now + state.policy.delay(now - created_at, rand=0, task=task)
    return expiry if moves else state.deadline


def _life_of(task: VideoTaskResponse) -> float:
    stated = task.execution_expires_after
    return stated if isinstance(stated, int) and 0 < stated <= LONGEST_LIFE else DEFAULT_LIFE


def _unfinished(
    error_type: type[WaitTimeout | WaitStopped], state: PollState, now: float, reason: str = ""
) -> WaitTimeout | WaitStopped:
    return error_type(
        token=state.token, last_task=state.task, last_error=state.error, elapsed=now - state.started, reason=reason
    )
