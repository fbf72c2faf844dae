"""The table of the results, and its place on the page."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from tools.fleet.engines import ENGINES
from tools.fleet.faults import FAULTS
from tools.fleet.run import Plan, Result

PAGE: Final = Path("docs/many-machines.md")
BEGIN: Final = "<!-- fleet:begin -->"
END: Final = "<!-- fleet:end -->"
HEAD: Final = """\
| engine | fault | runs | ended, of begun | calls of `on_end` | last end to its record | any end to its record | CPU per poll |
|---|---|---|---|---|---|---|---|
"""  # noqa: E501 - a row cannot be broken
NOTES: Final = """\

- *last end to its record*: from the end of the last task, in the sandbox, to the line that `on_end` wrote; *any end*:
  the longest such time of all tasks of a run. Both are medians of the runs.
- *CPU per poll*: of both workers and their children, from the first wait to the last record, divided by the polls of
  tasks that had not ended. It includes the start of a new worker and the first use of each client, and polls
  that failed are not counted. The row with ten thousand tasks therefore shows what a poll costs in the long run.
- The harness starts a worker for each one that ends, as a supervisor does: some workers end when their server restarts.
- An engine whose workers have no child processes has no row for the kill of a child.
- With ten thousand tasks, a task is polled every 30 seconds, and by `poll_video` every 5 minutes: Temporal's server for
  development starts about 55 activities a second on this machine.
"""


def table(results: Iterable[Result]) -> str:
    """A Markdown table with a row for each engine and fault, in the order of `ENGINES` and `FAULTS`."""
    rows = dict[tuple[str, str], list[Result]]()
    for result in sorted(results, key=_place):
        rows.setdefault((result.engine, result.plan.fault), []).append(result)
    return HEAD + "".join(_row(*row, rows[row]) for row in rows)


def _place(result: Result) -> tuple[int, int]:
    engines = [*ENGINES, result.plan.engine]
    return engines.index(result.plan.engine), list(FAULTS).index(result.plan.fault)


def _row(engine: str, fault: str, results: Sequence[Result]) -> str:
    begun = sum(result.plan.tasks for result in results)
    ended = sum(result.ended for result in results)
    cells = [
        engine,
        FAULTS[fault][0],
        str(len(results)),
        f"{ended:,} of {begun:,}",
        f"{sum(result.calls for result in results):,}",
        _seconds([result.last_delay for result in results]),
        _seconds([result.longest_delay for result in results]),
        f"{1000 * sum(result.cpu for result in results) / max(sum(result.polls for result in results), 1):.2f} ms",
    ]
    return f"| {' | '.join(cells)} |\n"


def _seconds(values: Sequence[float]) -> str:
    """The median, and the longest if there are several."""
    longest = f", at most {max(values):.1f} s" if len(values) > 1 else ""
    return f"{statistics.median(values):.1f} s{longest}"


def write(text: str, page: Path) -> None:
    """Replaces the text between the markers of the page. Raises `ValueError` if it has no markers."""
    before, begin, rest = page.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} has no lines {BEGIN} and {END}")
    page.write_text(f"{before}{begin}\n\n{text}\n{end}{after}", "utf-8")


def load(file: Path) -> list[Result]:
    """The results in a file of JSON lines; none if there is no such file."""
    if not file.exists():
        return []
    return [result_from(json.loads(line)) for line in file.read_text("utf-8").splitlines()]


def result_from(values: dict[str, object]) -> Result:
    """A result from its JSON object."""
    plan = values.pop("plan")
    assert isinstance(plan, dict)
    return Result(plan=Plan(**plan), **values)  # type: ignore[arg-type]  # the file is written by `save`


def save(result: Result, file: Path) -> None:
    """Appends a result to a file of JSON lines."""
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(asdict(result)) + "\n")
