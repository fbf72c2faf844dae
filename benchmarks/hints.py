"""Figure 10: polls and lag with callbacks as hints, by the simulation of docs/waiting-costs.md."""

from __future__ import annotations

from benchmarks.goals import Goal, goals_table
from benchmarks.plan import Plan, Section
from benchmarks.tables import Series
from benchmarks.waiting.simulation import FEWEST_POLLS, FLEX, LOST, STANDARD, cost_with_callbacks

TASKS = {STANDARD: 4_000, FLEX: 1_000}


def measure(_plan: Plan) -> Section:
    """The goals, for the schedules with the fewest polls. The simulation is seeded, so nothing is measured here."""
    lines = [f"| callbacks about ended tasks | all arrive: polls, lag | {LOST:.0%} never arrive |", "|---|---|---|"]
    goals = list[Goal]()
    for kind, tasks in TASKS.items():
        policy = FEWEST_POLLS[kind]
        every, some = (cost_with_callbacks(policy, kind, tasks, lost, ended_only=True) for lost in (0, LOST))
        schedule = f"{kind.name} tasks, a poll every {policy.max_delay:g} s"
        lines.append(f"| {schedule} | {every.polls:.2f}, {every.lag:.2f} s | {some.polls:.2f}, {some.lag:.1f} s |")
        goals += [
            Goal(f"polls per task with hints, {kind.name} tasks", Series((every.polls,)), at_most=2.2),
            Goal(f"seconds of lag with hints, {kind.name} tasks", Series((every.lag,)), at_most=0.3),
        ]
    return Section("\n".join([*lines, "", goals_table(goals)]))
