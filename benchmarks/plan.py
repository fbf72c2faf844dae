"""The settings of a run, and the result of a figure."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from benchmarks.noise import Noise

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """How much to measure."""

    rounds: int | None = None
    """None for each figure's own number of rounds."""
    quick: bool = False
    noise: Noise = field(default_factory=Noise)

    def rounds_of(self, own: int, *, quick: int = 1) -> int:
        """The rounds of a figure whose own number of rounds is `own`, or `quick` in a quick run."""
        return self.rounds or (quick if self.quick else own)

    def measured(self, contenders: Iterable[T]) -> Iterator[T]:
        """The contenders, with a sample of the machine's noise before each."""
        for contender in contenders:
            self.noise.sample()
            yield contender

    def log(self, text: str) -> None:
        """Reports progress on stderr, so that stdout has only the tables."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


@dataclass(frozen=True)
class Section:
    """One figure's part of the page."""

    text: str
    pictures: dict[str, str] = field(default_factory=dict[str, str])
    """SVG texts by file name."""
