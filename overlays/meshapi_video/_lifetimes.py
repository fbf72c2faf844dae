"""What is known of how long tasks take, and the looks that follow from it. Pure.

A `LifeTable` counts, for each age on a logarithmic scale, the tasks that were under way there and
those that ended there. The quotient is the hazard: how likely a task of that age is to end next.
So tasks that are met late, given up early or still under way count for the ages at which they were
seen, and for no others.

A `Plan` spends looks where ends are likely. With delays of d seconds at an age of hazard h, a second
costs 1/d looks and h·d/2 seconds of lag; when a second of lag is worth w looks, the sum is least for
d = √(2 / (w·h)). In other words, looks are as dense as √(w·h/2).
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
"""To seven days; what is older counts as that."""
_EDGES: Final = [math.exp(_STEP * i) for i in range(BINS + 1)]
_YOUNGEST: Final = _EDGES[1]
"""Seconds up to which the scale is an even one: it begins at no age at all."""
_OLDEST: Final = _EDGES[-1]
_LOOKS: Final = [2 * (math.sqrt(b) - math.sqrt(a)) / math.sqrt(2 * _STEP) for a, b in pairwise(_EDGES)]
"""Looks in a bin in which one of one tasks ends, when a second of lag is worth one look."""

_SURPRISE: Final = 0.01 * _STEP
"""Ends in a bin that would be no wonder where none was seen."""
_MEMORY: Final = 200.0
"""Ends after which an end counts for 1/e of a new one."""
_NOBODY: Final = 1e-9
"""What rounding may leave of no task."""
_LARGEST: Final = 1e100

Span: TypeAlias = tuple[int, float, int, float]
"""Two ages among the bins: for each its bin, and the part of the bin before it."""


@frozen
class Plan:
    """Where to look, and what was expected."""

    looks: Sequence[float]
    """Looks to be made up to the edge of each bin."""
    fewest: Sequence[float]
    most: Sequence[float]
    """Ends to be expected of a task up to the beginning of each bin (the cumulative hazard): what is
    unknown counts as none in one of them, and as some in the other."""

    def next_age(self, age: float, looks: float) -> float:
        """When that many more looks are due."""
        position = _position(age)
        i = int(position)
        target = self.looks[i] + (self.looks[i + 1] - self.looks[i]) * (position - i) + looks
        i = bisect_left(self.looks, target, i)
        if i > BINS:
            return math.inf
        low, high = self.looks[i - 1], self.looks[i]
        position = i - 1 + (target - low) / (high - low)
        return math.exp(_STEP * position) if position > 1 else position * _YOUNGEST


@define
class LifeTable:
    """How many tasks were under way at each age, and how many ended there; the older, the less they count."""

    _entered: list[float] = field(factory=lambda: [0.0] * BINS)
    """For each bin, the tasks that were under way from it on, less those that were only up to it."""
    _within: list[float] = field(factory=lambda: [0.0] * BINS)
    """What is to be added to their sum for those that came or went in the midst of the bin."""
    _ended: list[float] = field(factory=lambda: [0.0] * BINS)
    _weight: float = 1.0
    """What a task counts that is seen now."""
    ends: int = 0
    """Tasks seen to end."""

    def saw(self, span: Span) -> None:
        """Takes in that a task was under way between two ages."""
        first, into_first, last, into_last = span
        weight = self._weight
        self._entered[first] += weight
        self._entered[last] -= weight
        self._within[first] -= weight * into_first
        self._within[last] += weight * into_last

    def saw_end(self, span: Span) -> None:
        """Takes in that it ended at the second."""
        self._ended[span[2]] += self._weight
        self.ends += 1
        # What is new counts for more, rather than everything else for less.
        self._weight *= 1 + 1 / _MEMORY
        if self._weight > _LARGEST:
            self._take(*self.counts())

    def plan(self, lag_weight: float) -> Plan:
        """Where to look, when a second of lag is worth `lag_weight` looks."""
        there, ended = self.counts()
        reach = self._reach(ended)
        there, ended = _smoothed(there, reach), _smoothed(ended, reach)
        fewest = [e / (t + 1) for e, t in zip(ended, there, strict=True)]
        # Where there was nobody, everything may be, and nothing is a surprise.
        most = [e / t + _SURPRISE if t >= 1 else 1.0 for e, t in zip(ended, there, strict=True)]
        # One more task, of which nothing is known but that it takes longer than most: it ends at
        # twice its age or so. Beyond all that was seen, it alone says when to look.
        half = _middle(ended)
        for i in range(half, BINS):
            there[i] += 1
            ended[i] += _STEP
        rates = [e / t if t > _NOBODY else 0.0 for e, t in zip(ended, there, strict=True)]
        looks = [math.sqrt(lag_weight * rate) * base for rate, base in zip(rates, _LOOKS, strict=True)]
        return Plan(_sums(looks), _sums(fewest), _sums(most))

    def counts(self) -> tuple[list[float], list[float]]:
        """The tasks that were under way in each bin, and those that ended in it; a task seen now would count 1."""
        sums = zip(accumulate(self._entered), self._within, strict=True)
        return [max(s + w, 0.0) / self._weight for s, w in sums], [e / self._weight for e in self._ended]

    @classmethod
    def of(cls, there: Sequence[float], ended: Sequence[float], ends: int) -> LifeTable:
        """The table with these counts, of which those at the end may be left out."""
        table = cls(ends=ends)
        table._take(there, ended)
        return table

    def _take(self, there: Sequence[float], ended: Sequence[float]) -> None:
        self._entered = [0.0] * BINS
        self._within = [*there, *[0.0] * (BINS - len(there))]
        self._ended = [*ended, *[0.0] * (BINS - len(ended))]
        self._weight = 1.0

    def _reach(self, ended: Sequence[float]) -> int:
        """Bins on each side over which to average."""
        n = sum(ended)
        mean = sum(i * e for i, e in enumerate(ended)) / n
        spread = math.sqrt(sum((i - mean) ** 2 * e for i, e in enumerate(ended)) / n)
        # Silverman's rule.
        width = 0.9 * spread * n**-0.2
        # Three averages over 2·r + 1 bins are as wide as a normal distribution of that width.
        return round((math.sqrt(4 * width**2 + 1) - 1) / 2)


def _position(age: float) -> float:
    if age < _YOUNGEST:
        return age / _YOUNGEST
    return math.log(age) / _STEP if age < _OLDEST else BINS - 1e-9


def span_of(since: float, until: float) -> Span:
    """Where two ages lie among the bins."""
    a, b = _position(since), _position(until)
    return int(a), a - int(a), int(b), b - int(b)


def grown(sums: Sequence[float], span: Span) -> float:
    """How much sums up to the beginning of each bin grow between two ages."""
    i, f, j, g = span
    return sums[j] + (sums[j + 1] - sums[j]) * g - sums[i] - (sums[i + 1] - sums[i]) * f


def _sums(values: Sequence[float]) -> list[float]:
    return [0.0, *accumulate(values)]


def _middle(counts: Sequence[float]) -> int:
    return bisect_left(list(accumulate(counts)), sum(counts) / 2)


def _smoothed(counts: list[float], reach: int) -> list[float]:
    margin = [0.0] * reach
    for _ in range(3):
        sums = [0.0, *accumulate([*margin, *counts, *margin])]
        # Where there is nothing, a difference of sums may be less than that.
        counts = [max(b - a, 0.0) / (2 * reach + 1) for a, b in zip(sums, sums[2 * reach + 1 :], strict=False)]
    return counts
