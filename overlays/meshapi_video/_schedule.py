"""Decides for many tasks which to look at next. Pure, as `_polling` is: time comes in as an argument.

A `Schedule` holds the polls that are under way. Whoever drives it adds tasks while there is room,
asks `next` what to do, makes the looks, hands each back through `looked`, and takes the results.

| what `next` finds                                        | what it says                     |
|----------------------------------------------------------|----------------------------------|
| a poll that is due, and a request may be sent            | look now                         |
| all requests in flight that may be, or no poll left      | nothing, until something changes |
| no poll due, or the requests are spaced or held off      | sleep that long                  |
| a poll whose turn did not come in time for its last look | it has ended: `WaitTimeout`      |
| a poll that is held off for longer than it has           | it has ended: `WaitTimeout`      |
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from itertools import count, islice
from typing import TYPE_CHECKING, Final, Self

from attrs import frozen

from meshapi_video._errors import MeshVideoError, RateLimitedError
from meshapi_video._policy import check_count
from meshapi_video._polling import LAST_LOOK, Poll, conclude, held_off, stopped, timed_out
from meshapi_video._tasks import Video, video_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshapi_video._tokens import WaitToken

_REMEMBERED: Final = 100_000
"""Tasks that ended whose ids are still known, so that a duplicate is not asked for anew."""
_LAST_TURN: Final = 0.7
"""Seconds after its deadline within which a poll's last look may begin."""
_FIRST_SPACING: Final = 0.05
"""Seconds between requests after the server's first word that they are too many."""
_LARGEST_SPACING: Final = 10.0
_NO_SPACING: Final = 0.001
_RECOVERY: Final = 0.97
"""What each answer leaves of the spacing: a half after some twenty of them."""


@frozen
class WaitResult:
    """How the wait for one task among many ended."""

    task_id: str
    """The task's id."""
    video: Video | None
    """Its video; None if there is none, and then `error` says why."""
    error: MeshVideoError | None
    """What `wait` would have raised: `TaskError`, `WaitTimeout`, `APIError`, `InvalidResponse`; and
    `MeshVideoError` itself for what cannot be a task's id."""

    @classmethod
    def of(cls, poll: Poll) -> Self:
        """The result of a poll that has ended."""
        try:
            return cls(poll.task_id, video_of(conclude(poll)), None)
        except MeshVideoError as error:
            return cls(poll.task_id, None, error)


@frozen
class WaitProgress:
    """How far `wait_many` is: enough for a progress bar."""

    begun: int
    """Tasks taken from the iterable so far, each once."""
    ended: int
    """Those whose wait is over, with a video or without."""
    looks: int
    """How many times the server was asked."""
    statuses: Mapping[str, int]
    """How many of those that are waited for were last seen with which status."""


@frozen
class Waiting:
    """A task that is waited for, as it was last seen."""

    task_id: str
    """The task's id."""
    status: str | None
    """Its status in the newest answer; None before the first."""
    age: float
    """Seconds since it was made; where the server does not tell, since it was first waited for."""
    next_look: float
    """Seconds until it may be looked at again; 0 when it is its turn, or a look is under way."""


@frozen
class Job:
    """A look to make now."""

    poll: Poll
    timeout: float
    """Seconds that the request may take as a whole."""
    sent: float
    """When, by the clock."""


