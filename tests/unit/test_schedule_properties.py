"""What holds for every `wait_many`, and how much it asks: whole runs, event by event, in virtual time."""

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
from meshapi_video._polling import GRACE, LAST_LOOK, Poll, answered, deadline_after, missed, wait
from meshapi_video._schedule import Job, Schedule
from support.polls import NOW, UNIX, too_many, with_expiry

DAY = 86_400.0
OFTEN = PollPolicy()
Answer = VideoTaskResponse | MeshVideoError


class Run:
    """A driver of a schedule and its server: `answer` says what each look brings and how long it takes."""

    def __init__(
        self,
        schedule: Schedule,
        answer: Callable[[str, float], tuple[Answer, float]],
        *,
        timeout: float | None = 900.0,
        policy: PollPolicy = OFTEN,
        max_in_flight: int = 20,
    ) -> None:
        self.schedule = schedule
        self.now = NOW
        self.asked = Counter[str]()
        self.sleeps = 0
        self._answer = answer
        self._policy = policy
        self._timeout = timeout
        self._max_in_flight = max_in_flight
        self._chance = random.Random(4).random  # noqa: S311 - the same each time
        self._flying: list[tuple[float, int, Job, Answer]] = []
        self._numbers = count()
        self._ended = set[str]()
        self.silent_until = -math.inf

    def results(self, task_ids: Iterable[str]) -> Iterator[WaitResult]:
        """The results, until none is left; with what must hold at every moment checked."""
        ids: Iterator[str] | None = iter(task_ids)
        deadline = deadline_after(self._timeout, NOW)
        while True:
            while ids is not None and self.schedule.has_room:
                if (task_id := next(ids, None)) is None:
                    ids = None
                else:
                    self.schedule.add(wait(task_id, self._policy, deadline, self.now, UNIX - NOW + self.now))
            while isinstance(found := self.schedule.next(self.now), Job):
                self._ask(found)
            while (result := self.schedule.take()) is not None:
                self._ended.add(result.task_id)
                yield result
            if ids is not None and self.schedule.has_room:
                continue
            if self.schedule.is_empty:
                return
            self._sleep(found)

    def _ask(self, job: Job) -> None:
        task_id = job.poll.task_id
        assert task_id not in self._ended, "asked after its end"
        assert self.now >= job.poll.due, "asked before its time"
        assert self.now >= self.silent_until, "asked while the server wanted silence"
        assert 0 < job.timeout <= max(job.poll.deadline - self.now, LAST_LOOK)
        assert self.now + job.timeout <= job.poll.deadline + 1, "may outlast the deadline"
        self.asked[task_id] += 1
        answer, takes = self._answer(task_id, self.now)
        if takes > job.timeout:
            answer, takes = ConnectionFailed("stalled"), job.timeout
        heapq.heappush(self._flying, (self.now + takes, next(self._numbers), job, answer))
        assert len(self._flying) == self.schedule.in_flight <= self._max_in_flight

    def _sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.sleeps += 1
        lands = self._flying[0][0] if self._flying else math.inf
        assert min(lands, seconds) < math.inf, "nothing would ever happen again"
        self.now = min(lands, self.now + seconds)
        while self._flying and self._flying[0][0] <= self.now:
            _, _, job, answer = heapq.heappop(self._flying)
            self.schedule.looked(job, self._poll_after(job.poll, answer), self.now)

    def _poll_after(self, poll: Poll, answer: Answer) -> Poll:
        if isinstance(answer, VideoTaskResponse):
            return answered(poll, answer, None, self.now, self._chance())
        if isinstance(answer, RateLimitedError):
            self.silent_until = max(self.silent_until, self.now + (answer.retry_after or 0))
        return missed(poll, answer, self.now, self._chance())


def scheduled(max_in_flight: int = 20, requests_per_minute: float | None = None, max_waiting: int = 10_000) -> Schedule:
    return Schedule(max_in_flight=max_in_flight, requests_per_minute=requests_per_minute, max_waiting=max_waiting)


