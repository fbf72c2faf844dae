"""Prints what callers see of each fault: one line for each fault, with the drivers side by side."""

from __future__ import annotations

import pytest

from support.clients import DRIVERS

_LEGEND = """
retried: ...      `get` raises it; `wait` polls again, and returns the video
raised: ...       `get` and `wait` raise it at once
WaitTimeout: ...  `get` raises it; `wait` polls again until its deadline, and raises WaitTimeout
no failure        `get` and `wait` do not notice the fault"""


def print_faults(reporter: pytest.TerminalReporter) -> None:
    """Prints the table, if the tests of faults ran."""
    rows = dict[str, dict[str, str]]()
    for report in (*reporter.getreports("passed"), *reporter.getreports("failed")):
        properties = dict(report.user_properties)
        if "fault" in properties:
            rows.setdefault(properties["fault"], {})[properties["driver"]] = properties["outcome"]
    if not rows:
        return
    table = [
        ("fault", *DRIVERS),
        *((fault, *(row.get(driver, "") for driver in DRIVERS)) for fault, row in rows.items()),
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    reporter.write_sep("=", "faults of the network, and what the caller sees")
    for line in table:
        reporter.write_line(" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    reporter.write_line(_LEGEND)
