"""The command that `nox -s bench` runs."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from benchmarks import (
    checking,
    cold_start,
    creating,
    downloading,
    hints,
    many,
    one_poll,
    page,
    profiles,
    rates,
    regenerating,
    scale,
)
from benchmarks.plan import Plan, Section

FIGURES: Final[dict[int, Callable[[Plan], Section]]] = {
    1: rates.measure,
    2: many.measure,
    3: one_poll.measure,
    4: checking.measure,
    5: cold_start.measure,
    6: downloading.measure,
    7: regenerating.measure,
    8: scale.measure,
    9: creating.measure,
    10: hints.measure,
}
LIST_OF_FIGURES: Final = "\n".join(f"  {sys.modules[measure.__module__].__doc__}" for measure in FIGURES.values())


def main() -> None:
    """The benchmarks as a command."""
    parser = argparse.ArgumentParser(
        prog="nox -s bench --",
        description="Measures this SDK beside its peers, and writes the figures of docs/benchmarks.md and the README.",
        epilog=f"figures:\n{LIST_OF_FIGURES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only",
        type=int,
        nargs="+",
        choices=FIGURES,
        metavar="N",
        help="measure only these figures (all of them take about 35 minutes)",
    )
    parser.add_argument("--rounds", type=_positive, help="the rounds of each figure, instead of its own number")
    parser.add_argument(
        "--quick", action="store_true", help="measure little and roughly, in a few minutes, and do not change docs/"
    )
    parser.add_argument("--print-only", action="store_true", help="print the tables, and do not change docs/")
    parser.add_argument(
        "--profile",
        nargs="+",
        choices=profiles.PROFILES,
        help="measure no figures; write these profiles of a poll into the page",
    )
    arguments = parser.parse_args()
    # Like Ctrl-C: so the children end, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    figures: list[int] = [] if arguments.profile else arguments.only or list(FIGURES)
    named_profiles: list[str] = arguments.profile or []
    if not (arguments.profile or arguments.only or arguments.quick):
        named_profiles = profiles.AFTER
    selected: dict[str, Callable[[Plan], Section]] = {
        **{f"figure {number}": FIGURES[number] for number in figures},
        **{f"profile {name}": partial(profiles.measure, name) for name in named_profiles},
    }
    sections: dict[str, Section] = {}
    started = time.monotonic()
    try:
        for name, measure in selected.items():
            plan = Plan(arguments.rounds, arguments.quick)
            section = measure(plan)
            footnote = "; ".join(filter(None, [page.date_and_machine(), plan.noise.text()]))
            sections[name] = Section(f"{section.text.strip()}\n\n<small>{footnote}</small>", section.pictures)
            sys.stdout.write(f"\n## {name.capitalize()}\n\n{sections[name].text}\n")
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit("bench: interrupted; docs/ has not changed")
    sys.stdout.write(f"\nThis took {(time.monotonic() - started) / 60:.1f} minutes.\n")
    if not (arguments.quick or arguments.print_only):
        page.write(sections)


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    main()