def test_ten_thousand_tasks_end_with_twenty_requests_in_flight() -> None:
    chance = random.Random(1)  # noqa: S311 - the same each time
    ends = {f"t{number}": NOW + chance.uniform(0, 60) for number in range(10_000)}

    def answer(task_id: str, now: float) -> tuple[Answer, float]:
        return VideoTaskResponse(id=task_id, status="failed" if now >= ends[task_id] else "running"), 0.02

    run = Run(scheduled(), answer)
    results = list(run.results(ends))
    assert sorted(result.task_id for result in results) == sorted(ends)
    assert all(isinstance(result.error, TaskFailed) for result in results)
    # Twenty in flight for 20 ms make a thousand a second, so that a round is ten seconds: no task is starved.
    assert max(run.asked.values()) <= 10
    assert run.asked.total() < 60_000
    assert run.now < NOW + 90
    assert run.sleeps <= 2 * run.asked.total()


def test_an_iterable_that_never_ends_is_taken_from_as_results_are_taken() -> None:
    taken = count()

    def answer(task_id: str, _now: float) -> tuple[Answer, float]:
        return VideoTaskResponse(id=task_id, status="failed"), 0.02

    run = Run(scheduled(max_waiting=50), answer)
    for number, _ in enumerate(run.results(f"t{number}" for number in taken)):
        if number == 1000:
            break
    assert next(taken) <= 1000 + 2 * 50
    assert len(run.schedule.tokens) <= 50


def test_forty_eight_hours_for_one_task_are_some_eighteen_thousand_looks() -> None:
    run = Run(scheduled(), lambda _task_id, _now: (with_expiry(None), 0.02), timeout=None)
    (result,) = run.results(["t"])
    assert isinstance(result.error, WaitTimeout)
    assert "it should have expired by now" in str(result.error)
    waited = 2 * DAY + GRACE
    assert NOW + waited <= run.now <= NOW + waited + 1
    # From 10 s down to the 9 s that chance may make of them.
    assert waited / 10 < run.asked["t"] < waited / 9 + 20


LATENCIES = st.sampled_from([0.0, 0.02, 0.5, 5.0, 100.0])
ANSWERS = st.sampled_from(
    ["running", "running", "failed", "3600 to live", "reset", "429", "429 for 0.3 s", "429 for 20 s", "429 for 2000 s"]
)


def said(what: str, task_id: str) -> Answer:
    match what.split():
        case ["reset"]:
            return ConnectionFailed("reset")
        case ["429"]:
            return too_many(None)
        case ["429", "for", seconds, "s"]:
            return too_many(float(seconds))
        case [life, "to", "live"]:
            return VideoTaskResponse(id=task_id, status="queued", execution_expires_after=int(life))
        case _:
            return VideoTaskResponse(id=task_id, status=what)


@settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.generate],
)
@given(
    begun=st.lists(st.sampled_from("abcdefghij"), max_size=20),
    script=st.lists(st.tuples(ANSWERS, LATENCIES), max_size=60),
    timeout=st.sampled_from([None, 0.0, 1.0, 30.0, 900.0]),
    max_in_flight=st.integers(1, 4),
    requests_per_minute=st.sampled_from([None, 1, 30, 600]),
    max_waiting=st.sampled_from([1, 3, 100]),
)
def test_every_task_ends_once_within_its_time_whatever_the_server_says(
    begun: list[str],
    script: list[tuple[str, float]],
    timeout: float | None,
    max_in_flight: int,
    requests_per_minute: float | None,
    max_waiting: int,
) -> None:
    lines = iter(script)
    sent = list[float]()

    def answer(task_id: str, now: float) -> tuple[Answer, float]:
        sent.append(now)
        what, takes = next(lines, ("running", 0.02))
        return said(what, task_id), takes

    slow = PollPolicy(initial_delay=1800.0, max_delay=7200.0) if timeout is None else OFTEN
    run = Run(
        scheduled(max_in_flight, requests_per_minute, max_waiting),
        answer,
        timeout=timeout,
        policy=slow,
        max_in_flight=max_in_flight,
    )
    results = list(run.results(begun))
    assert Counter(result.task_id for result in results) == Counter(set(begun))
    assert all(isinstance(result.error, TaskFailed | WaitTimeout) for result in results)
    if timeout is not None:
        assert run.now <= NOW + timeout + 1
    if requests_per_minute is not None:
        gaps = [later - earlier for earlier, later in pairwise(sent)]
        assert min(gaps, default=60) >= 60 / requests_per_minute - 1e-6
    assert run.schedule.progress.statuses == {}
    assert run.schedule.in_flight == 0
    assert run.sleeps <= 4 * (len(sent) + len(begun)) + 4
