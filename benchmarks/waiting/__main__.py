"""Simulates what schedules cost, and writes the tables and the picture of docs/waiting-costs.md."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.waiting import optimum, picture
from benchmarks.waiting.promises import CHANGES, LEARNED, SEEN, after_change, after_learning
from benchmarks.waiting.simulation import FLEX, PEERS, RULE, STANDARD, Cost, Durations, cost, mean, of_policy
from meshapi_video import PollPolicy

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "waiting-costs.md"
PICTURE = DOCS / "assets" / "waiting-costs.svg"
TASKS = {STANDARD: 4000, FLEX: 1000}


def main() -> None:
    """Writes them, and prints the tables."""
    begun = time.monotonic()
    peers = {name: {d: cost(delay, d, n) for d, n in TASKS.items()} for name, delay in PEERS.items()}
    default = {d: cost(of_policy(PollPolicy()), d, n) for d, n in TASKS.items()}
    learned = {d: after_learning(d) for d in LEARNED}
    tables = {
        "peers": "\n".join(_peers(peers, default, learned)),
        "learned": "\n".join(_learned(learned)),
        "changes": "\n".join(_changes()),
    }
    text = PAGE.read_text(encoding="utf-8")
    for name, table in tables.items():
        text = _between(text, name, table)
        print(table, end="\n\n")
    PAGE.write_text(text, encoding="utf-8")
    ours = {"PollPolicy()": default, "AdaptivePolicy()": learned}
    # A rule of thumb, and nobody's default.
    del peers[RULE]
    PICTURE.write_text(picture.draw([STANDARD, FLEX], peers, ours), encoding="utf-8")
    print(f"in {time.monotonic() - begun:.0f} s, to {PAGE} and {PICTURE}")


def _peers(
    peers: dict[str, dict[Durations, Cost]], default: dict[Durations, Cost], learned: dict[Durations, Cost]
) -> Iterator[str]:
    yield "| schedule | standard: looks, lag | flex: looks, lag |"
    yield "|---|---|---|"
    ours = {"**`PollPolicy()`**": default, f"**`AdaptivePolicy()`** after {SEEN} tasks": learned}
    for name, costs in (peers | ours).items():
        yield f"| {name} | {_shown(costs[STANDARD])} | {_shown(costs[FLEX])} |"
    few, many = (optimum.lag_at(STANDARD, looks) for looks in (9.0, 12.0))
    yield f"| the optimum for a known distribution | 9.0, {few:.2f} s · 12.0, {many:.2f} s | |"


def _learned(learned: dict[Durations, Cost]) -> Iterator[str]:
    yield "| durations | looks | lag | the optimum's lag with as many looks | ratio |"
    yield "|---|---|---|---|---|"
    for durations, found in learned.items():
        best = optimum.lag_at(durations, found.looks)
        yield f"| {durations.name} | {found.looks:.1f} | {found.lag:.2f} s | {best:.2f} s | {found.lag / best:.2f} |"


def _changes() -> Iterator[str]:
    parts = {
        "1st task": slice(0, 1),
        "2nd to 5th": slice(1, 5),
        "6th to 10th": slice(5, 10),
        "31st to 40th": slice(30, 40),
    }
    yield f"| from, to | the default | {' | '.join(parts)} | dearest |"
    yield f"|---|---|{'---|' * len(parts)}---|"
    for before, now in CHANGES:
        change = after_change(before, now)
        cells = [mean(change.by_task[part]) for part in parts.values()]
        dearest = max(map(change.ratio, change.by_task))
        shown = " | ".join(f"{_shown(cell)} ({change.ratio(cell):.2f})" for cell in cells)
        yield f"| {before.name}, {now.name} | {_shown(change.default)} | {shown} | {dearest:.2f} |"


def _shown(found: Cost) -> str:
    return f"{found.looks:.{0 if found.looks >= 100 else 1}f}, {found.lag:.{1 if found.lag >= 10 else 2}f} s"


def _between(text: str, name: str, table: str) -> str:
    """The page with the table between its markers."""
    begin, end = f"<!-- {name}: written by nox -s simulate -->", f"<!-- end of {name} -->"
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{PAGE} has no place for {name}: {begin} … {end}")
    return f"{before}{begin}\n\n{table}\n\n{end}{after}"


if __name__ == "__main__":
    main()
