"""Decides which of many tasks to poll next. Pure: time comes in as an argument.

A `Scheduler` holds the state of every wait of one `wait_many`. A driver adds tasks while there is
room, asks `next` for an action, sends the polls, passes each result to `record`, and takes the
results of the waits that ended.

| state of the waits                                        | action of `next`                     |
|-----------------------------------------------------------|--------------------------------------|
| a poll is due, and a request may be sent                  | send it now                          |
| as many polls in flight as allowed, or no pending task    | nothing, until something changes     |
| no poll is due, or the rate limit defers the next request | sleep until then                     |
| a final poll could not be sent in time                    | end that wait: `WaitTimeout`         |
| `Retry-After` is longer than the time left of a wait      | end that wait: `WaitTimeout`         |
| more waits must end than one call ends                    | end some; call it again for the rest |
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from itertools import count, islice
from typing import TYPE_CHECKING, Final, NamedTuple

from meshapi_video._errors import MeshVideoError
from meshapi_video._polling.rate_limit import RateLimiter
from meshapi_video._polling.results import PendingTask, WaitProgress, WaitResult, result_of
from meshapi_video._polling.state import FINAL_POLL_TIMEOUT, PollState, deferred, polled_sooner, stopped, timed_out
from meshapi_video._validation import check_count

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshapi_video._tasks import TaskRef
    from meshapi_video._token import WaitToken

_REMEMBERED: Final = 100_000
"""Ended tasks whose ids are kept, so that a duplicate is not polled again."""
FINAL_POLL_WINDOW: Final = 0.7
"""Seconds after its deadline within which a wait's final poll may start."""
_SLACK: Final = 0.01
"""Seconds by which a poll may be late, without a rate limit."""
_ENDED_PER_CALL: Final = 500
"""Overdue waits that one call of `next` ends. All waits of a program may have the same deadline, and to end very many
would stop its event loop for seconds."""
_MOST_REPLACED: Final = 1_000
"""The queue may have so many entries more than twice the pending tasks: hints have replaced these."""


class ScheduledPoll(NamedTuple):
    """A poll to send now."""

    state: PollState
    timeout: float
    """Seconds for the request as a whole."""
    sent_at: float


