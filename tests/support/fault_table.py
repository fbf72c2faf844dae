"""Prints what was seen of the faults: one line each, the drivers side by side."""

from __future__ import annotations

import pytest

from support.clients import DRIVERS

_LEGEND = """
a miss: ...       `get` raises it; `wait` looks again, and ends with the video
the end: ...      `get` and `wait` raise it at once
WaitTimeout: ...  `get` raises it; `wait` looks again, as far as it may, and ends with WaitTimeout
no miss           `get` and `wait` notice nothing"""


def print_faults(reporter: pytest.TerminalReporter) -> None:
    """Prints the table, if tests of faults were run."""
    rows = dict[str, dict[str, str]]()
    for report in (*reporter.getreports("passed"), *reporter.getreports("failed")):
        properties = dict(report.user_properties)
        if "fault" in properties:
            rows.setdefault(properties["fault"], {})[properties["driver"]] = properties["seen"]
    if not rows:
        return
    table = [
        ("fault", *DRIVERS),
        *((fault, *(row.get(driver, "") for driver in DRIVERS)) for fault, row in rows.items()),
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    reporter.write_sep("=", "faults on the wire, and what the caller sees")
    for line in table:
        reporter.write_line(" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    reporter.write_line(_LEGEND)
