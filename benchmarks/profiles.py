"""A profile of figure 3's poll: `nox -s bench -- --profile before` or `after` writes it into the page."""

from __future__ import annotations

import cProfile
import re
from pathlib import Path
from types import CodeType
from typing import Final

from benchmarks.plan import Plan, Section
from benchmarks.polls import KEY
from benchmarks.processes import running_server
from meshapi_video import VideoClient, __version__

POLLS: Final = 2000
SHOWN: Final = 20


def measure(_plan: Plan) -> Section:
    """A table of the functions in which a poll spends its time."""
    with running_server() as base_url, VideoClient(KEY, base_url=base_url) as client:
        for _ in range(100):
            client.get("task")
        profiler = cProfile.Profile()
        profiler.enable()
        for _ in range(POLLS):
            client.get("task")
        profiler.disable()
    entries = profiler.getstats()
    total, calls = sum(entry.inlinetime for entry in entries), sum(entry.callcount for entry in entries)
    summary = (
        f"{POLLS:,} polls of version {__version__}: {total / POLLS * 1e6:.0f} µs and {calls / POLLS:.0f} calls "
        "each. Profiling itself takes about half of this time."
    )
    lines = [
        "| function | calls per poll | µs in it | µs with its calls |",
        "| --- | ---: | ---: | ---: |",
    ]
    for entry in sorted(entries, key=lambda entry: -entry.inlinetime)[:SHOWN]:
        times = f"{entry.inlinetime / POLLS * 1e6:.1f} | {entry.totaltime / POLLS * 1e6:.1f}"
        lines.append(f"| `{_name(entry.code)}` | {entry.callcount / POLLS:.1f} | {times} |")
    return Section("\n".join([summary, "", *lines]))


def _name(code: CodeType | str) -> str:
    """The function's name, with the file but without its folder on this machine."""
    if isinstance(code, str):
        # A function written in C. Some of their names contain an address.
        return re.sub(r" at 0x[0-9a-f]+", "", code)
    path = Path(code.co_filename)
    return f"{path.parent.name}/{path.name}: {code.co_qualname}"
