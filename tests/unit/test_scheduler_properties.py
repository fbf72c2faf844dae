"""Invariants of every `wait_many`, and the number of its polls: whole runs, event by event, in virtual time."""

from __future__ import annotations

import heapq
import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import count, pairwise

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from meshapi_video import (
    ConnectionFailed,
    MeshVideoError,
    PollPolicy,
    RateLimitedError,
    TaskFailed,
    VideoTaskResponse,
    WaitResult,
    WaitTimeout,
)
from meshapi_video._polling.scheduler import ScheduledPoll, Scheduler
from meshapi_video._polling.state import (
    FINAL_POLL_TIMEOUT,
    GRACE,
    PollState,
    poll_failed,
    poll_succeeded,
    start_wait,
)
from meshapi_video._validation import deadline_after
from support.poll_states import NOW, UNIX_NOW, rate_limited, task_with_expiry

DAY = 86_400.0
DEFAULT_POLICY = PollPolicy()
PollResult = VideoTaskResponse | MeshVideoError


class Run:
    """A driver of a scheduler, and its server: `respond` gives the result of each poll and how long it takes."""

    def __init__(
        self,
        scheduler: Scheduler,
        respond: Callable[[str, float], tuple[PollResult, float]],
        *,
        timeout: float | None = 900.0,
        policy: PollPolicy = DEFAULT_POLICY,
        max_in_flight: int = 20,
    ) -> None:
        self.scheduler = scheduler
        self.now = NOW
        self.polls = Counter[str]()
        self.sleeps = 0
        self._respond = respond
        self._policy = policy
        self._timeout = timeout
        self._max_in_flight = max_in_flight
        self._rand = random.Random(4).random  # noqa: S311 - the same numbers each time
        self._in_flight: list[tuple[float, int, ScheduledPoll, PollResult]] = []
        self._numbers = count()
        self._ended = set[str]()
        self.retry_after_until = -math.inf

    def results(self, task_ids: Iterable[str]) -> Iterator[WaitResult]:
        """All results. Checks the invariants at every step."""
        ids: Iterator[str] | None = iter(task_ids)
        deadline = deadline_after(self._timeout, NOW)
        while True:
            while ids is not None and self.scheduler.has_room:
                if (task_id := next(ids, None)) is None:
                    ids = None
                else:
                    unix_time = UNIX_NOW - NOW + self.now
                    self.scheduler.add(start_wait(task_id, self._policy, deadline, self.now, unix_time))
            while isinstance(action := self.scheduler.next(self.now), ScheduledPoll):
                self._send(action)
            while (result := self.scheduler.take()) is not None:
                self._ended.add(result.task_id)
                yield result
            if ids is not None and self.scheduler.has_room:
                continue
            if self.scheduler.is_empty:
                return
            self._sleep(action)

    def _send(self, poll: ScheduledPoll) -> None:
        task_id = poll.state.task_id
        assert task_id not in self._ended, "polled after its end"
        assert self.now >= poll.state.next_poll_at, "polled too early"
        assert self.now >= self.retry_after_until, "polled before the end of Retry-After"
        assert 0 < poll.timeout <= max(poll.state.deadline - self.now, FINAL_POLL_TIMEOUT)
        assert self.now + poll.timeout <= poll.state.deadline + 1, "may end long after the deadline"
        self.polls[task_id] += 1
        result, takes = self._respond(task_id, self.now)
        if takes > poll.timeout:
            result, takes = ConnectionFailed("stalled"), poll.timeout
        heapq.heappush(self._in_flight, (self.now + takes, next(self._numbers), poll, result))
        assert len(self._in_flight) == self.scheduler.in_flight <= self._max_in_flight

    def _sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.sleeps += 1
        next_end = self._in_flight[0][0] if self._in_flight else math.inf
        assert min(next_end, seconds) < math.inf, "the run would never end"
        self.now = min(next_end, self.now + seconds)
        while self._in_flight and self._in_flight[0][0] <= self.now:
            _, _, poll, result = heapq.heappop(self._in_flight)
            self.scheduler.record(poll, self._state_after(poll.state, result), self.now)

    def _state_after(self, state: PollState, result: PollResult) -> PollState:
        if isinstance(result, VideoTaskResponse):
            return poll_succeeded(state, result, None, self.now, self._rand())
        if isinstance(result, RateLimitedError):
            self.retry_after_until = max(self.retry_after_until, self.now + (result.retry_after or 0))
        return poll_failed(state, result, self.now, self._rand())


def new_scheduler(
    max_in_flight: int = 20, requests_per_minute: float | None = None, max_waiting: int = 10_000
) -> Scheduler:
    return Scheduler(max_in_flight=max_in_flight, requests_per_minute=requests_per_minute, max_waiting=max_waiting)


