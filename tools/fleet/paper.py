"""What so many waiting tasks need, computed from the schedules of the SDK and from measured costs. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks.waiting.promises import after_learning
from benchmarks.waiting.simulation import (
    LOST,
    Cost,
    Durations,
    cost,
    cost_with_callbacks,
    delay_of,
    log_normal,
)
from meshapi_video import PollPolicy

PAGE: Final = Path(__file__).parents[2] / "docs" / "many-machines.md"
TASKS: Final = 1000
"""The number of simulated tasks of each kind."""
SHORT: Final = log_normal("2 minutes", 120, 0.6)
LONG: Final = log_normal("30 minutes", 1800, 0.8)
"""Each named by its median: the SDK's own figures have the same shapes, for 75 s and 45 minutes."""
DEFAULT: Final = "`PollPolicy()`"
ADAPTIVE: Final = "`AdaptivePolicy()` after 50 tasks"
POLICIES: Final = {
    DEFAULT: PollPolicy(),
    "`PollPolicy(initial_delay=30, max_delay=60)`": PollPolicy(initial_delay=30, max_delay=60),
    "`PollPolicy(initial_delay=300, max_delay=300)`": PollPolicy(initial_delay=300, max_delay=300),
}
RARE: Final = list(POLICIES)[-1]
CALLBACKS: Final = f"{RARE} and callbacks"


@dataclass(frozen=True)
class Load:
    """What a steady state with one waiting task sends: multiply it by the number of tasks that wait at once."""

    polls: float
    """The polls of each task, with the one that finds the end."""
    lag: float
    """Seconds between a task's end and the poll that finds it."""
    seconds: float
    """How long a task is waited for, with the lag."""

    @property
    def rate(self) -> float:
        """Polls a second for each task that waits. As many tasks end as begin (Little's law)."""
        return self.polls / self.seconds


def mean_seconds(durations: Durations) -> float:
    """The mean of the durations."""
    sample = durations.sample(TASKS)
    return sum(sample) / len(sample)


def load(durations: Durations, costs: Cost) -> Load:
    """The load of tasks that are polled at this cost."""
    return Load(costs.polls, costs.lag, mean_seconds(durations) + costs.lag)


@cache
def loads(durations: Durations) -> dict[str, Load]:
    """The load with each schedule, by its text for the table."""
    costs = {name: cost(delay_of(policy), durations, TASKS) for name, policy in POLICIES.items()}
    costs[ADAPTIVE] = after_learning(durations, runs=20, tasks=100)
    costs[CALLBACKS] = cost_with_callbacks(POLICIES[RARE], durations, TASKS, LOST)
    return {name: load(durations, costs[name]) for name in costs}
