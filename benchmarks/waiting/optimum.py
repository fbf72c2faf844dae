"""The fewest looks and the least lag that anybody could have who knew the distribution."""

from __future__ import annotations

import math
from bisect import bisect_left
from functools import cache
from itertools import accumulate, pairwise

from benchmarks.waiting.simulation import Cost, Delay, Durations, cost

_WORTH = [0.1 * 1.3**i for i in range(21)]


def schedule(durations: Durations, lag_weight: float) -> list[float]:
    """The ages at which to look, by dynamic programming over looks + `lag_weight` * lag."""
    step = durations.median / 600
    last = round(durations.longest * 1.6 / step)
    ages = [step * i for i in range(last + 1)]
    ended = [durations.ended_by(age) for age in ages]
    # The lag of tasks that end between two looks: what has ended by each moment, less what had at the first.
    area = [0.0, *accumulate((a + b) / 2 * step for a, b in pairwise(ended))]
    least = [0.0] * (last + 1)
    following = [last] * (last + 1)
    for i in range(last - 1, -1, -1):
        under_way, best = 1 - ended[i], math.inf
        # A later look is followed by a later one: no look after this one need come before the next one's.
        for j in range(i + 1, following[i + 1] + 1):
            lag = area[j] - area[i] - ended[i] * (ages[j] - ages[i])
            total = under_way + lag_weight * lag + least[j]
            if total < best:
                best, following[i] = total, j
        least[i] = best
    looks, i = list[float](), 0
    while i < last:
        i = following[i]
        looks.append(ages[i])
    return looks


@cache
def line(durations: Durations) -> list[Cost]:
    """The optimum for one worth of a second of lag after another, by number of looks."""
    return sorted((cost(_at(schedule(durations, worth)), durations, 4000) for worth in _WORTH), key=lambda c: c.looks)


def lag_at(durations: Durations, looks: float) -> float:
    """The least lag with that many looks."""
    costs = line(durations)
    i = min(max(bisect_left([c.looks for c in costs], looks), 1), len(costs) - 1)
    low, high = costs[i - 1], costs[i]
    part = math.log(looks / low.looks) / math.log(high.looks / low.looks)
    return low.lag * math.pow(high.lag / low.lag, part)


def _at(ages: list[float]) -> Delay:
    def delay(age: float, _looks: int, _chance: float) -> float:
        i = bisect_left(ages, age + 1e-6)
        return ages[i] - age if i < len(ages) else age / 2

    return delay
