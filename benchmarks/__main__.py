"""What `nox -s bench` runs."""

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
    one_look,
    page,
    profiles,
    rates,
    regenerating,
)
from benchmarks.plan import Plan, Section

FIGURES: Final[dict[int, Callable[[Plan], Section]]] = {
    1: rates.measure,
    2: many.measure,
    3: one_look.measure,
    4: checking.measure,
    5: cold_start.measure,
    6: downloading.measure,
    7: regenerating.measure,
}
ABOUT: Final = "\n".join(f"  {sys.modules[measure.__module__].__doc__}" for measure in FIGURES.values())


def main() -> None:
    """The benchmarks as a command."""
    parser = argparse.ArgumentParser(
        prog="nox -s bench --",
        description="Measures this SDK beside its peers, prints tables, and puts them into docs/benchmarks.md.",
        epilog=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only",
        type=int,
        nargs="+",
        choices=FIGURES,
        default=list(FIGURES),
        metavar="N",
        help="these figures (all take about 40 minutes)",
    )
    parser.add_argument("--rounds", type=_positive, help="rounds of each figure, instead of its own number")
    parser.add_argument("--quick", action="store_true", help="small and rough, in a few minutes; leaves docs/ as it is")
    parser.add_argument("--print-only", action="store_true", help="leaves docs/ as it is")
    parser.add_argument(
        "--profile", choices=["before", "after"], help="no figures: a profile of one look, as this part of the page"
    )
    told = parser.parse_args()
    # As a ctrl-C does: it ends the children, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    plan = Plan(told.rounds, told.quick)
    sections: dict[str, Section] = {}
    try:
        wanted = (
            {f"profile {told.profile}": profiles.measure}
            if told.profile
            else {f"figure {number}": FIGURES[number] for number in told.only}
        )
        for name, measure in wanted.items():
            sections[name] = section = measure(plan)
            sys.stdout.write(f"\n## {name.capitalize()}\n\n{section.text.strip()}\n")
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit("bench: interrupted; docs/ is as it was")
    sys.stdout.write(f"\n{page.where()}\n")
    if not (told.quick or told.print_only):
        page.write(sections)


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    main()
