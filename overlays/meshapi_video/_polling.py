"""Decides when to look at a task, and when to stop. Pure: time and chance come in as arguments.

A `Poll` is the state of asking for one task. `decide` says what to do now; `answered` and
`missed` take in what a look brought and give the next state:

| what the look brought                           | what follows                                  |
|-------------------------------------------------|-----------------------------------------------|
| an answer about another task                    | give up: `InvalidResponse`                    |
| a task that is over                             | done                                          |
| one that succeeded, and no usable video address | give up: `InvalidResponse`                    |
| a task that is not over, before the deadline    | look again after the policy's delay           |
| a miss that may pass (`is_transient`)           | look again after the policy's delay, longer   |
|                                                 | for each miss in a row, and no earlier than   |
|                                                 | the server allows                             |
| a miss that will not pass                       | give up with it                               |
| a miss beyond the misses allowed                | give up with it                               |
| a miss, and silence asked for past the deadline | give up now: `WaitTimeout`                    |
| a miss that hung until the deadline             | one last look                                 |
| anything else, at the deadline or after it      | give up: `WaitTimeout`                        |

The delay grows with the task's age and never reaches past the deadline: one last look is made
there. `get` takes any task for an answer, so that for it the three rows about tasks are one, done;
and it gives up with a miss that asks for more silence than its longest delay.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from meshapi_video._errors import (
    APIError,
    ConnectionFailed,
    InvalidResponse,
    MeshVideoError,
    WaitStopped,
    WaitTimeout,
)
from meshapi_video._policy import Policy, PollPolicy, check_seconds
from meshapi_video._tasks import check_task_id, is_terminal, outcome
from meshapi_video._tokens import WaitToken

if TYPE_CHECKING:
    from meshapi_video_generated.models import VideoTaskResponse

LAST_LOOK: Final = 0.9
"""Seconds that a look begun at the deadline may still take."""

_ON_TIME: Final = 0.1
"""Seconds within which a look that was cut short at the deadline has ended there."""

GRACE: Final = 300.0
"""Seconds for which a wait without a timeout outlasts the task, whose end may be seen late."""
LONGEST_LIFE: Final = 7 * 86_400.0
"""Seconds that no task lives; an age or an expiry beyond it is a mistake."""
_LIFE: Final = 172_800.0
"""Seconds after which a task expires that says nothing of it, as the service behind Mesh has it."""

_UNDER_WAY: Final = frozenset({"queued", "running"})
_TRANSIENT_STATUSES: Final = frozenset({302, 303, 307, 408, 425, 429})

_RETRY: Final = PollPolicy(initial_delay=0.5, growth=1.0, max_delay=8.0, jitter=0.25)
"""How soon `get` asks again after a miss, and how long a `Retry-After` it puts up with."""


@frozen
class Look:
    """Ask the server now."""

    timeout: float
    """Seconds that the request may take as a whole."""


@frozen
class Sleep:
    """Nothing to do for `seconds`."""

    seconds: float


@frozen
class Done:
    """The answer that was waited for."""

    task: VideoTaskResponse


@frozen
class GiveUp:
    """Nothing more can be learned by looking."""

    error: MeshVideoError


Decision = Look | Sleep | Done | GiveUp


@frozen(kw_only=True)
class Poll:
    """The state of asking for one task. All times are readings of one monotonic clock."""

    task_id: str
    policy: Policy
    started: float
    """When the task was first waited for, perhaps by another process."""
    unix: float
    """What to add to a reading of the clock for seconds since 1970."""
    born: float
    """When the task was made, by the server's own clock; until that is known, `started`."""
    due: float
    """When the next look is to be made."""
    not_before: float
    """When the server allows it: no later than `due`."""
    deadline: float = math.inf
    until_expiry: bool = False
    """Whether the deadline is the task's own, and so known better with each answer."""
    until_over: bool = True
    """Whether only a task that is over is an answer, or any task is."""
    misses_left: float = math.inf
    misses: int = 0
    """Looks in a row that brought no task."""
    looks: int = 0
    task: VideoTaskResponse | None = None
    seen: float = -math.inf
    """When the newest answer came."""
    unheard_of: frozenset[str] = frozenset()
    """The statuses seen of which the document and its server's upstream say nothing."""
    error: MeshVideoError | None = None
    """Why the last look missed."""
    end: Done | GiveUp | None = None

    @property
    def token(self) -> WaitToken:
        """The wait as it is, written down."""
        return WaitToken(
            task_id=self.task_id,
            started=max(self.started + self.unix, 0),
            looks=self.looks,
            not_before=max(self.not_before + self.unix, 0),
        )


def deadline_after(timeout: float | None, now: float) -> float | None:
    """When `timeout` seconds will have passed; None, for None, where the task itself sets the deadline."""
    return None if timeout is None else now + check_seconds("timeout", timeout)


def wait(task: str | WaitToken, policy: Policy, deadline: float | None, now: float, unix_time: float) -> Poll:
    """Asks until the task is over or the deadline has passed, which without one is when the task would expire.

    `unix_time` is the same moment as `now`, in seconds since 1970.
    """
    unix = unix_time - now
    started, due, looks = now, now, 0
    if isinstance(task, WaitToken):
        # Clocks of two machines differ, and no wait began in the future.
        ahead = max(task.started - unix - now, 0)
        started = task.started - unix - ahead
        due, looks = max(task.not_before - unix - ahead, now), task.looks
        task = task.task_id
    poll = Poll(
        task_id=check_task_id(task),
        policy=policy,
        started=started,
        unix=unix,
        born=started,
        due=due,
        not_before=due,
        deadline=started + _LIFE + GRACE if deadline is None else deadline,
        until_expiry=deadline is None,
        looks=looks,
    )
    return held_off(poll, now, due) if due > max(poll.deadline, now) else poll


