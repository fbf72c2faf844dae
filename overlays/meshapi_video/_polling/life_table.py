"""Statistics of how long tasks take, and when to poll because of them. Pure.

A `LifeTable` counts, for each age on a logarithmic scale, the tasks at risk (running at that age)
and the events (tasks that ended at that age). Their quotient is the hazard: how likely a task of
that age is to end next. A task whose wait starts late, stops early or has not ended counts only for
the ages at which it was observed.

A `PollPlan` sends polls where ends are likely. With delays of d seconds at an age with hazard h, one
second costs 1/d polls and h·d/2 seconds of lag. If a second of lag costs w polls, the sum is
smallest for d = √(2 / (w·h)). So the density of polls is √(w·h/2).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

_STEP: Final = 0.05
"""The width of a bin, in natural logarithms of seconds: a twentieth of the age."""
BINS: Final = 267
"""The last bin ends at seven days; older tasks count for it."""
_EDGES: Final = [math.exp(_STEP * i) for i in range(BINS + 1)]
_YOUNGEST: Final = _EDGES[1]
"""Seconds. Up to this age the scale is linear, because a logarithmic scale has no zero."""
_OLDEST: Final = _EDGES[-1]
_BASE_POLLS: Final = [2 * (math.sqrt(b) - math.sqrt(a)) / math.sqrt(2 * _STEP) for a, b in pairwise(_EDGES)]
"""Polls in a bin in which every task ends, if a second of lag costs one poll."""

PRIOR_HAZARD: Final = 0.01 * _STEP
"""The hazard of a bin without events: an end there is not impossible."""
_MEMORY: Final = 200.0
"""Events after which an event counts 1/e of a new one."""
_ROUNDING: Final = 1e-9
"""Rounding may leave this much of zero tasks."""
_LARGEST_WEIGHT: Final = 1e100

Span: TypeAlias = tuple[int, float, int, float]
"""Two ages on the scale: for each, its bin and the position within the bin, from 0 to 1."""


@frozen
class PollPlan:
    """When to poll, and the hazard that the plan assumes."""

    polls: Sequence[float]
    """The number of polls up to each edge of the bins."""
    lowest: Sequence[float]
    highest: Sequence[float]
    """The lowest and the highest estimate of the cumulative hazard up to each edge. They differ where
    little is known: one counts it as no events, the other as some."""

    def next_age(self, age: float, polls: float) -> float:
        """The age at which `polls` more polls are due."""
        position = _position(age)
        i = int(position)
        target = self.polls[i] + (self.polls[i + 1] - self.polls[i]) * (position - i) + polls
        i = bisect_left(self.polls, target, i)
        if i > BINS:
            return math.inf
        low, high = self.polls[i - 1], self.polls[i]
        position = i - 1 + (target - low) / (high - low)
        return math.exp(_STEP * position) if position > 1 else position * _YOUNGEST


@define
class LifeTable:
    """The tasks at risk and the events for each age. Old observations count less."""

    _entered: list[float] = field(factory=lambda: [0.0] * BINS)
    """For each bin, the tasks observed from this bin on, minus those observed up to it."""
    _within: list[float] = field(factory=lambda: [0.0] * BINS)
    """The correction of their sum for tasks whose observation starts or stops within the bin."""
    _events: list[float] = field(factory=lambda: [0.0] * BINS)
    _weight: float = 1.0
    """The weight of a new observation."""
    completed: int = 0
    """The number of tasks that ended."""

    def observe(self, span: Span) -> None:
        """Records that a task ran between two ages."""
        first, into_first, last, into_last = span
        weight = self._weight
        self._entered[first] += weight
        self._entered[last] -= weight
        self._within[first] -= weight * into_first
        self._within[last] += weight * into_last

    def observe_end(self, span: Span) -> None:
        """Records that it ended at the second age."""
        self._events[span[2]] += self._weight
        self.completed += 1
        # Raising the weight of new observations costs less than lowering that of all old ones.
        self._weight *= 1 + 1 / _MEMORY
        if self._weight > _LARGEST_WEIGHT:
            self._set_counts(*self.counts())

    def plan(self, lag_weight: float) -> PollPlan:
        """When to poll, if a second of lag costs `lag_weight` polls."""
        at_risk, events = self.counts()
        reach = _smoothing_reach(events)
        at_risk, events = _smooth(at_risk, reach), _smooth(events, reach)
        lowest = [e / (n + 1) for e, n in zip(events, at_risk, strict=True)]
        # At ages without tasks at risk, any hazard is possible, so no event is evidence of a change.
        highest = [e / n + PRIOR_HAZARD if n >= 1 else 1.0 for e, n in zip(events, at_risk, strict=True)]
        # One imaginary task that takes longer than most, and ends at about twice the median age. Beyond
        # all observed ages, this task alone decides when to poll.
        for i in range(_median_bin(events), BINS):
            at_risk[i] += 1
            events[i] += _STEP
        hazards = [e / n if n > _ROUNDING else 0.0 for e, n in zip(events, at_risk, strict=True)]
        polls = [math.sqrt(lag_weight * hazard) * base for hazard, base in zip(hazards, _BASE_POLLS, strict=True)]
        return PollPlan(_cumulative(polls), _cumulative(lowest), _cumulative(highest))

    def counts(self) -> tuple[list[float], list[float]]:
        """The tasks at risk and the events in each bin; a task observed now would count 1."""
        sums = zip(accumulate(self._entered), self._within, strict=True)
        return [max(s + w, 0.0) / self._weight for s, w in sums], [e / self._weight for e in self._events]

    @classmethod
    def from_counts(cls, at_risk: Sequence[float], events: Sequence[float], completed: int) -> LifeTable:
        """The table with these counts. Zeros at their end may be left out."""
        table = cls(completed=completed)
        table._set_counts(at_risk, events)
        return table

    def _set_counts(self, at_risk: Sequence[float], events: Sequence[float]) -> None:
        self._entered = [0.0] * BINS
        self._within = [*at_risk, *[0.0] * (BINS - len(at_risk))]
        self._events = [*events, *[0.0] * (BINS - len(events))]
        self._weight = 1.0


def span_between(since: float, until: float) -> Span:
    """The position of two ages on the scale."""
    a, b = _position(since), _position(until)
    return int(a), a - int(a), int(b), b - int(b)


def cumulative_hazard(sums: Sequence[float], span: Span) -> float:
    """The hazard between two ages, from the cumulative hazard up to each edge."""
    i, f, j, g = span
    return sums[j] + (sums[j + 1] - sums[j]) * g - sums[i] - (sums[i + 1] - sums[i]) * f


def _position(age: float) -> float:
    if age < _YOUNGEST:
        return age / _YOUNGEST
    return math.log(age) / _STEP if age < _OLDEST else BINS - 1e-9


def _cumulative(values: Sequence[float]) -> list[float]:
    return [0.0, *accumulate(values)]


def _median_bin(counts: Sequence[float]) -> int:
    return bisect_left(list(accumulate(counts)), sum(counts) / 2)


def _smoothing_reach(events: Sequence[float]) -> int:
    """The number of bins on each side over which to average."""
    n = sum(events)
    mean = sum(i * e for i, e in enumerate(events)) / n
    deviation = math.sqrt(sum((i - mean) ** 2 * e for i, e in enumerate(events)) / n)
    # Silverman's rule.
    width = 0.9 * deviation * n**-0.2
    # Three averages over 2·r + 1 bins are as wide as a normal distribution of that width.
    return round((math.sqrt(4 * width**2 + 1) - 1) / 2)


def _smooth(counts: list[float], reach: int) -> list[float]:
    margin = [0.0] * reach
    for _ in range(3):
        sums = [0.0, *accumulate([*margin, *counts, *margin])]
        counts = [(b - a) / (2 * reach + 1) for a, b in zip(sums, sums[2 * reach + 1 :], strict=False)]
    return counts
