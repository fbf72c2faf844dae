"""Figure 10: polls and lag with callbacks as hints, from the simulation of `nox -s simulate`."""

from __future__ import annotations

import re
from typing import Final

from benchmarks.goals import Goal, goals_table
from benchmarks.plan import Plan, Section
from benchmarks.processes import ROOT
from benchmarks.tables import Series

SIMULATED: Final = ROOT / "docs" / "waiting-costs.md"
ROW: Final = re.compile(r"^\| (.+?) \| (all arrive[^|]*) \| ([\d.]+), ([\d.]+) s \|", re.MULTILINE)
"""A row of the table with callbacks of which none is lost: schedule, callbacks, polls and lag of standard tasks."""


def measure(_plan: Plan) -> Section:
    """The goals, for the schedule with the fewest polls. The simulation is seeded, so nothing is measured here."""
    text = SIMULATED.read_text(encoding="utf-8")
    rows = [(float(polls), float(lag), f"{name}, {callbacks}") for name, callbacks, polls, lag in ROW.findall(text)]
    polls, lag, name = min(rows)
    goals = [
        Goal("polls per task with hints", Series((polls,)), at_most=2.2, form="{:.1f}"),
        Goal("seconds of lag with hints", Series((lag,)), at_most=0.3),
    ]
    return Section(f"The schedule with the fewest polls: {name}.\n\n{goals_table(goals)}")
