"""What is made of the figures: medians, ratios, tables, verdicts. Pure."""

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

NOTHING: Final = "none"


def in_rounds(contenders: Sequence[T], rounds: int, seed: int = 7) -> Iterator[T]:
    """Each contender once a round, in another order each time, the same in every run."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    for _ in range(rounds):
        yield from chance.sample(contenders, len(contenders))


@dataclass(frozen=True)
class Series:
    """One figure of one contender, a value for each round; None where it failed."""

    values: tuple[float | None, ...] = ()

    @property
    def known(self) -> list[float]:
        """The values that there are."""
        return [value for value in self.values if value is not None]

    @property
    def median(self) -> float:
        """Not a number if there is none."""
        return statistics.median(self.known) if self.known else math.nan

    def over(self, other: Series) -> Series:
        """The ratios, each within one round: what slowed a whole round down has no part in them."""
        pairs = zip(self.values, other.values, strict=False)
        return Series(tuple(None if one is None or not by else one / by for one, by in pairs))

    def text(self, form: str = "{:.2f}") -> str:
        """The median, and the smallest and the largest value."""
        if not self.known:
            return NOTHING
        if len(self.known) == 1:
            return form.format(self.median)
        return f"{form.format(self.median)} ({form.format(min(self.known))}..{form.format(max(self.known))})"


@dataclass
class Results:
    """What was measured: figures by contender and by what they are."""

    figures: dict[tuple[str, str], list[float | None]] = field(default_factory=lambda: defaultdict(list))
    problems: dict[str, str] = field(default_factory=dict[str, str])

    def take(self, contender: str, **figures: float | None) -> None:
        """What a contender did in a round."""
        for name, value in figures.items():
            self.figures[contender, name].append(value)

    def fail(self, contender: str, problem: str, *figures: str) -> None:
        """That it could not, and why."""
        self.problems[contender] = problem
        self.take(contender, **dict.fromkeys(figures))

    def series(self, contender: str, name: str) -> Series:
        """Empty if nothing was measured."""
        return Series(tuple(self.figures.get((contender, name), ())))

    def ratio(self, name: str, contender: str, by: str) -> Series:
        """One contender's figure over another's, round by round."""
        return self.series(contender, name).over(self.series(by, name))


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    heading: str
    figure: str
    form: str = "{:.2f}"
    over: str | None = None
    """The contender over whose figure each one's is shown."""

    def cell(self, results: Results, contender: str) -> str:
        """What stands in a contender's row."""
        if self.over is None:
            return results.series(contender, self.figure).text(self.form)
        return results.ratio(self.figure, contender, self.over).text(self.form)


def table(heading: str, results: Results, contenders: Iterable[str], columns: Sequence[Column]) -> str:
    """A Markdown table, a row for each contender, which says so where one failed."""
    lines = [[heading, *(column.heading for column in columns)], ["---", *["---:"] * len(columns)]]
    for contender in contenders:
        problem = results.problems.get(contender)
        name = contender if problem is None else f"{contender}: *{problem}*"
        lines.append([name, *(column.cell(results, contender) for column in columns)])
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


@dataclass(frozen=True)
class Claim:
    """A sentence that the figures bear out, or not."""

    text: str
    ratio: Series
    at_least: float = -math.inf
    at_most: float = math.inf
    form: str = "{:.2f}"

    @property
    def verdict(self) -> str:
        """By the median."""
        if not self.ratio.known:
            return "not measured"
        return "met" if self.at_least <= self.ratio.median <= self.at_most else "not met"


def verdicts(claims: Iterable[Claim]) -> str:
    """A Markdown table of claims."""
    lines = ["| what is claimed | measured | |", "| --- | ---: | --- |"]
    for claim in claims:
        bound = f"at least {claim.at_least:,g}" if claim.at_least > -math.inf else f"at most {claim.at_most:,g}"
        lines.append(f"| {claim.text}: {bound} | {claim.ratio.text(claim.form)} | **{claim.verdict}** |")
    return "\n".join(lines)


def put(page: str, name: str, text: str) -> str:
    """The page with that text between its markers of this name; a `ValueError` if it has none."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    found, count = pattern.subn(lambda _: f"{begin}\n{text.strip()}\n\n{end}", page)
    if count != 1:
        raise ValueError(f"the page should have the markers of {name!r} once, and has them {count} times")
    return found
