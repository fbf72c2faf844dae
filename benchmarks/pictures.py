"""The picture of figure 1: an SVG that is readable on light and on dark pages, and without colours."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from benchmarks.polls import import_peer

GREY: Final = "#808080"
"""Has enough contrast to white and to almost black."""
LABEL_DISTANCE: Final = 0.045
"""The smallest distance of two labels, as a part of the picture's height."""


class Style(NamedTuple):
    """How to draw a line, so that it differs from all others without its colour, too."""

    dashes: tuple[float, ...]
    marker: str
    colour: str
    width: float


STYLES: Final = [
    Style((1, 1.5), "x", GREY, 1.2),
    Style((6, 2), "s", GREY, 1.2),
    Style((), "o", "#1f8fd1", 2.8),
    Style((), "D", "#1f8fd1", 1.6),
    Style((4, 1.5, 1, 1.5), "^", "#d1493b", 1.6),
    Style((8, 1.5, 1, 1.5, 1, 1.5), "P", "#a87800", 1.4),
    Style((2, 1), "v", "#d1493b", 1.6),
]
"""In the order of the lines."""


def rates(in_flight: Sequence[int], lines: Mapping[str, Sequence[float]]) -> str:
    """Requests per second against requests in flight, on logarithmic axes. The same values give the same text."""
    mpl = import_peer("matplotlib")
    mpl.use("svg")
    pyplot = import_peer("matplotlib.pyplot")

    settings = {
        "svg.fonttype": "none",  # keeps text as text
        "svg.hashsalt": "meshapi-video",  # keeps the names of the parts the same
        "font.family": "sans-serif",
        "text.color": GREY,
        "axes.labelcolor": GREY,
        "axes.edgecolor": GREY,
        "xtick.color": GREY,
        "ytick.color": GREY,
    }
    with mpl.rc_context(settings):
        figure, axes = pyplot.subplots(figsize=(9, 5), layout="constrained")
        for (_, values), style in zip(lines.items(), STYLES, strict=True):
            axes.plot(
                in_flight,
                values,
                color=style.colour,
                linewidth=style.width,
                linestyle=(0, style.dashes) if style.dashes else "solid",
                marker=style.marker,
                markersize=7,
            )
        _scale(axes, in_flight)
        for name, height in zip(lines, label_heights(_ends(axes, lines.values())), strict=True):
            if not math.isnan(height):
                axes.text(1.02, height, name, transform=axes.transAxes, va="center")
        axes.set_xlabel("requests in flight")
        axes.set_ylabel("requests per second")
        axes.grid(color=GREY, alpha=0.25, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
        pyplot.close(figure)
    # Git warns about white space at the ends of lines.
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def _scale(axes: Any, in_flight: Sequence[int]) -> None:  # noqa: ANN401 - matplotlib is not installed with the types
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(list(in_flight), [str(number) for number in in_flight])
    axes.minorticks_off()
    ticks = [10, 30, 100, 300, 1000, 3000, 10_000, 30_000]
    low, high = axes.get_ylim()
    shown = [tick for tick in ticks if low <= tick <= high]
    axes.set_yticks(shown, [f"{tick:,}" for tick in shown])


def _ends(axes: Any, lines: Iterable[Sequence[float]]) -> list[float]:  # noqa: ANN401 - as above
    """The height at which each line ends, as a part of the picture's height."""
    low, high = (math.log(value) for value in axes.get_ylim())
    return [(math.log(values[-1]) - low) / (high - low) for values in lines]


def label_heights(ends: Sequence[float]) -> list[float]:
    """The heights of the labels: where the lines end, but no two labels on each other."""
    heights = list(ends)
    above = math.inf
    for index in sorted(range(len(ends)), key=lambda index: -ends[index]):
        heights[index] = above = min(ends[index], above - LABEL_DISTANCE)
    return heights