def get(task_id: str, retries: int, now: float) -> Poll:
    """Asks for any answer, riding through at most `retries` misses."""
    return Poll(
        task_id=check_task_id(task_id),
        policy=_RETRY,
        started=now,
        unix=0,
        born=now,
        due=now,
        not_before=now,
        until_over=False,
        misses_left=retries,
    )


def decide(poll: Poll, now: float) -> Decision:
    """What to do at the time `now`."""
    if poll.end is not None:
        return poll.end
    if now < poll.due:
        return Sleep(poll.due - now)
    return Look(max(poll.deadline - now, LAST_LOOK))


def answered(poll: Poll, task: VideoTaskResponse, age: float | None, now: float, chance: float) -> Poll:
    """The state after a look that brought a task, `age` seconds old by the server's clock if that is known."""
    if task.id != poll.task_id:
        error = InvalidResponse(f"the server answered about another task, {task.id!r}", path="$.id")
        error.task_id = poll.task_id
        return missed(poll, error, now, chance)
    poll = evolve(poll, looks=poll.looks + 1, misses=0, task=task, seen=now, error=None)
    if not poll.until_over:
        return evolve(poll, end=Done(task))
    if is_terminal(task):
        ended = outcome(task)
        return evolve(poll, end=GiveUp(ended) if isinstance(ended, InvalidResponse) else Done(task))
    if task.status not in _UNDER_WAY:
        poll = evolve(poll, unheard_of=poll.unheard_of | {task.status})
    if age is not None:
        # No younger than the wait for it: a clock that is set back with each answer lets no wait go on for ever.
        poll = evolve(poll, born=min(now - age, poll.started))
    if poll.until_expiry:
        expiry = poll.born + _life_of(task) + GRACE
        # Once reached, it moves by a whole delay or not at all: one last look is made, not one for each moment more.
        if now < poll.deadline or expiry > now + poll.policy.delay(now - poll.born, chance=0, task=task):
            poll = evolve(poll, deadline=expiry)
    return _again(poll, now, chance, wait_for=0)


def missed(poll: Poll, error: MeshVideoError, now: float, chance: float, *, asked: bool = True) -> Poll:
    """The state after a look that brought no task, or for which the server was not even asked."""
    poll = evolve(poll, looks=poll.looks + asked, misses=poll.misses + 1, error=error, misses_left=poll.misses_left - 1)
    if not is_transient(error) or poll.misses_left < 0:
        return evolve(poll, end=GiveUp(error))
    wait_for = (error.retry_after if isinstance(error, APIError) else None) or 0
    if not poll.until_over and wait_for > _RETRY.max_delay:
        # One look is not worth that long: the caller decides.
        return evolve(poll, end=GiveUp(error))
    return _again(poll, now, chance, wait_for)


def brought(before: Poll, after: Poll) -> VideoTaskResponse | None:
    """The task that the look between two states brought, if there was one and it did."""
    return after.task if after.looks > before.looks and after.error is None else None


def conclude(poll: Poll) -> VideoTaskResponse:
    """The answer of a poll that has ended; raises what it gave up with."""
    match poll.end:
        case Done(task):
            return task
        case GiveUp(error):
            raise error
        case _:
            raise ValueError(f"the wait for task {poll.task_id} has not ended")


def stopped(poll: Poll, now: float) -> Poll:
    """The state after somebody else ended it."""
    return evolve(poll, end=GiveUp(_unfinished(WaitStopped, poll, now)))


def timed_out(poll: Poll, now: float, reason: str = "") -> Poll:
    """The state after the deadline."""
    return evolve(poll, end=GiveUp(_unfinished(WaitTimeout, poll, now, reason)))


def _again(poll: Poll, now: float, chance: float, wait_for: float) -> Poll:
    last, poll = poll.due >= poll.deadline, evolve(poll, not_before=now + wait_for)
    if poll.error is not None and not last and not wait_for and 0 <= now - poll.deadline <= _ON_TIME:
        # It hung until the deadline, and was not the look that is made there.
        return evolve(poll, due=poll.deadline)
    if now >= poll.deadline:
        late = "; by its own terms it should have expired by now" if poll.until_expiry else ""
        return timed_out(poll, now, late)
    if now + wait_for > poll.deadline:
        return held_off(poll, now, now + wait_for)
    delay = poll.policy.delay(now - poll.born, chance, poll.misses, poll.task)
    return evolve(poll, due=min(now + max(delay, wait_for), poll.deadline))


def held_off(poll: Poll, now: float, until: float) -> Poll:
    """The state after the server forbade to look again before the deadline."""
    reason = f"; the server asks for {until - now:g} s of silence, which is more than was left of the wait"
    return timed_out(evolve(poll, not_before=until), now, reason)


def _life_of(task: VideoTaskResponse) -> float:
    stated = task.execution_expires_after
    return stated if isinstance(stated, int) and 0 < stated <= LONGEST_LIFE else _LIFE


def _unfinished(
    error_type: type[WaitTimeout | WaitStopped], poll: Poll, now: float, reason: str = ""
) -> WaitTimeout | WaitStopped:
    return error_type(
        token=poll.token, last_task=poll.task, last_error=poll.error, elapsed=now - poll.started, reason=reason
    )


def is_transient(error: MeshVideoError) -> bool:
    """Whether asking again may bring a task: no answer, a server in trouble, a page that is no JSON."""
    match error:
        case APIError():
            return error.status_code >= 500 or error.status_code in _TRANSIENT_STATUSES
        case InvalidResponse():
            return error.path is None
        case _:
            return isinstance(error, ConnectionFailed)
