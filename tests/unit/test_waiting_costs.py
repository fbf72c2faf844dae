"""What waiting costs, in small: the whole is `nox -s simulate`, and these are its promises, seeded."""

from __future__ import annotations

import math

import pytest

from benchmarks.waiting import optimum
from benchmarks.waiting.promises import CHANGES, LAG_WEIGHT, after_change, after_learning
from benchmarks.waiting.simulation import (
    FLEX,
    GAMMA,
    PEERS,
    STANDARD,
    WEIBULL,
    Cost,
    Delay,
    Durations,
    cost,
    every,
    of_policy,
)
from meshapi_video import AdaptivePolicy, PollPolicy

TASKS = {STANDARD: 600, FLEX: 120}
KINDS = pytest.mark.parametrize("durations", [STANDARD, FLEX], ids=lambda durations: durations.name)


def best(durations: Durations, looks: float) -> float:
    """The optimum's lag: for so many looks, one is as good as another times as many looks."""
    ages = optimum.schedule(durations, LAG_WEIGHT)

    def there(age: float, _looks: int, _chance: float) -> float:
        return next((at for at in ages if at > age + 1e-6), 2 * age) - age

    found = cost(there, durations, 600)
    return found.lag * (found.looks - 1.5) / (looks - 1.5)


@KINDS
@pytest.mark.parametrize("peer", PEERS)
def test_no_other_default_has_both_fewer_looks_and_less_lag(durations: Durations, peer: str) -> None:
    ours, theirs = (cost(delay, durations, TASKS[durations]) for delay in (of_policy(PollPolicy()), PEERS[peer]))
    assert ours.looks < theirs.looks or ours.lag < theirs.lag


@KINDS
def test_the_default_is_on_the_line_through_the_others(durations: Durations) -> None:
    n = {STANDARD: 6000, FLEX: 1500}[durations]
    ours = cost(of_policy(PollPolicy()), durations, n)
    seldom, often = (cost(every(seconds), durations, n) for seconds in (30, 6))
    part = math.log(ours.lag / often.lag) / math.log(seldom.lag / often.lag)
    line = often.looks * math.pow(seldom.looks / often.looks, part)
    # So near that it depends on chance.
    assert ours.looks <= 1.02 * line


@pytest.mark.parametrize("durations", [STANDARD, WEIBULL, GAMMA], ids=lambda durations: durations.name)
def test_after_fifty_tasks_the_lag_is_near_the_optimum(durations: Durations) -> None:
    found = after_learning(durations, runs=20, tasks=100)
    assert found.lag <= 1.2 * best(durations, found.looks)


@pytest.mark.parametrize(("before", "now"), CHANGES, ids=lambda durations: durations.name)
def test_after_a_sudden_change_no_task_costs_much_more_than_by_default(before: Durations, now: Durations) -> None:
    change = after_change(before, now, runs=16, after=5)
    assert max(map(change.ratio, change.by_task)) <= 1.6


def test_the_simulation_counts_as_one_would_by_hand() -> None:
    minute = Durations("a minute", lambda age: float(age >= 60), 60)
    found: dict[str, Cost] = {name: cost(delay, minute, 3) for name, delay in _SIMPLE.items()}
    assert [(c.looks, round(c.lag, 6)) for c in found.values()] == [(10, 3), (2, 40)]
    assert cost(of_policy(AdaptivePolicy()), minute, 3) == cost(of_policy(PollPolicy()), minute, 3)


_SIMPLE: dict[str, Delay] = {"7 s": every(7), "100 s": every(100)}
