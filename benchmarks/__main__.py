"""The command that `nox -s bench` runs."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from typing import Final

from benchmarks import (
    checking,
    cold_start,
    downloading,
    many,
    one_poll,
    page,
    profiles,
    rates,
    regenerating,
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
}
LIST_OF_FIGURES: Final = "\n".join(f"  {sys.modules[measure.__module__].__doc__}" for measure in FIGURES.values())


def main() -> None:
    """The benchmarks as a command."""
    parser = argparse.ArgumentParser(
        prog="nox -s bench --",
        description="Measures this SDK side by side with its peers, prints tables, and writes docs/benchmarks.md.",
        epilog=f"figures:\n{LIST_OF_FIGURES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only",
        type=int,
        nargs="+",
        choices=FIGURES,
        default=list(FIGURES),
        metavar="N",
        help="measure only these figures (all of them take about 40 minutes)",
    )
    parser.add_argument("--rounds", type=_positive, help="the rounds of each figure, instead of its own number")
    parser.add_argument(
        "--quick", action="store_true", help="measure little and roughly, in a few minutes, and do not change docs/"
    )
    parser.add_argument("--print-only", action="store_true", help="print the tables, and do not change docs/")
    parser.add_argument(
        "--profile",
        choices=["before", "after"],
        help="measure no figures; write a profile of one poll into this part of the page",
    )
    arguments = parser.parse_args()
    # Like Ctrl-C: so the children end, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    plan = Plan(arguments.rounds, arguments.quick)
    sections: dict[str, Section] = {}
    try:
        selected = (
            {f"profile {arguments.profile}": profiles.measure}
            if arguments.profile
            else {f"figure {number}": FIGURES[number] for number in arguments.only}
        )
        for name, measure in selected.items():
            sections[name] = section = measure(plan)
            sys.stdout.write(f"\n## {name.capitalize()}\n\n{section.text.strip()}\n")
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit("bench: interrupted; docs/ has not changed")
    sys.stdout.write(f"\n{page.date_and_machine()}\n")
    if not (arguments.quick or arguments.print_only):
        page.write(sections)


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    main()