def test_the_waits_for_ten_thousand_tasks_end_with_twenty_polls_in_flight() -> None:
    rand = random.Random(1)  # noqa: S311 - the same numbers each time
    ends = {f"t{number}": NOW + rand.uniform(0, 60) for number in range(10_000)}

    def respond(task_id: str, now: float) -> tuple[PollResult, float]:
        return VideoTaskResponse(id=task_id, status="failed" if now >= ends[task_id] else "running"), 0.02

    run = Run(new_scheduler(), respond)
    results = list(run.results(ends))
    assert sorted(result.task_id for result in results) == sorted(ends)
    assert all(isinstance(result.error, TaskFailed) for result in results)
    # Twenty polls of 20 ms in flight are a thousand a second, so each task is polled every ten seconds.
    assert max(run.polls.values()) <= 10
    assert run.polls.total() < 60_000
    assert run.now < NOW + 90
    assert run.sleeps <= 2 * run.polls.total()


def test_ids_are_taken_from_an_endless_iterable_as_results_are_taken() -> None:
    numbers = count()

    def respond(task_id: str, _now: float) -> tuple[PollResult, float]:
        return VideoTaskResponse(id=task_id, status="failed"), 0.02

    run = Run(new_scheduler(max_waiting=50), respond)
    for taken, _ in enumerate(run.results(f"t{number}" for number in numbers)):
        if taken == 1000:
            break
    assert next(numbers) <= 1000 + 2 * 50
    assert len(run.scheduler.tokens) <= 50


def test_forty_eight_hours_of_one_task_are_about_eighteen_thousand_polls() -> None:
    run = Run(new_scheduler(), lambda _task_id, _now: (task_with_expiry(None), 0.02), timeout=None)
    (result,) = run.results(["t"])
    assert isinstance(result.error, WaitTimeout)
    assert "the task should have expired by now" in str(result.error)
    waited = 2 * DAY + GRACE
    assert NOW + waited <= run.now <= NOW + waited + 1
    # The delays are 10 s, and jitter shortens them to 9 s at most.
    assert waited / 10 < run.polls["t"] < waited / 9 + 20


LATENCIES = st.sampled_from([0.0, 0.02, 0.5, 5.0, 100.0])
RESULTS = st.sampled_from(
    ["running", "running", "failed", "3600 to live", "reset", "429", "429 for 0.3 s", "429 for 20 s", "429 for 2000 s"]
)


def poll_result(text: str, task_id: str) -> PollResult:
    match text.split():
        case ["reset"]:
            return ConnectionFailed("reset")
        case ["429"]:
            return rate_limited(None)
        case ["429", "for", seconds, "s"]:
            return rate_limited(float(seconds))
        case [expiry, "to", "live"]:
            return VideoTaskResponse(id=task_id, status="queued", execution_expires_after=int(expiry))
        case _:
            return VideoTaskResponse(id=task_id, status=text)


@settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.generate],
)
@given(
    task_ids=st.lists(st.sampled_from("abcdefghij"), max_size=20),
    script=st.lists(st.tuples(RESULTS, LATENCIES), max_size=60),
    timeout=st.sampled_from([None, 0.0, 1.0, 30.0, 900.0]),
    max_in_flight=st.integers(1, 4),
    requests_per_minute=st.sampled_from([None, 1, 30, 600]),
    max_waiting=st.sampled_from([1, 3, 100]),
)
def test_every_wait_ends_once_and_in_time_whatever_the_server_responds(
    task_ids: list[str],
    script: list[tuple[str, float]],
    timeout: float | None,
    max_in_flight: int,
    requests_per_minute: float | None,
    max_waiting: int,
) -> None:
    lines = iter(script)
    sent = list[float]()

    def respond(task_id: str, now: float) -> tuple[PollResult, float]:
        sent.append(now)
        text, takes = next(lines, ("running", 0.02))
        return poll_result(text, task_id), takes

    slow = PollPolicy(initial_delay=1800.0, max_delay=7200.0) if timeout is None else DEFAULT_POLICY
    run = Run(
        new_scheduler(max_in_flight, requests_per_minute, max_waiting),
        respond,
        timeout=timeout,
        policy=slow,
        max_in_flight=max_in_flight,
    )
    results = list(run.results(task_ids))
    assert Counter(result.task_id for result in results) == Counter(set(task_ids))
    assert all(isinstance(result.error, TaskFailed | WaitTimeout) for result in results)
    if timeout is not None:
        assert run.now <= NOW + timeout + 1
    if requests_per_minute is not None:
        intervals = [later - earlier for earlier, later in pairwise(sent)]
        assert min(intervals, default=60) >= 60 / requests_per_minute - 1e-6
    assert run.scheduler.progress.statuses == {}
    assert run.scheduler.in_flight == 0
    assert run.sleeps <= 4 * (len(sent) + len(task_ids)) + 4
