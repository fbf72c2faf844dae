"""Decides when to look at a task, and when to stop. Pure: time and chance come in as arguments.

A `Poll` is the state of asking for one task. `decide` says what to do now; `answered` and
`missed` take in what a look brought and give the next state:

| what the look brought                          | what follows                                |
|------------------------------------------------|---------------------------------------------|
| a task that is over                            | done                                        |
| a task that is not, before the deadline        | look again after the policy's delay         |
| an answer about another task                   | give up: `InvalidResponse`                  |
| a miss that may pass (`is_transient`)          | look again after the policy's delay, and no |
|                                                | earlier than the server allows              |
| a miss that will not pass                      | give up with it                             |
| a miss beyond the misses allowed               | give up with it                             |
| the server forbids looking until the deadline  | give up now: `WaitTimeout`                  |
| anything else, at the deadline or after it     | give up: `WaitTimeout`                      |

The delay never reaches past the deadline: one last look is made there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from meshapi_video._errors import APIError, ConnectionFailed, InvalidResponse, MeshVideoError, WaitTimeout
from meshapi_video._tasks import is_terminal

if TYPE_CHECKING:
    from meshapi_video_generated.models import VideoTaskResponse

LAST_LOOK: Final = 0.9
"""Seconds that a look begun at the deadline may still take."""

_TRANSIENT_STATUSES: Final = frozenset({302, 303, 307, 408, 425, 429})


_LONGEST: Final = 1e9
"""Seconds that a finite time may have, some thirty years: the system's own clocks and sockets
fail for more."""


def check_seconds(name: str, value: float) -> float:
    """`value` if it is a number of seconds (zero and infinity are), else a `ValueError`."""
    # A bool is an int to Python, and `timeout=True` is a mistake rather than one second.
    number = isinstance(value, int | float) and not isinstance(value, bool)  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
    if not (number and (0 <= value <= _LONGEST or value == math.inf)):
        raise ValueError(
            f"{name} should be a number of seconds, zero or more and at most {_LONGEST:g}; it is {value!r}"
        )
    return value


@frozen(kw_only=True)
class PollPolicy:
    """How often to look at a task: at once, then after growing, jittered delays."""

    initial_delay: float = 2.0
    """Seconds between the first look and the second; more than zero."""
    growth: float = 1.15
    """How many times longer each delay is than the one before; at least 1."""
    max_delay: float = 15.0
    """Seconds that a delay never exceeds; at least `initial_delay`."""
    jitter: float = 0.2
    """The part of a delay, from 0 to 1, by which chance may shorten it, so that many waits
    begun together do not stay together."""

    def __attrs_post_init__(self) -> None:
        if not 0 < self.initial_delay <= self.max_delay <= _LONGEST:
            raise ValueError(
                f"initial_delay should be more than zero, max_delay no less than that and at most {_LONGEST:g}; "
                f"they are {self.initial_delay!r} and {self.max_delay!r}"
            )
        if not 1 <= self.growth < math.inf:
            raise ValueError(f"growth should be a number from 1 up; it is {self.growth!r}")
        if not 0 <= self.jitter < 1:
            raise ValueError(f"jitter should be a number from 0 up to, but not, 1; it is {self.jitter!r}")

    def delay(self, paused: float, chance: float) -> float:
        """Seconds to the next look, after delays of `paused` seconds in all; `chance` is from 0 to 1."""
        # The n-th delay d·gⁿ of a geometric series is d + (g - 1)·(the sum before it), so that sum
        # is all the memory that growing needs.
        grown = self.initial_delay + (self.growth - 1) * paused
        return min(grown, self.max_delay) * (1 - self.jitter * chance)


_RETRY: Final = PollPolicy(initial_delay=0.5, growth=2.0, max_delay=8.0, jitter=0.25)
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
    policy: PollPolicy
    started: float
    due: float
    """When the next look may be made."""
    deadline: float = math.inf
    until_over: bool = True
    """Whether only a task that is over is an answer, or any task is."""
    misses_left: float = math.inf
    looks: int = 0
    paused: float = 0.0
    """Seconds of the policy's own delays so far: slow looks and a `Retry-After` let nothing grow."""
    task: VideoTaskResponse | None = None
    error: MeshVideoError | None = None
    """Why the last look missed."""
    end: Done | GiveUp | None = None


def wait(task_id: str, policy: PollPolicy, timeout: float, now: float) -> Poll:
    """Asks until the task is over or `timeout` seconds have passed."""
    deadline = now + check_seconds("timeout", timeout)
    return Poll(task_id=task_id, policy=policy, started=now, due=now, deadline=deadline)


def get(task_id: str, retries: int, now: float) -> Poll:
    """Asks for any answer, riding through at most `retries` misses."""
    return Poll(task_id=task_id, policy=_RETRY, started=now, due=now, until_over=False, misses_left=retries)


def decide(poll: Poll, now: float) -> Decision:
    """What to do at the time `now`."""
    if poll.end is not None:
        return poll.end
    if now < poll.due:
        return Sleep(poll.due - now)
    return Look(max(poll.deadline - now, LAST_LOOK))


def answered(poll: Poll, task: VideoTaskResponse, now: float, chance: float) -> Poll:
    """The state after a look that brought a task."""
    poll = evolve(poll, looks=poll.looks + 1, task=task, error=None)
    if task.id != poll.task_id:
        error = InvalidResponse(f"the server answered about another task, {task.id!r}", path="$.id")
        error.task_id = poll.task_id
        return evolve(poll, end=GiveUp(error))
    if is_terminal(task) or not poll.until_over:
        return evolve(poll, end=Done(task))
    return _again(poll, now, chance, wait_for=0)


def missed(poll: Poll, error: MeshVideoError, now: float, chance: float) -> Poll:
    """The state after a look that brought no task."""
    poll = evolve(poll, looks=poll.looks + 1, error=error, misses_left=poll.misses_left - 1)
    if not is_transient(error) or poll.misses_left < 0:
        return evolve(poll, end=GiveUp(error))
    wait_for = (error.retry_after if isinstance(error, APIError) else None) or 0
    if not poll.until_over and wait_for > poll.policy.max_delay:
        # One look is not worth that long: the caller decides.
        return evolve(poll, end=GiveUp(error))
    return _again(poll, now, chance, wait_for)


def _again(poll: Poll, now: float, chance: float, wait_for: float) -> Poll:
    if now >= poll.deadline:
        return evolve(poll, end=GiveUp(_timed_out(poll, now)))
    if now + wait_for > poll.deadline:
        reason = f"; the server asks for {wait_for:g} s of silence, which is more than was left of the wait"
        return evolve(poll, end=GiveUp(_timed_out(poll, now, reason)))
    delay = poll.policy.delay(poll.paused, chance)
    due = min(now + max(delay, wait_for), poll.deadline)
    return evolve(poll, due=due, paused=poll.paused + delay)


def _timed_out(poll: Poll, now: float, reason: str = "") -> WaitTimeout:
    return WaitTimeout(
        task_id=poll.task_id,
        last_task=poll.task,
        last_error=poll.error,
        elapsed=now - poll.started,
        polls=poll.looks,
        reason=reason,
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
