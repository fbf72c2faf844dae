"""The optimum: the fewest polls for each lag that a schedule can have if it knows the distribution."""

from __future__ import annotations

import math
from bisect import bisect_left
from functools import cache
from itertools import accumulate, pairwise

from benchmarks.waiting.simulation import Cost, Delay, Durations, cost

_LAG_WEIGHTS = [0.1 * 1.3**i for i in range(21)]


def schedule(durations: Durations, lag_weight: float) -> list[float]:
    """The ages at which to poll, by dynamic programming over polls + `lag_weight` * lag."""
    step = durations.median / 600
    last = round(durations.longest * 1.6 / step)
    ages = [step * i for i in range(last + 1)]
    ended = [durations.ended_by(age) for age in ages]
    # For the lag of tasks that end between two polls: the integral of the fraction of ended tasks.
    area = [0.0, *accumulate((a + b) / 2 * step for a, b in pairwise(ended))]
    least = [0.0] * (last + 1)
    following = [last] * (last + 1)
    for i in range(last - 1, -1, -1):
        running, best = 1 - ended[i], math.inf
        # An earlier poll never has a later next poll, so the search ends at the next poll of age i + 1.
        for j in range(i + 1, following[i + 1] + 1):
            lag = area[j] - area[i] - ended[i] * (ages[j] - ages[i])
            total = running + lag_weight * lag + least[j]
            if total < best:
                best, following[i] = total, j
        least[i] = best
    polls, i = list[float](), 0
    while i < last:
        i = following[i]
        polls.append(ages[i])
    return polls


@cache
def line(durations: Durations) -> list[Cost]:
    """The optimum for each of many lag weights, sorted by polls."""
    schedules = (schedule(durations, lag_weight) for lag_weight in _LAG_WEIGHTS)
    return sorted((cost(_delay_of(ages), durations, 4000) for ages in schedules), key=lambda c: c.polls)


def lag_at(durations: Durations, polls: float) -> float:
    """The least lag with that many polls."""
    costs = line(durations)
    i = min(max(bisect_left([c.polls for c in costs], polls), 1), len(costs) - 1)
    low, high = costs[i - 1], costs[i]
    fraction = math.log(polls / low.polls) / math.log(high.polls / low.polls)
    return low.lag * math.pow(high.lag / low.lag, fraction)


def _delay_of(ages: list[float]) -> Delay:
    def delay(age: float, _polls: int, _rand: float) -> float:
        i = bisect_left(ages, age + 1e-6)
        return ages[i] - age if i < len(ages) else age / 2

    return delay
