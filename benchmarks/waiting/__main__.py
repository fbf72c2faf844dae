"""Simulates the cost of schedules, and writes the tables and the picture of docs/waiting-costs.md."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.waiting import optimum, picture
from benchmarks.waiting.promises import CHANGES, LEARNED, TRAINING_TASKS, after_change, after_learning
from benchmarks.waiting.simulation import (
    FEWEST_POLLS,
    FLEX,
    LOST,
    PEERS,
    RARE,
    RULE_OF_THUMB,
    STANDARD,
    Cost,
    Durations,
    cost,
    cost_with_callbacks,
    default_cost,
    delay_of,
    mean,
)
from meshapi_video import PollPolicy

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "waiting-costs.md"
PICTURE = DOCS / "assets" / "waiting-costs.svg"
TASKS = {STANDARD: 4000, FLEX: 1000}
_SOME_LOST = f"{LOST:.0%} never arrive".replace("%", " %")


def _name(policy: PollPolicy) -> str:
    return f"`PollPolicy(initial_delay={policy.initial_delay}, max_delay={policy.max_delay})`"


WITH_CALLBACKS = {"`PollPolicy()`": PollPolicy(), _name(RARE): RARE}
"""The policies with and without callbacks, by the name of their rows."""
ENDED_ONLY = {_name(policy): policy for policy in (RARE, *FEWEST_POLLS.values())}
"""The policies with callbacks about ended tasks only."""


def main() -> None:
    """Writes the tables and the picture, and prints the tables."""
    started = time.monotonic()
    peers = {name: {d: cost(delay, d, n) for d, n in TASKS.items()} for name, delay in PEERS.items()}
    default = {d: default_cost(d, n) for d, n in TASKS.items()}
    learned = {d: after_learning(d) for d in LEARNED}
    some_lost = {
        name: {d: cost_with_callbacks(policy, d, n, LOST) for d, n in TASKS.items()}
        for name, policy in WITH_CALLBACKS.items()
    }
    tables = {
        "peers": "\n".join(_peers(peers, default, learned)),
        "callbacks": "\n".join(_callbacks(some_lost)),
        "ended only": "\n".join(_ended_only()),
        "learned": "\n".join(_learned(learned)),
        "changes": "\n".join(_changes()),
    }
    text = PAGE.read_text(encoding="utf-8")
    for name, table in tables.items():
        text = _replace_section(text, name, table)
        print(table, end="\n\n")
    PAGE.write_text(text, encoding="utf-8")
    ours = {"PollPolicy()": default, "AdaptivePolicy()": learned}
    names = "PollPolicy() with callbacks", f"{RARE.initial_delay:.0f} s with callbacks"
    with_callbacks = dict(zip(names, some_lost.values(), strict=True))
    # The picture shows only defaults, and this rule is no peer's default.
    del peers[RULE_OF_THUMB]
    PICTURE.write_text(picture.draw([STANDARD, FLEX], peers, ours, with_callbacks), encoding="utf-8")
    print(f"in {time.monotonic() - started:.0f} s, to {PAGE} and {PICTURE}")


def _peers(
    peers: dict[str, dict[Durations, Cost]], default: dict[Durations, Cost], learned: dict[Durations, Cost]
) -> Iterator[str]:
    yield "| schedule | standard: polls, lag | flex: polls, lag |"
    yield "|---|---|---|"
    ours = {"**`PollPolicy()`**": default, f"**`AdaptivePolicy()`** after {TRAINING_TASKS} tasks": learned}
    for name, costs in (peers | ours).items():
        yield f"| {name} | {_text(costs[STANDARD])} | {_text(costs[FLEX])} |"
    few, many = (optimum.lag_at(STANDARD, polls) for polls in (9.0, 12.0))
    yield f"| the optimum for a known distribution | 9.0, {few:.2f} s · 12.0, {many:.2f} s | |"


def _callbacks(some_lost: dict[str, dict[Durations, Cost]]) -> Iterator[str]:
    yield "| schedule | callbacks | standard: polls, lag | flex: polls, lag |"
    yield "|---|---|---|---|"
    for name, policy in WITH_CALLBACKS.items():
        rows = {
            "none": {d: cost(delay_of(policy), d, n) for d, n in TASKS.items()},
            "all arrive": {d: cost_with_callbacks(policy, d, n, lost=0) for d, n in TASKS.items()},
            _SOME_LOST: some_lost[name],
        }
        for callbacks, costs in rows.items():
            yield f"| {name} | {callbacks} | {_text(costs[STANDARD])} | {_text(costs[FLEX])} |"


def _ended_only() -> Iterator[str]:
    yield "| schedule | callbacks about ended tasks | standard: polls, lag | flex: polls, lag |"
    yield "|---|---|---|---|"
    for name, policy in ENDED_ONLY.items():
        for callbacks, lost in {"all arrive": 0.0, _SOME_LOST: LOST, "none arrives": 1.0}.items():
            costs = {d: cost_with_callbacks(policy, d, n, lost, ended_only=True) for d, n in TASKS.items()}
            yield f"| {name} | {callbacks} | {_text(costs[STANDARD])} | {_text(costs[FLEX])} |"


def _learned(learned: dict[Durations, Cost]) -> Iterator[str]:
    yield "| durations | polls | lag | lag of the optimum with as many polls | ratio |"
    yield "|---|---|---|---|---|"
    for durations, costs in learned.items():
        best = optimum.lag_at(durations, costs.polls)
        yield f"| {durations.name} | {costs.polls:.1f} | {costs.lag:.2f} s | {best:.2f} s | {costs.lag / best:.2f} |"


def _changes() -> Iterator[str]:
    parts = {
        "1st task": slice(0, 1),
        "2nd to 5th": slice(1, 5),
        "6th to 10th": slice(5, 10),
        "31st to 40th": slice(30, 40),
    }
    yield f"| from, to | the default | {' | '.join(parts)} | maximum |"
    yield f"|---|---|{'---|' * len(parts)}---|"
    for before, now in CHANGES:
        change = after_change(before, now)
        cells = [mean(change.by_task[part]) for part in parts.values()]
        highest = max(map(change.ratio, change.by_task))
        texts = " | ".join(f"{_text(cell)} ({change.ratio(cell):.2f})" for cell in cells)
        yield f"| {before.name}, {now.name} | {_text(change.default)} | {texts} | {highest:.2f} |"


def _text(costs: Cost) -> str:
    lag_digits = 0 if costs.lag >= 100 else 1 if costs.lag >= 10 else 2
    return f"{costs.polls:.{0 if costs.polls >= 100 else 1}f}, {costs.lag:.{lag_digits}f} s"


def _replace_section(text: str, name: str, table: str) -> str:
    """The page with the table between the markers of `name`."""
    begin, end = f"<!-- {name}: written by nox -s simulate -->", f"<!-- end of {name} -->"
    before, _, rest = text.partition(begin)
    _, marker, after = rest.partition(end)
    if not marker:
        raise ValueError(f"{PAGE} has no place for {name}: {begin} … {end}")
    return f"{before}{begin}\n\n{table}\n\n{end}{after}"


if __name__ == "__main__":
    main()
