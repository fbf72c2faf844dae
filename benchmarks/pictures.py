"""The picture of figure 1: an SVG that is readable on light and on dark pages."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks.polls import import_peer

GREY: Final = "#808080"
COLOURS: Final = [
    *("#d1495b", "#c98a94", "#e0803a", "#b58a00", "#8a8f98"),
    *("#3d8fd1", "#7a6fd0", "#9a9a9a", "#1fa37a", "#c2479f"),
]
"""Colours with enough contrast to white and to almost black."""
SDK: Final = "VideoClient"
"""The part of a name by which this SDK's lines are drawn thick."""


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
        for (name, values), colour in zip(lines.items(), COLOURS, strict=True):
            if all(math.isnan(value) for value in values):
                continue
            width = 3.0 if SDK in name else 1.5
            axes.plot(in_flight, values, color=colour, linewidth=width, marker="o", label=name.replace("`", ""))
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(list(in_flight), [str(number) for number in in_flight])
        axes.minorticks_off()
        ticks = [10, 30, 100, 300, 1000, 3000, 10_000, 30_000]
        low, high = axes.get_ylim()
        shown = [tick for tick in ticks if low <= tick <= high]
        axes.set_yticks(shown, [f"{tick:,}" for tick in shown])
        axes.set_xlabel("requests in flight")
        axes.set_ylabel("requests per second")
        axes.grid(color=GREY, alpha=0.25, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
        pyplot.close(figure)
    # Git warns about white space at the ends of lines.
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"
