"""The command that `nox -s corpus` runs."""

from __future__ import annotations

import argparse
import re
import shutil
import signal
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

from codegen.corpus.pages import Page, pages
from codegen.corpus.runs import Kind, Outcome, run_pages
from codegen.errors import CodegenError

_HELP = """
Feed each operation of a folder of OpenAPI documents through the generators, as an added page.

FOLDER may hold OpenAPI documents (.yaml, .yml, .json), published pages (.md), and cases as in the tests (keys:
schemas, paths, task, samples). Folders in it count too. Each operation is added to openapi.yaml, with the components
that it uses. Then it is refused, or generated and verified. generated/ does not change.

The results:
  generated and proven   the code imports, type-checks, and reads and writes valid instances rightly
  refused                a message names the place and a remedy, before generation or by a generator
  refused by the check   no refusal foresaw the fault: the verification found it in the generated code
  broken                 anything else; the exit code is then 1
"""


def main() -> None:
    """Prints the table and the totals. The exit code is 1 if an operation is broken."""
    parser = argument_parser()
    options = parser.parse_args()
    if not options.folder.is_dir():
        parser.error(f"{options.folder} is not a folder")
    found = [page for page in pages(options.folder) if options.only in page.source]
    if not found:
        sys.exit(f"corpus: {options.folder} holds no OpenAPI document")
    # So that the workers are ended, too.
    signal.signal(signal.SIGTERM, _end)
    try:
        broken = _run(found, options.workers, full=options.full)
    except KeyboardInterrupt:
        sys.exit("corpus: interrupted")
    except CodegenError as error:
        sys.exit(f"corpus: {error}")
    sys.exit(1 if broken else 0)


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit("corpus: ended by a signal")


def argument_parser() -> argparse.ArgumentParser:
    """The arguments of the command."""
    parser = argparse.ArgumentParser(
        prog="nox -s corpus --", description=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder with the documents")
    parser.add_argument("--only", metavar="TEXT", default="", help="only files whose name contains TEXT")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes at a time (default: 2)")
    parser.add_argument("--full", action="store_true", help="print whole reasons, not only their beginning")
    return parser


def _run(found: list[Page], workers: int, *, full: bool) -> int:
    started, totals, reasons = time.perf_counter(), Counter[Kind](), Counter[tuple[Kind, str]]()
    width = shutil.get_terminal_size((100, 24)).columns
    for number, (page, outcome) in enumerate(run_pages(found, workers=workers), start=1):
        totals[outcome.kind] += 1
        if outcome.reason:
            reasons[outcome.kind, shape(outcome.reason)] += 1
        sys.stdout.writelines(f"{line}\n" for line in row(page, outcome, width, full=full))
        sys.stdout.flush()
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{number} of {len(found)}\r")
        elif number % 20 == 0:
            sys.stderr.write(f"{number} of {len(found)}\n")
    sys.stdout.write("\n")
    for (kind, text), count in reasons.most_common():
        sys.stdout.writelines(f"{line}\n" for line in _wrapped(f"{count:4}  {kind}: {text}", width, "      "))
    seconds = time.perf_counter() - started
    sys.stdout.write(f"\n{len(found)} operations in {seconds:.0f} s\n")
    sys.stdout.writelines(f"{totals[kind]:6}  {kind}\n" for kind in Kind)
    return totals[Kind.BROKEN]


def row(page: Page, outcome: Outcome, width: int, *, full: bool = False) -> list[str]:
    """The lines of one operation: the result, the seconds, the document, the operation, and the reason."""
    head = f"{outcome.kind:<20} {outcome.seconds:5.1f} s  {page.source}  {page.operation}".rstrip()
    lines = list(_wrapped(head, width, " " * 4))
    if outcome.reason:
        reason = outcome.reason if full else short(outcome.reason)
        for line in reason.splitlines():
            # An indented line is a part of a remedy: it can be pasted only as it is.
            lines += [f"    {line}"] if line.startswith(" ") else _wrapped(f"    {line}", width, " " * 6)
    return lines


def short(reason: str) -> str:
    """The beginning of a reason, in one line. Of several faults, it is the first."""
    first = reason.removeprefix("The generated code would be wrong:\n").partition("\n")[0]
    return first if len(first) <= 240 else f"{first[:237]}..."


def shape(reason: str) -> str:
    """The beginning of a reason without names and values, so that reasons can be counted."""
    line = re.sub(r"^#[^\s:]*: |`[^`]*`: ", "", short(reason))
    line = re.sub(
        r"(the (?:instance|response|body|argument)) .*?(?=raises|comes|is (?:not )?valid|is sent)", r"\1 … ", line
    )
    line = re.sub(r"(comes back from the model as|is sent as|line) .*", r"\1 …", line) if "mypy" not in line else line
    line = re.sub(r"#/[^\s:]*|'[^']*'|\"[^\"]*\"|\{[^}]*\}|\(.*?\)|<[^>]*>|\S*/\S*|\d+", "…", line)
    return line if len(line) <= 120 else f"{line[:117]}..."


def _wrapped(text: str, width: int, indent: str) -> Iterator[str]:
    yield from textwrap.wrap(text, width, subsequent_indent=indent, drop_whitespace=True, break_on_hyphens=False) or [
        ""
    ]


if __name__ == "__main__":
    main()
