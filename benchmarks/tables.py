"""Medians, ratios and tables, from the measured values. Pure."""

from __future__ import annotations

import math
import random
import re
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

T = TypeVar("T")

NO_VALUE: Final = "-"


def in_rounds(
    contenders: Sequence[T], rounds: int, *, fewer: Sequence[T] = (), fewer_rounds: int = 0, seed: int = 7
) -> Iterator[T]:
    """Each contender once per round. The order differs between rounds, and is the same in every run.

    The contenders in `fewer` run in the first `fewer_rounds` rounds only.
    """
    rand = random.Random(seed)  # noqa: S311 - not for a secret
    for number in range(rounds):
        running = [*contenders, *fewer] if number < fewer_rounds else contenders
        yield from rand.sample(running, len(running))


@dataclass(frozen=True)
class Series:
    """One figure of one contender: a value for each round, None for a round in which it failed."""

    values: tuple[float | None, ...] = ()

    @property
    def known(self) -> list[float]:
        """The values without None."""
        return [value for value in self.values if value is not None]

    @property
    def median(self) -> float:
        """The median; not a number if there are no values."""
        return statistics.median(self.known) if self.known else math.nan

    def over(self, other: Series) -> Series:
        """The ratio for each round. What slows down a whole round does not change its ratio."""
        pairs = zip(self.values, other.values, strict=False)
        return Series(tuple(None if one is None or not by else one / by for one, by in pairs))

    def text(self, form: str = "{:.2f}") -> str:
        """The median, with the minimum and the maximum."""
        if not self.known:
            return NO_VALUE
        if len(self.known) == 1:
            return form.format(self.median)
        return f"{form.format(self.median)} ({form.format(min(self.known))}..{form.format(max(self.known))})"


@dataclass
class Results:
    """The measured values by contender and figure."""

    figures: dict[tuple[str, str], list[float | None]] = field(default_factory=lambda: defaultdict(list))
    problems: dict[str, str] = field(default_factory=dict[str, str])

    def record(self, contender: str, **figures: float | None) -> None:
        """Adds a contender's values of one round."""
        for name, value in figures.items():
            self.figures[contender, name].append(value)

    def record_failure(self, contender: str, problem: str, *figures: str) -> None:
        """Records that a contender failed in a round, and why."""
        self.problems[contender] = problem
        self.record(contender, **dict.fromkeys(figures))

    def series(self, contender: str, name: str) -> Series:
        """A contender's values of a figure; empty if there are none."""
        return Series(tuple(self.figures.get((contender, name), ())))

    def ratio(self, name: str, contender: str, by: str) -> Series:
        """One contender's figure divided by another's, for each round."""
        return self.series(contender, name).over(self.series(by, name))


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    heading: str
    figure: str
    form: str = "{:.2f}"
    over: str | None = None
    """The contender by whose figure to divide."""

    def cell(self, results: Results, contender: str) -> str:
        """The text in a contender's row."""
        if self.over is None:
            return results.series(contender, self.figure).text(self.form)
        return results.ratio(self.figure, contender, self.over).text(self.form)


def table(heading: str, results: Results, contenders: Iterable[str], columns: Sequence[Column]) -> str:
    """A Markdown table with a row for each contender. The row of a contender that failed says why."""
    lines = [[heading, *(column.heading for column in columns)], ["---", *["---:"] * len(columns)]]
    for contender in contenders:
        problem = results.problems.get(contender)
        name = contender if problem is None else f"{contender}: *{problem}*"
        lines.append([name, *(column.cell(results, contender) for column in columns)])
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def replace_section(page: str, name: str, text: str) -> str:
    """The page with `text` between the markers of `name`. Raises `ValueError` unless it has them once."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    found, count = pattern.subn(lambda _: f"{begin}\n{text.strip()}\n\n{end}", page)
    if count != 1:
        raise ValueError(f"the page should have the markers of {name!r} once, and has them {count} times")
    return found
