"""The settings of a run, and the result of a figure."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Plan:
    """How much to measure."""

    rounds: int | None = None
    """None for each figure's own number of rounds."""
    quick: bool = False

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
