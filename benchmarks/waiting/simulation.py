"""Simulates the cost of a schedule: polls per task, and the lag between a task's end and the poll that finds it.

Nothing sleeps. A task is a duration from a distribution. A schedule is a policy of the SDK, or a
peer's default, written as a function. All random numbers come from seeded generators.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

from meshapi_video import AdaptivePolicy, PollPolicy, VideoTaskResponse, is_terminal
from meshapi_video._polling.scheduler import ScheduledPoll, Scheduler
from meshapi_video._polling.state import poll_succeeded, start_wait

Delay = Callable[[float, int, float], float]
"""Seconds until the next poll, from the age of the task, the earlier polls, and a random number from 0 to 1."""

CALLBACK_DELAY = 0.2
"""Seconds from a change of a task's status to the call of `poll_now`."""

_NORMAL = NormalDist()


@dataclass(frozen=True)
class Durations:
    """A distribution of the durations of tasks."""

    name: str
    ended_by: Callable[[float], float]
    """The fraction of the tasks that have ended at an age."""
    longest: float
    """The age in seconds at which almost all tasks have ended."""

    @property
    def median(self) -> float:
        """The age at which half of the tasks have ended."""
        return self.quantile(0.5)

    def quantile(self, fraction: float) -> float:
        """The age at which that fraction of the tasks has ended."""
        low, high = 0.0, self.longest * 10
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self.ended_by(middle) < fraction else (low, middle)
        return high

    def sample(self, n: int) -> tuple[float, ...]:
        """So many durations that represent the distribution, in random order."""
        return _sample(self, n)


@cache
def _sample(durations: Durations, n: int) -> tuple[float, ...]:
    sample = [durations.quantile((i + 0.5) / n) for i in range(n)]
    random.Random(7).shuffle(sample)
    return tuple(sample)


def log_normal(name: str, median: float, sigma: float) -> Durations:
    """Durations whose logarithm is normally distributed."""

    def ended_by(age: float) -> float:
        return _NORMAL.cdf(math.log(age / median) / sigma) if age > 0 else 0.0

    return Durations(name, ended_by, median * math.exp(3.6 * sigma))


def weibull(name: str, scale: float, shape: float) -> Durations:
    """Durations whose hazard grows with a power of the age."""
    return Durations(name, lambda age: 1 - math.exp(-((age / scale) ** shape)), scale * 9 ** (1 / shape))


def gamma(name: str, scale: float) -> Durations:
    """The sum of three exponentially distributed stages."""

    def ended_by(age: float) -> float:
        x = age / scale
        return 1 - math.exp(-x) * (1 + x + x * x / 2)

    return Durations(name, ended_by, 12 * scale)


def mixture(name: str, first: Durations, second: Durations) -> Durations:
    """Half of the durations from each of two distributions."""
    longest = max(first.longest, second.longest)
    return Durations(name, lambda age: (first.ended_by(age) + second.ended_by(age)) / 2, longest)


STANDARD = log_normal("standard", 75, 0.6)
FLEX = log_normal("flex", 2700, 0.8)
WEIBULL = weibull("Weibull", 100, 2)
GAMMA = gamma("gamma", 30)
TWO_KINDS = mixture("two kinds mixed", log_normal("", 50, 0.25), log_normal("", 180, 0.25))


@dataclass(frozen=True)
class Cost:
    """The cost of waiting, per task."""

    polls: float
    lag: float
    """Seconds."""

    def total(self, lag_weight: float) -> float:
        """Polls and lag as one number, in polls."""
        return self.polls + lag_weight * self.lag


def mean(costs: Iterable[Cost]) -> Cost:
    """The mean polls and the mean lag."""
    all_costs = list(costs)
    n = len(all_costs)
    return Cost(sum(c.polls for c in all_costs) / n, sum(c.lag for c in all_costs) / n)


def wait(delay: Delay, duration: float, rand: random.Random) -> Cost:
    """Waits for one task: from the first poll at age 0 to the poll that finds the task ended."""
    age, polls = 0.0, 1
    while age < duration:
        age += delay(age, polls - 1, rand.random())
        polls += 1
    return Cost(polls, age - duration)


def cost(delay: Delay, durations: Durations, n: int) -> Cost:
    """The mean cost of `n` tasks."""
    rand = random.Random(11)
    return mean(wait(delay, duration, rand) for duration in durations.sample(n))


