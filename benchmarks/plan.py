"""What a run is told, and what each figure gives back."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Plan:
    """How much to measure."""

    rounds: int | None = None
    """None for as many as each figure has by itself."""
    quick: bool = False

    def say(self, text: str) -> None:
        """What is being measured, on stderr; tables alone go to stdout."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


@dataclass(frozen=True)
class Section:
    """The part of the page that one figure has."""

    text: str
    pictures: dict[str, str] = field(default_factory=dict[str, str])
    """SVG by file name."""
