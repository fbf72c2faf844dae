"""The costs that the documentation promises for the default policy and the learning policy."""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass
from functools import cache

from benchmarks.waiting.simulation import (
    FLEX,
    GAMMA,
    STANDARD,
    TWO_KINDS,
    WEIBULL,
    Cost,
    Durations,
    cost,
    default_cost,
    delay_of,
    log_normal,
    mean,
    wait_and_learn,
)
from meshapi_video import AdaptivePolicy

LAG_WEIGHT = 2.5
"""The default `lag_weight` of the learning policy: the cost of a second of lag, in polls."""
RUNS = 200
TRAINING_TASKS = 50
"""Finished tasks from which the policy has learned before it is measured."""
TASKS_AFTER_CHANGE = 40
"""Tasks after a change for which the policy is measured."""
LEARNED = (STANDARD, WEIBULL, GAMMA, FLEX, TWO_KINDS)
CHANGES = (
    (STANDARD, log_normal("a third of standard", 25, 0.6)),
    (STANDARD, log_normal("a fifth of standard", 15, 0.6)),
    (STANDARD, log_normal("a tenth of standard", 7.5, 0.6)),
    (STANDARD, log_normal("three times standard", 225, 0.6)),
    (STANDARD, FLEX),
    (FLEX, STANDARD),
    (FLEX, log_normal("a ninth of flex", 300, 0.6)),
)


def after_learning(durations: Durations, runs: int = RUNS, tasks: int = 200) -> Cost:
    """The mean cost with policies that have learned from tasks of this distribution."""
    # Long tasks take long to simulate, and their costs vary less.
    runs, tasks = (runs // 4, tasks // 2) if durations is FLEX else (runs, tasks)
    return mean(cost(delay_of(_trained(durations, TRAINING_TASKS, run)), durations, tasks) for run in range(runs))


@dataclass(frozen=True)
class Change:
    """The cost of waiting after the durations of tasks have suddenly changed."""

    default: Cost
    """The cost with the default policy."""
    by_task: list[Cost]
    """The cost with the learning policy: of the first task after the change, of the second, …"""

    def ratio(self, cost: Cost) -> float:
        """A cost divided by the default policy's cost."""
        return cost.total(LAG_WEIGHT) / self.default.total(LAG_WEIGHT)


def after_change(before: Durations, now: Durations, runs: int = RUNS, after: int = TASKS_AFTER_CHANGE) -> Change:
    """The mean cost over many runs: a hundred tasks of one distribution, then tasks of another."""
    runs = runs // 4 if now is FLEX else runs
    by_task: list[list[Cost]] = [[] for _ in range(after)]
    for run in range(runs):
        policy, rand = _trained(before, 100, run), random.Random(run)
        for number, costs in enumerate(by_task):
            # For each task, the runs cover the distribution evenly, so that fewer runs give the same precision.
            fraction = ((run + 0.5) / runs + number * 0.381966) % 1
            costs.append(wait_and_learn(policy, now.quantile(fraction), rand))
    return Change(default_cost(now, 2000), [mean(costs) for costs in by_task])


def _trained(durations: Durations, tasks: int, seed: int) -> AdaptivePolicy:
    """A policy that has learned from so many tasks: a copy, because the caller's tasks change it."""
    policy = _trained_once(durations, tasks, seed)
    # A lock cannot be copied, and the simulation has one thread.
    lock = policy._lock  # noqa: SLF001
    return copy.deepcopy(policy, {id(lock): lock})


@cache
def _trained_once(durations: Durations, tasks: int, seed: int) -> AdaptivePolicy:
    policy, rand = AdaptivePolicy(lag_weight=LAG_WEIGHT), random.Random(seed)
    for _ in range(tasks):
        wait_and_learn(policy, durations.quantile(rand.random()), rand)
    return policy
