"""What the default and the learning policy are held to, measured."""

from __future__ import annotations

import random
from dataclasses import dataclass

from benchmarks.waiting.simulation import (
    FLEX,
    GAMMA,
    STANDARD,
    TWO_KINDS,
    WEIBULL,
    Cost,
    Durations,
    cost,
    log_normal,
    mean,
    of_policy,
    watch_and_learn,
)
from meshapi_video import AdaptivePolicy, PollPolicy

LAG_WEIGHT = 2.5
"""What the learning policy takes a second of lag for, in looks, unless told otherwise."""
RUNS = 200
SEEN = 50
"""Tasks that it has seen end when it is judged."""
AFTER = 40
"""Tasks after a change for which it is watched."""
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
    """The mean of what waiting costs with policies that have seen tasks of that distribution end."""
    # Tasks that last long take long to simulate, and vary less.
    runs, tasks = (runs // 4, tasks // 2) if durations is FLEX else (runs, tasks)
    return mean(cost(of_policy(_trained(durations, SEEN, run)), durations, tasks) for run in range(runs))


@dataclass(frozen=True)
class Change:
    """What waiting costs after tasks have suddenly begun to take another time."""

    default: Cost
    """With the default policy."""
    by_task: list[Cost]
    """With the learning one: the first task after the change, the second, …"""

    def ratio(self, cost: Cost) -> float:
        """How many times the default's cost that is."""
        return cost.at(LAG_WEIGHT) / self.default.at(LAG_WEIGHT)


def after_change(before: Durations, now: Durations, runs: int = RUNS, after: int = AFTER) -> Change:
    """The mean over many runs that have seen a hundred tasks of one distribution, and now get another."""
    runs = runs // 4 if now is FLEX else runs
    by_task: list[list[Cost]] = [[] for _ in range(after)]
    for run in range(runs):
        policy, chance = _trained(before, 100, run), random.Random(run)
        for number, costs in enumerate(by_task):
            # Evenly over the distribution, for each of the tasks: fewer runs tell as much.
            part = ((run + 0.5) / runs + number * 0.381966) % 1
            costs.append(watch_and_learn(policy, now.quantile(part), chance))
    return Change(cost(of_policy(PollPolicy()), now, 2000), [mean(costs) for costs in by_task])


def _trained(durations: Durations, tasks: int, seed: int) -> AdaptivePolicy:
    policy, chance = AdaptivePolicy(lag_weight=LAG_WEIGHT), random.Random(seed)
    for _ in range(tasks):
        watch_and_learn(policy, durations.quantile(chance.random()), chance)
    return policy
