"""A profile of a poll. `nox -s bench` writes those named `after`; `--profile` writes any of them."""

from __future__ import annotations

import asyncio
import cProfile
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Final

from benchmarks.plan import Plan, Section
from benchmarks.polls import KEY
from benchmarks.processes import running_server
from meshapi_video import AsyncVideoClient, PollPolicy, VideoClient, __version__

POLLS: Final = 6_000
POLLS_OF_A_TASK: Final = 3
RUNS: Final = 3
SHOWN: Final = 12
SITE_PACKAGES: Final = "site-packages"


def blocking_polls(profiler: cProfile.Profile) -> None:
    """The polls of figure 3, one after the other."""
    with running_server() as base_url, VideoClient(KEY, base_url=base_url) as client:
        for _ in range(100):
            client.get("task")
        profiler.enable()
        for _ in range(POLLS):
            client.get("task")
        profiler.disable()


def waits(profiler: cProfile.Profile) -> None:
    """The polls of figure 2 with `[aiohttp]`, by fewer tasks in less time."""
    with running_server(polls=POLLS_OF_A_TASK) as base_url:
        asyncio.run(_wait(profiler, base_url))


async def _wait(profiler: cProfile.Profile, base_url: str) -> None:
    tasks, interval = POLLS // POLLS_OF_A_TASK, 4.0
    policy = PollPolicy(initial_delay=interval, multiplier=1.0, max_delay=interval, jitter=0.0)
    async with AsyncVideoClient(KEY, base_url=base_url) as client:
        await client.get("first")
        profiler.enable()
        async for result in client.wait_many((f"task-{number}" for number in range(tasks)), poll=policy):
            assert result.video is not None, result.error  # noqa: S101 - the server has a video for each task
        profiler.disable()


PROFILES: Final[dict[str, Callable[[cProfile.Profile], None]]] = {
    "poll-before": blocking_polls,
    "poll-after": blocking_polls,
    "wait-before": waits,
    "wait-after": waits,
}

AFTER: Final = [name for name in PROFILES if name.endswith("after")]


def measure(name: str, _plan: Plan) -> Section:
    """A table of the modules in which a poll spends its time."""
    seconds, calls = min((_run(PROFILES[name]) for _ in range(RUNS)), key=lambda run: sum(run[0].values()))
    total = sum(seconds.values())
    lines = ["| module | calls per poll | µs per poll |", "| --- | ---: | ---: |"]
    shown = sorted(seconds, key=lambda module: -seconds[module])[:SHOWN]
    lines += [f"| `{module}` | {calls[module] / POLLS:.1f} | {_microseconds(seconds[module])} |" for module in shown]
    others = sum(seconds[module] for module in seconds if module not in shown)
    other_calls = sum(calls[module] for module in seconds if module not in shown)
    lines += [
        f"| all others | {other_calls / POLLS:.1f} | {_microseconds(others)} |",
        f"| together | {sum(calls.values()) / POLLS:.0f} | {_microseconds(total)} |",
    ]
    heading = f"{POLLS:,} polls of version {__version__}, the fastest of {RUNS} runs:"
    return Section("\n".join([heading, "", *lines]))


def _run(polls: Callable[[cProfile.Profile], None]) -> tuple[dict[str, float], dict[str, int]]:
    profiler = cProfile.Profile()
    polls(profiler)
    return by_module(profiler)


def by_module(profiler: cProfile.Profile) -> tuple[dict[str, float], dict[str, int]]:
    """The seconds and the calls of each module. A function written in C counts for the module that calls it."""
    seconds: dict[str, float] = defaultdict(float)
    calls: dict[str, int] = defaultdict(int)
    for entry in profiler.getstats():
        if isinstance(entry.code, str):
            continue
        module = module_of(entry.code)
        seconds[module] += entry.inlinetime
        calls[module] += entry.callcount
        for called in entry.calls or ():
            # While the event loop has nothing to do, it sleeps in `poll`.
            if isinstance(called.code, str) and "'poll' of 'select.epoll'" not in called.code:
                seconds[module] += called.inlinetime
                calls[module] += called.callcount
    return seconds, calls


def module_of(code: CodeType) -> str:
    """The SDK's module, or the name of another package or of a module of Python."""
    path = Path(code.co_filename)
    parts = path.with_suffix("").parts
    for package in ("meshapi_video", "meshapi_video_generated", "meshapi_video_wire"):
        if package in parts:
            return "/".join(parts[parts.index(package) :])
    if SITE_PACKAGES in parts:
        return parts[parts.index(SITE_PACKAGES) + 1]
    if code.co_filename.startswith("<"):
        return "generated methods"  # such as the `__init__` of an attrs class
    standard = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return parts[parts.index(standard) + 1] if standard in parts else path.stem


def _microseconds(seconds: float) -> str:
    return f"{seconds / POLLS * 1e6:.1f}"