def delay_of(policy: PollPolicy | AdaptivePolicy) -> Delay:
    """The delays of a policy that does not learn meanwhile."""
    return lambda age, _polls, rand: policy.delay(age, rand)


@cache
def default_cost(durations: Durations, n: int) -> Cost:
    """The mean cost of `n` tasks with `PollPolicy()`."""
    return cost(delay_of(PollPolicy()), durations, n)


def wait_and_learn(policy: AdaptivePolicy, duration: float, rand: random.Random) -> Cost:
    """Waits for one task with a policy that observes each poll, as it does in the clients."""
    task = VideoTaskResponse(id=f"{rand.getrandbits(64):x}", status="running")
    age, polls = 0.0, 1
    while True:
        since, age = age, age + policy.delay(age, rand.random(), 0, task)
        polls += 1
        ended = age >= duration
        policy.observe(task, since, duration if ended else age, ended=ended)
        if ended:
            return Cost(polls, age - duration)


def wait_with_callbacks(
    policy: PollPolicy, duration: float, lost: float, rand: random.Random, *, ended_only: bool = False
) -> Cost:
    """Waits for one task as `wait_many` does, with a callback as a hint after each change of the task's status.

    The task is queued at age 0 and runs from a tenth of its duration on. `lost` is the fraction of the callbacks
    that never arrive. With `ended_only`, only the callback about the ended task is a hint.
    """
    scheduler = Scheduler(max_in_flight=1, requests_per_minute=None, max_waiting=1)
    scheduler.add(start_wait("task", policy, None, now=0, unix_time=0))
    statuses = {0.0: "queued", duration / 10: "running", duration: "cancelled"}
    changes = {at: VideoTaskResponse(id="task", status=status) for at, status in statuses.items()}
    hints = [at for at, task in changes.items() if not ended_only or is_terminal(task)]
    callbacks = [at + CALLBACK_DELAY for at in hints if rand.random() >= lost]
    now = 0.0
    while True:
        action = scheduler.next(now)
        if isinstance(action, ScheduledPoll):
            task = next(changes[at] for at in reversed(changes) if at <= now)
            state = poll_succeeded(action.state, task, None, now, rand.random())
            scheduler.record(action, state, now)
            if scheduler.has_results:
                return Cost(state.polls, now - duration)
        elif callbacks and callbacks[0] <= now + action:
            now = callbacks.pop(0)
            scheduler.poll_now("task", now)
        else:
            now += action


def cost_with_callbacks(
    policy: PollPolicy, durations: Durations, n: int, lost: float, *, ended_only: bool = False
) -> Cost:
    """The mean cost of `n` tasks whose callbacks are hints; with `ended_only`, those about ended tasks."""
    rand = random.Random(11)
    waits = (
        wait_with_callbacks(policy, duration, lost, rand, ended_only=ended_only) for duration in durations.sample(n)
    )
    return mean(waits)


def every(seconds: float) -> Delay:
    """A constant delay."""
    return lambda _age, _polls, _rand: seconds


def _google(_age: float, polls: int, rand: float) -> float:
    return rand * min(1.5 ** min(polls, 10), 20.0)


RARE = PollPolicy(initial_delay=60.0, max_delay=60.0)
"""A policy that suits waits with callbacks."""
FEWEST_POLLS = {
    STANDARD: PollPolicy(initial_delay=150.0, max_delay=150.0),
    FLEX: PollPolicy(initial_delay=7200.0, max_delay=7200.0),
}
"""For each kind of task, a policy with which only one task in eight is polled a third time.

Only callbacks about ended tasks are hints: one poll at the start of the wait, and one for the callback.
"""
LOST = 0.05
"""The fraction of the callbacks that never arrive, if some do not."""
RULE_OF_THUMB = "a tenth of the age, 2..15 s"
PEERS: dict[str, Delay] = {
    "Mesh's published loop, 5 s": every(5),
    "openai, 1 s": every(1),
    "runway, 6 s": every(6),
    "google-api-core, random 0..20 s": _google,
    "azure, 30 s": every(30),
    RULE_OF_THUMB: lambda age, _polls, _rand: min(max(age / 10, 2.0), 15.0),
}