class Scheduler:
    """The waits of one `wait_many`. One thread at a time may use it."""

    def __init__(self, *, max_in_flight: int, requests_per_minute: float | None, max_waiting: int) -> None:
        self.max_in_flight = check_count("max_in_flight", max_in_flight, least=1)
        """The most polls in flight. A driver that can send less at once lowers it."""
        self._max_waiting = check_count("max_waiting", max_waiting, least=1)
        self._rate_limiter = RateLimiter(requests_per_minute)
        self._queue: list[tuple[float, int, PollState]] = []
        """A heap of the waits without a poll in flight, by the time of their next poll. After a hint about a task, it
        also has the entry that the hint has replaced."""
        self._earliest_deadline = math.inf
        """No wait in the queue has an earlier deadline."""
        self._overdue = deque[PollState]()
        """The waits that `next` has to end."""
        self._numbers = count()
        self._pending: dict[str, PollState] = {}
        self._ended: deque[PollState | WaitResult] = deque()
        """The results to take, in the order in which the waits ended."""
        self._ended_ids = _RecentIds()
        self._in_flight: dict[str, bool] = {}
        """The tasks with a poll in flight, and whether a hint about each came meanwhile."""
        self.observe: Callable[[PollState, bool], object] | None = None
        """Called with the state of a wait when it begins or ends, and with True if it begins."""
        self._polls = self._results = 0
        self._statuses: Counter[str] = Counter()

    @property
    def has_room(self) -> bool:
        """Whether another task may be added."""
        return len(self._pending) + len(self._ended) < self._max_waiting

    @property
    def has_results(self) -> bool:
        """Whether `take` has a result."""
        return bool(self._ended)

    @property
    def is_empty(self) -> bool:
        """Whether every added task has ended, and its result was taken."""
        return not self._pending and not self._ended

    @property
    def is_full(self) -> bool:
        """Whether as many polls are in flight as allowed."""
        return len(self._in_flight) >= self.max_in_flight

    @property
    def in_flight(self) -> int:
        """The number of polls in flight."""
        return len(self._in_flight)

    @property
    def has_overdue(self) -> bool:
        """Whether waits are left that `next` must end before it returns another poll."""
        return bool(self._overdue)

    @property
    def next_at(self) -> float:
        """When `next` has something to do, unless something changes. Earlier if a hint has replaced the first entry."""
        if self._overdue:
            return -math.inf
        if not self._queue:
            return math.inf
        window_end = self._earliest_deadline + FINAL_POLL_WINDOW
        if self.is_full:
            return window_end
        return min(max(self._queue[0][0], self._rate_limiter.next_at), window_end)

    @property
    def progress(self) -> WaitProgress:
        """The progress so far."""
        begun = self._results + len(self._pending)
        return WaitProgress(begun, self._results, self._polls, dict(+self._statuses))

    @property
    def slack(self) -> float:
        """Seconds by which a poll may be late, so that a driver wakes once for many polls."""
        # A rate limit allows one poll at a time.
        return 0.0 if self._rate_limiter.has_interval else _SLACK

    def pending(self, limit: int | None, now: float) -> list[PendingTask]:
        """At most `limit` pending tasks, in the order in which they were added."""
        return [
            PendingTask(
                task_id=state.task_id,
                status=None if state.task is None else state.task.status,
                age=max(now - state.created_at, 0),
                next_poll=max(state.next_poll_at - now, 0),
            )
            for state in islice(self._pending.values(), limit)
        ]

    @property
    def tokens(self) -> list[WaitToken]:
        """A token for every added task whose result was not taken."""
        states = (*self._pending.values(), *(ended for ended in self._ended if isinstance(ended, PollState)))
        return [state.token for state in states]

    def start(self, task: TaskRef, start_wait: Callable[[TaskRef], PollState]) -> None:
        """Starts the wait for a task. A string that cannot be a task's id gets a result with an error."""
        try:
            self.add(start_wait(task))
        except ValueError as error:
            self.add_failed(_text_of(task), MeshVideoError(str(error)))

    def add(self, state: PollState) -> None:
        """Adds a wait, unless the task is a duplicate."""
        if state.task_id not in self._pending and state.task_id not in self._ended_ids:
            self._put(state)

    def add_failed(self, task_id: str, error: MeshVideoError) -> None:
        """Adds the result for a string that cannot be a task's id."""
        self._results += 1
        self._ended.append(WaitResult(task_id, None, error))

    def poll_now(self, task_id: str, now: float) -> None:
        """Takes a hint that a task has changed. Does nothing for a task that is not waited for."""
        state = self._pending.get(task_id)
        # Callbacks may come for many tasks of other programs.
        if state is None:
            return
        if task_id in self._in_flight:
            # The server may have sent the response of the poll in flight before the change.
            self._in_flight[task_id] = True
            return
        sooner = polled_sooner(state, now)
        if sooner.next_poll_at < state.next_poll_at:
            self._pending[task_id] = sooner
            self._push(sooner)
            self._remove_replaced()

    def next(self, now: float) -> ScheduledPoll | float:
        """A poll to send now, or the seconds to sleep unless something changes: zero while there are overdue waits."""
        if self._is_too_late(self._earliest_deadline, now) or self._is_deferred(self._earliest_deadline, now):
            self._find_overdue(now)
        self._end_overdue(now)
        if self._overdue:
            return 0.0
        while self._queue and self._is_replaced(self._queue[0][2]):
            heapq.heappop(self._queue)
        if (next_at := self.next_at) > now:
            return next_at - now
        _, _, state = heapq.heappop(self._queue)
        self._in_flight[state.task_id] = False
        self._rate_limiter.record_sent(now)
        # Final polls that could not all start at the deadline share the time of one final poll.
        final_timeout = min(FINAL_POLL_TIMEOUT, state.deadline + FINAL_POLL_TIMEOUT - now)
        return ScheduledPoll(state, max(state.deadline - now, final_timeout), now)

    def record(self, poll: ScheduledPoll, state: PollState, now: float) -> None:
        """Records the state after a poll."""
        was_hinted = self._in_flight.pop(state.task_id)
        self._polls += 1
        self._rate_limiter.record(state.error, poll.sent_at, now)
        # A poll that was in flight when `stop` was set is ignored.
        if state.task_id in self._pending:
            self._put(polled_sooner(state, now) if was_hinted else state)

    def stop(self, now: float) -> None:
        """Ends every wait."""
        self._queue.clear()
        for state in list(self._pending.values()):
            self._put(stopped(state, now))

    def take(self) -> WaitResult | None:
        """The next result; None if there is none."""
        if not self._ended:
            return None
        ended = self._ended.popleft()
        return result_of(ended) if isinstance(ended, PollState) else ended

    def _is_too_late(self, deadline: float, now: float) -> bool:
        return now >= deadline + FINAL_POLL_WINDOW

    def _is_deferred(self, deadline: float, now: float) -> bool:
        # Past the deadline, a `Retry-After` that has ended defers nothing.
        return self._rate_limiter.retry_after_until > max(deadline, now)

    def _find_overdue(self, now: float) -> None:
        queue, self._queue, self._earliest_deadline = self._queue, [], math.inf
        for entry in queue:
            state = entry[2]
            if self._is_replaced(state):
                continue
            if self._is_too_late(state.deadline, now) or self._is_deferred(state.deadline, now):
                self._overdue.append(state)
            else:
                self._queue.append(entry)
                self._earliest_deadline = min(self._earliest_deadline, state.deadline)
        heapq.heapify(self._queue)

    def _end_overdue(self, now: float) -> None:
        for _ in range(min(len(self._overdue), _ENDED_PER_CALL)):
            state = self._overdue.popleft()
            if self._is_replaced(state):
                continue
            if self._is_too_late(state.deadline, now):
                self._put(timed_out(state, now))
            else:
                self._put(deferred(state, now, self._rate_limiter.retry_after_until))

    def _put(self, state: PollState) -> None:
        before = self._pending.get(state.task_id)
        if self.observe is not None and (before is None or state.end is not None):
            self.observe(state, before is None)
        if before is not None and before.task is not None:
            self._statuses[before.task.status] -= 1
        if state.end is not None:
            self._pending.pop(state.task_id, None)
            self._ended_ids.add(state.task_id)
            self._results += 1
            self._ended.append(state)
            self._remove_replaced()
            return
        self._pending[state.task_id] = state
        self._push(state)
        if state.task is not None:
            self._statuses[state.task.status] += 1

    def _push(self, state: PollState) -> None:
        heapq.heappush(self._queue, (state.next_poll_at, next(self._numbers), state))
        self._earliest_deadline = min(self._earliest_deadline, state.deadline)

    def _is_replaced(self, state: PollState) -> bool:
        return self._pending.get(state.task_id) is not state

    def _remove_replaced(self) -> None:
        if len(self._queue) > 2 * len(self._pending) + _MOST_REPLACED:
            self._queue = [entry for entry in self._queue if not self._is_replaced(entry[2])]
            heapq.heapify(self._queue)


def _text_of(task: object) -> str:
    try:
        return str(task)
    except Exception:  # noqa: BLE001 - an object of the caller, which may raise anything
        return f"<{type(task).__name__}>"


class _RecentIds:
    """The ids of the tasks that ended last: a set of bounded size."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._oldest_first: deque[str] = deque()

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._ids

    def add(self, task_id: str) -> None:
        self._ids.add(task_id)
        self._oldest_first.append(task_id)
        if len(self._oldest_first) > _REMEMBERED:
            self._ids.remove(self._oldest_first.popleft())