class Schedule:
    """The polls of one `wait_many`. To be used by one thread at a time."""

    def __init__(self, *, max_in_flight: int, requests_per_minute: float | None, max_waiting: int) -> None:
        self._max_in_flight = check_count("max_in_flight", max_in_flight, least=1)
        self._max_waiting = check_count("max_waiting", max_waiting, least=1)
        self._pace = Pace(requests_per_minute)
        self._turns: list[tuple[float, int, Poll]] = []
        """A heap of the polls that no look is being made for, by when they are due."""
        self._first_deadline = math.inf
        """No poll among them has an earlier one."""
        self._numbers = count()
        self._waiting: dict[str, Poll] = {}
        self._ended: deque[Poll | WaitResult] = deque()
        self._seen = _Seen()
        self._in_flight = 0
        self._looks = self._results = 0
        self._statuses: Counter[str] = Counter()

    @property
    def has_room(self) -> bool:
        """Whether another task may be added."""
        return len(self._waiting) + len(self._ended) < self._max_waiting

    @property
    def has_results(self) -> bool:
        """Whether there is something to take."""
        return bool(self._ended)

    @property
    def is_empty(self) -> bool:
        """Whether every task that was added has ended, and its result was taken."""
        return not self._waiting and not self._ended

    @property
    def is_full(self) -> bool:
        """Whether as many looks are being made as may be."""
        return self._in_flight >= self._max_in_flight

    @property
    def in_flight(self) -> int:
        """How many looks are being made."""
        return self._in_flight

    @property
    def progress(self) -> WaitProgress:
        """How far it is."""
        begun = self._results + len(self._waiting)
        return WaitProgress(begun, self._results, self._looks, dict(+self._statuses))

    def waiting(self, limit: int | None, now: float) -> list[Waiting]:
        """The tasks that are waited for, those first that were taken in first."""
        return [
            Waiting(
                task_id=poll.task_id,
                status=None if poll.task is None else poll.task.status,
                age=max(now - poll.born, 0),
                next_look=max(poll.due - now, 0),
            )
            for poll in islice(self._waiting.values(), limit)
        ]

    @property
    def tokens(self) -> list[WaitToken]:
        """Every task that was added and whose result was not taken, written down."""
        polls = (*self._waiting.values(), *(ended for ended in self._ended if isinstance(ended, Poll)))
        return [poll.token for poll in polls]

    def add(self, poll: Poll) -> None:
        """Takes in a task, unless it is known already."""
        if poll.task_id not in self._waiting and poll.task_id not in self._seen:
            self._put(poll)

    def refuse(self, task_id: str, error: MeshVideoError) -> None:
        """Takes in what cannot be a task: its result is at hand."""
        self._results += 1
        self._ended.append(WaitResult(task_id, None, error))

    def next(self, now: float) -> Job | float:
        """A look to be made now, or the seconds until there may be one, unless something changes before."""
        if self._too_late(self._first_deadline, now) or self._held_off(self._first_deadline, now):
            self._end_some(now)
        last_turn = self._first_deadline + _LAST_TURN
        if not self._turns:
            return math.inf
        if self.is_full:
            return last_turn - now
        due, _, poll = self._turns[0]
        if (at := max(due, self._pace.next_at)) > now:
            return min(at, last_turn) - now
        heapq.heappop(self._turns)
        self._in_flight += 1
        self._pace.sent(now)
        # Those that could not all be asked at the deadline share the time of one last look.
        return Job(poll, max(poll.deadline - now, min(LAST_LOOK, poll.deadline + LAST_LOOK - now)), now)

    def looked(self, job: Job, poll: Poll, now: float) -> None:
        """Takes in what a look brought."""
        self._in_flight -= 1
        self._looks += 1
        self._pace.looked(poll.error, job.sent, now)
        # After `stop`, what was asked before is not waited for any longer.
        if poll.task_id in self._waiting:
            self._put(poll)

    def stop(self, now: float) -> None:
        """Ends every wait."""
        self._turns.clear()
        for poll in list(self._waiting.values()):
            self._put(stopped(poll, now))

    def take(self) -> WaitResult | None:
        """The next result, if there is one."""
        if not self._ended:
            return None
        ended = self._ended.popleft()
        return WaitResult.of(ended) if isinstance(ended, Poll) else ended

    def _too_late(self, deadline: float, now: float) -> bool:
        return now >= deadline + _LAST_TURN

    def _held_off(self, deadline: float, now: float) -> bool:
        # Past the deadline, silence that is over holds nobody off any more.
        return self._pace.silent_until > max(deadline, now)

    def _end_some(self, now: float) -> None:
        turns, self._turns, self._first_deadline = self._turns, [], math.inf
        for turn in turns:
            poll = turn[2]
            if self._too_late(poll.deadline, now):
                self._put(timed_out(poll, now))
            elif self._held_off(poll.deadline, now):
                self._put(held_off(poll, now, self._pace.silent_until))
            else:
                self._turns.append(turn)
                self._first_deadline = min(self._first_deadline, poll.deadline)
        heapq.heapify(self._turns)

    def _put(self, poll: Poll) -> None:
        before = self._waiting.get(poll.task_id)
        if before is not None and before.task is not None:
            self._statuses[before.task.status] -= 1
        if poll.end is not None:
            self._waiting.pop(poll.task_id, None)
            self._seen.add(poll.task_id)
            self._results += 1
            self._ended.append(poll)
            return
        self._waiting[poll.task_id] = poll
        heapq.heappush(self._turns, (poll.due, next(self._numbers), poll))
        self._first_deadline = min(self._first_deadline, poll.deadline)
        if poll.task is not None:
            self._statuses[poll.task.status] += 1


class Pace:
    """When the next request may be sent, for all tasks together."""

    def __init__(self, requests_per_minute: float | None) -> None:
        self._least_spacing = 0.0 if requests_per_minute is None else 60 / _check_rate(requests_per_minute)
        self._spacing = self._least_spacing
        self._slowed_at = -math.inf
        self._free_at = -math.inf
        self.silent_until = -math.inf
        """Until when the server asked for silence."""

    @property
    def next_at(self) -> float:
        """When the next request may be sent."""
        return max(self._free_at, self.silent_until)

    def sent(self, now: float) -> None:
        """Takes note of a request."""
        self._free_at = now + self._spacing

    def looked(self, error: MeshVideoError | None, sent: float, now: float) -> None:
        """Slows all requests down when one of them was too many, and recovers with each answer."""
        if isinstance(error, RateLimitedError):
            self.silent_until = max(self.silent_until, now + (error.retry_after or 0))
            # What was sent before the last slowing down says nothing of the pace since.
            if sent >= self._slowed_at:
                self._spacing = min(max(2 * self._spacing, _FIRST_SPACING), max(_LARGEST_SPACING, self._least_spacing))
                self._slowed_at = now
            self._free_at = max(self._free_at, now + self._spacing)
        elif error is None:
            spacing = self._spacing * _RECOVERY
            self._spacing = max(spacing if spacing > _NO_SPACING else 0, self._least_spacing)


class _Seen:
    """The ids of the tasks that ended last: a set of bounded size."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._oldest: deque[str] = deque()

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._ids

    def add(self, task_id: str) -> None:
        self._ids.add(task_id)
        self._oldest.append(task_id)
        if len(self._oldest) > _REMEMBERED:
            self._ids.remove(self._oldest.popleft())


def _check_rate(requests_per_minute: float) -> float:
    number = isinstance(requests_per_minute, int | float) and not isinstance(requests_per_minute, bool)  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
    if not (number and 0 < requests_per_minute < math.inf):
        raise ValueError(
            f"requests_per_minute should be a number more than zero, or None; it is {requests_per_minute!r}"
        )
    return requests_per_minute
