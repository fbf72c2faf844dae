"""What a schedule costs: looks per task, and the lag between a task's end and its being seen.

Nothing sleeps: a task is a duration drawn from a distribution, and a schedule is the SDK's own
policy, or a peer's default written as one. Chance comes from seeded generators.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

from meshapi_video import AdaptivePolicy, PollPolicy, VideoTaskResponse

Delay = Callable[[float, int, float], float]
"""Seconds to the next look, from the age of the task, the looks before, and chance from 0 to 1."""

_NORMAL = NormalDist()


@dataclass(frozen=True)
class Durations:
    """How long tasks take."""

    name: str
    ended_by: Callable[[float], float]
    """The part of the tasks that has ended by an age."""
    longest: float
    """Seconds by which practically all have."""

    @property
    def median(self) -> float:
        """The age by which half of the tasks have ended."""
        return self.quantile(0.5)

    def quantile(self, part: float) -> float:
        """The age by which that part of the tasks has ended."""
        low, high = 0.0, self.longest * 10
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self.ended_by(middle) < part else (low, middle)
        return high

    def evenly(self, n: int) -> list[float]:
        """As many durations as stand for all, in any order."""
        return list(_evenly(self, n))


@cache
def _evenly(durations: Durations, n: int) -> tuple[float, ...]:
    found = [durations.quantile((i + 0.5) / n) for i in range(n)]
    random.Random(7).shuffle(found)
    return tuple(found)


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
    """Durations of either kind, as often."""
    longest = max(first.longest, second.longest)
    return Durations(name, lambda age: (first.ended_by(age) + second.ended_by(age)) / 2, longest)


STANDARD = log_normal("standard", 75, 0.6)
FLEX = log_normal("flex", 2700, 0.8)
WEIBULL = weibull("Weibull", 100, 2)
GAMMA = gamma("gamma", 30)
TWO_KINDS = mixture("two kinds mixed", log_normal("", 50, 0.25), log_normal("", 180, 0.25))


@dataclass(frozen=True)
class Cost:
    """What waiting costs per task."""

    looks: float
    lag: float
    """Seconds."""

    def at(self, lag_weight: float) -> float:
        """Both in one, in looks."""
        return self.looks + lag_weight * self.lag


def mean(costs: Iterable[Cost]) -> Cost:
    """The mean of each."""
    all_costs = list(costs)
    n = len(all_costs)
    return Cost(sum(c.looks for c in all_costs) / n, sum(c.lag for c in all_costs) / n)


def watch(delay: Delay, duration: float, chance: random.Random) -> Cost:
    """One task from its beginning, the first look at once, to the look that finds it over."""
    age, looks = 0.0, 1
    while age < duration:
        age += delay(age, looks - 1, chance.random())
        looks += 1
    return Cost(looks, age - duration)


def cost(delay: Delay, durations: Durations, n: int) -> Cost:
    """The mean over `n` tasks."""
    chance = random.Random(11)
    return mean(watch(delay, duration, chance) for duration in durations.evenly(n))


def of_policy(policy: PollPolicy | AdaptivePolicy) -> Delay:
    """A policy that learns nothing from this."""
    return lambda age, _looks, chance: policy.delay(age, chance)


def watch_and_learn(policy: AdaptivePolicy, duration: float, chance: random.Random) -> Cost:
    """The same, with a policy that is told what each look finds, as the clients tell it."""
    task = VideoTaskResponse(id=f"{chance.getrandbits(64):x}", status="running")
    age, looks = 0.0, 1
    while True:
        since, age = age, age + policy.delay(age, chance.random(), 0, task)
        looks += 1
        ended = age >= duration
        policy.saw(task, since, duration if ended else age, ended=ended)
        if ended:
            return Cost(looks, age - duration)


def every(seconds: float) -> Delay:
    """Always the same."""
    return lambda _age, _looks, _chance: seconds


def _google(_age: float, looks: int, chance: float) -> float:
    return chance * min(1.5 ** min(looks, 10), 20.0)


RULE = "a tenth of the age, 2..15 s"
PEERS: dict[str, Delay] = {
    "Mesh's published loop, 5 s": every(5),
    "openai, 1 s": every(1),
    "runway, 6 s": every(6),
    "google-api-core, random 0..20 s": _google,
    "azure, 30 s": every(30),
    RULE: lambda age, _looks, _chance: min(max(age / 10, 2.0), 15.0),
}
