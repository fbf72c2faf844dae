"""A profile of figure 3's look: `nox -s bench -- --profile before` or `after` puts it on the page."""

from __future__ import annotations

import cProfile
import re
from pathlib import Path
from types import CodeType
from typing import Final

from benchmarks.looks import KEY
from benchmarks.plan import Plan, Section
from benchmarks.processes import server
from meshapi_video import VideoClient, __version__

LOOKS: Final = 2000
SHOWN: Final = 20


def measure(_plan: Plan) -> Section:
    """A table of where the time of a look goes, by function."""
    with server() as base_url, VideoClient(KEY, base_url=base_url) as client:
        for _ in range(100):
            client.get("task")
        profiler = cProfile.Profile()
        profiler.enable()
        for _ in range(LOOKS):
            client.get("task")
        profiler.disable()
    entries = profiler.getstats()
    total, calls = sum(entry.inlinetime for entry in entries), sum(entry.callcount for entry in entries)
    about = (
        f"{LOOKS:,} looks of version {__version__}: {total / LOOKS * 1e6:.0f} µs and {calls / LOOKS:.0f} calls "
        "each while being profiled, which costs about as much again."
    )
    lines = [
        "| function | calls per look | µs in it | µs with what it calls |",
        "| --- | ---: | ---: | ---: |",
    ]
    for entry in sorted(entries, key=lambda entry: -entry.inlinetime)[:SHOWN]:
        times = f"{entry.inlinetime / LOOKS * 1e6:.1f} | {entry.totaltime / LOOKS * 1e6:.1f}"
        lines.append(f"| `{_name(entry.code)}` | {entry.callcount / LOOKS:.1f} | {times} |")
    return Section("\n".join([about, "", *lines]))


def _name(code: CodeType | str) -> str:
    """Which function, without where this machine keeps its file."""
    if isinstance(code, str):
        # What is written in C; some names hold an address.
        return re.sub(r" at 0x[0-9a-f]+", "", code)
    path = Path(code.co_filename)
    return f"{path.parent.name}/{path.name}: {code.co_qualname}"
