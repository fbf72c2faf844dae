"""The picture of polls against lag on logarithmic axes: an SVG that is readable on light and on dark pages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from benchmarks.waiting import optimum
from benchmarks.waiting.simulation import Cost, Durations

WIDTH, HEIGHT, LEFT, TOP, BETWEEN = 440, 400, 56, 44, 36
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #777 }
.title { font-size: 14px; font-weight: 600 }
.axis { stroke: #888; stroke-opacity: .35; fill: none }
.optimum { stroke: #2a9d5c; stroke-width: 2; fill: none }
.peer { fill: #888 }
.ours { fill: #e0702a }
.ours-text { fill: #e0702a; font-weight: 600 }
.callbacks { fill: #3b7dd8 }
.callbacks-text { fill: #3b7dd8; font-weight: 600 }
.optimum-text { fill: #2a9d5c }
"""


@dataclass(frozen=True)
class _Panel:
    """One half of the picture: converts costs to positions."""

    left: float
    polls: tuple[float, float]
    lag: tuple[float, float]

    def x(self, polls: float) -> float:
        """The position of a number of polls: more polls are further right."""
        return self.left + WIDTH * _fraction(polls, *self.polls)

    def y(self, lag: float) -> float:
        """The position of a lag: more lag is further up."""
        return TOP + HEIGHT * (1 - _fraction(lag, *self.lag))


def draw(
    distributions: Sequence[Durations],
    peers: Mapping[str, Mapping[Durations, Cost]],
    ours: Mapping[str, Mapping[Durations, Cost]],
    with_callbacks: Mapping[str, Mapping[Durations, Cost]],
) -> str:
    """The picture. The same costs give the same text."""
    parts = list[str]()
    for i, durations in enumerate(distributions):
        costs = [schedule[durations] for schedule in (*peers.values(), *ours.values(), *with_callbacks.values())]
        polls, lags = [c.polls for c in costs], [c.lag for c in costs]
        panel = _Panel(
            LEFT + i * (WIDTH + LEFT + BETWEEN),
            (min(polls) * 0.6, max(polls) * 1.7),
            (min(lags) * 0.6, max(lags) * 1.8),
        )
        parts += _panel(panel, durations, {"peer": peers, "ours": ours, "callbacks": with_callbacks})
    width, height = 2 * (WIDTH + LEFT) + BETWEEN + 16, HEIGHT + TOP + 48
    label = "The cost of waiting: polls per task against lag, for each schedule"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">\n'
        f"<style>{_STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _panel(
    panel: _Panel, durations: Durations, kinds: Mapping[str, Mapping[str, Mapping[Durations, Cost]]]
) -> Iterator[str]:
    yield _text(
        panel.left, TOP - 16, f"{durations.name}: half of the tasks take {durations.median:.0f} s or less", "title"
    )
    for polls in _round(*panel.polls):
        x = panel.x(polls)
        yield f'<path class="axis" d="M{x:.1f} {TOP}V{TOP + HEIGHT}"/>'
        yield _text(x, TOP + HEIGHT + 18, f"{polls:g}", anchor="middle")
    for lag in _round(*panel.lag):
        y = panel.y(lag)
        yield f'<path class="axis" d="M{panel.left:.1f} {y:.1f}h{WIDTH}"/>'
        yield _text(panel.left - 6, y + 4, f"{lag:g} s", anchor="end")
    yield _text(panel.left + WIDTH, TOP + HEIGHT + 38, "polls per task", anchor="end")
    yield _text(panel.left + 8, TOP + 16, "lag")
    inside = [c for c in optimum.line(durations) if _within(c.polls, panel.polls) and _within(c.lag, panel.lag)]
    points = " ".join(f"{panel.x(c.polls):.1f},{panel.y(c.lag):.1f}" for c in inside)
    yield f'<polyline class="optimum" points="{points}"/>'
    legend = "the optimum for a known distribution"
    yield _text(panel.left + 10, TOP + HEIGHT - 12, legend, "optimum-text")
    for kind, schedules in kinds.items():
        for name, costs in schedules.items():
            x, y = panel.x(costs[durations].polls), panel.y(costs[durations].lag)
            yield f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{4 if kind == "peer" else 6}"/>'
            # The text stands on the side with more room, and below the point where a peer's text stands above it.
            side, anchor = (-9, "end") if x > panel.left + 0.8 * WIDTH else (9, "start")
            below = 16 if kind == "callbacks" else -6
            yield _text(x + side, y + below, name, "" if kind == "peer" else f"{kind}-text", anchor)


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _fraction(value: float, least: float, most: float) -> float:
    return math.log(value / least) / math.log(most / least)


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]


def _round(least: float, most: float) -> list[float]:
    return [n * 10.0**e for e in range(-2, 6) for n in (1, 2, 5) if least <= n * 10.0**e <= most]
