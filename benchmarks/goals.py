"""Goals: what each figure should reach, and how far the measured values are from it. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from benchmarks.tables import Series

HEADING: Final = "| goal | measured | result |\n| --- | ---: | --- |"
REACHED: Final = "reached"


@dataclass(frozen=True)
class Goal:
    """A bound for the median of the values."""

    text: str
    measured: Series
    at_least: float = -math.inf
    at_most: float = math.inf
    form: str = "{:.2f}"

    @property
    def bound(self) -> str:
        """The bound in words."""
        return f"at least {self.at_least:,g}" if self.at_least > -math.inf else f"at most {self.at_most:,g}"

    @property
    def result(self) -> str:
        """Whether the goal is reached; if not, how far the median is from it."""
        if not self.measured.known:
            return "not measured"
        median = self.measured.median
        if self.at_least <= median <= self.at_most:
            return REACHED
        missing, side = (
            (1 - median / self.at_least, "below") if median < self.at_least else (median / self.at_most - 1, "above")
        )
        return f"{math.ceil(missing * 100)}% {side} the goal"

    @property
    def row(self) -> str:
        """Its row of a table."""
        return f"| {self.text}: {self.bound} | {self.measured.text(self.form)} | **{self.result}** |"


def goals_table(goals: Iterable[Goal]) -> str:
    """A Markdown table of goals."""
    return "\n".join([HEADING, *(goal.row for goal in goals)])


def rows_of_goals(text: str) -> list[str]:
    """The rows of all tables of goals in a text."""
    tables: list[str] = re.findall(re.escape(HEADING) + r"\n((?:\|.*\n?)+)", text)
    return [row for table in tables for row in table.splitlines()]


def measured_value(text: str, goal: str) -> str:
    """The median of the goal whose text begins with `goal`, as the text has it. Raises `ValueError` without one."""
    for row in rows_of_goals(text):
        name, value = (cell.strip() for cell in row.strip("| ").split(" | ")[:2])
        if name.startswith(goal):
            return value.partition(" ")[0]
    raise ValueError(f"the page has no goal that begins with {goal!r}")
