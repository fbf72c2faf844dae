"""Figure 1: requests per second against requests in flight, asynchronous."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple, NoReturn

import msgspec

from benchmarks import pictures, polls
from benchmarks.goals import Goal, goals_table
from benchmarks.plan import Plan, Section
from benchmarks.processes import (
    ContenderFailed,
    Reply,
    reply_and_exit,
    running_child,
    running_server,
    serve_parent,
    server_usage,
    start_watchdog,
)
from benchmarks.tables import Column, Results, in_rounds, table

LIMIT, HTTPX, HTTPX2 = "raw asyncio streams (the limit)", "`httpx.AsyncClient`", "`httpx2.AsyncClient`"
OPENAI, MESH = "openai's `videos.retrieve`", "Mesh's SDK"
OVER, AIOHTTP = "httpx over `httpx-aiohttp`", "aiohttp alone"
BASE, EXTRA = "`AsyncVideoClient.get`, base", "`AsyncVideoClient.get`, `[aiohttp]`"
CONTENDERS: Final[dict[str, Callable[[str], polls.AsyncPoll]]] = {
    LIMIT: polls.raw_streams,
    AIOHTTP: polls.aiohttp_alone,
    OVER: polls.httpx_over_aiohttp,
    HTTPX: polls.raw_httpx,
    HTTPX2: polls.raw_httpx2,
    OPENAI: polls.openai_sdk,
    MESH: polls.mesh_sdk,
    BASE: polls.this_sdk,
    EXTRA: polls.this_sdk_over_aiohttp,
}
SLOW: Final = frozenset({HTTPX, OPENAI, MESH})
"""With many requests in flight, these complete requests in groups that are seconds apart: the average needs a long
time. They run in fewer rounds, because no goal for them needs more."""
DRAWN: Final = {
    LIMIT: "the limit",
    AIOHTTP: "aiohttp",
    EXTRA: "this SDK, [aiohttp]",
    BASE: "this SDK, base",
    HTTPX2: "httpx2",
    OPENAI: "openai",
    HTTPX: "httpx",
}
"""The contenders in the picture, with their labels: few, so that the lines can be told apart."""
PICTURE: Final = "bench-rates.svg"


class Rate(msgspec.Struct):
    """The request to poll tasks for so many seconds, with so many polls in flight and a new client."""

    contender: str
    base_url: str
    in_flight: int
    seconds: float


class Rated(Reply):
    """The polls in that time."""

    polls: int
    failed: int
    seconds: float
    problem: str = ""


def run(request: Rate) -> NoReturn:
    """Counts polls in a child until the time is over, and ends the process."""
    asyncio.run(_run(request))
    raise AssertionError("the watchdog has ended this process")


async def _run(request: Rate) -> None:
    poll = CONTENDERS[request.contender](request.base_url)
    succeeded, failed, problem = 0, 0, ""

    async def keep_polling(task_id: str) -> None:
        nonlocal succeeded, failed, problem
        while True:
            try:
                await poll(task_id)
            except Exception as error:  # noqa: BLE001 - every kind of error is counted
                failed += 1
                problem = f"{type(error).__name__}: {error}".removesuffix(": ")
                await asyncio.sleep(0)
            else:
                succeeded += 1

    def report_and_exit() -> None:
        seconds = time.monotonic() - started
        if request.contender == EXTRA and not polls.uses_aiohttp():
            reply_and_exit(polls.NO_EXTRA)
        reply_and_exit(Rated(succeeded, failed, seconds, problem))

    started = time.monotonic()
    start_watchdog(request.seconds, request.seconds, lambda: None, report_and_exit)
    await asyncio.gather(*(keep_polling(f"task-{number}") for number in range(request.in_flight)))


class Setting(NamedTuple):
    """A column of the table."""

    in_flight: int
    seconds: float
    slow_seconds: float
    """Seconds for the contenders in `SLOW`."""
    delay: float = 0.0
    """Seconds until each response of the server."""

    @property
    def name(self) -> str:
        """The heading of the column."""
        return f"{self.in_flight}, {self.delay * 1000:.0f} ms" if self.delay else f"{self.in_flight}"

    def seconds_of(self, contender: str) -> float:
        """The seconds of a run."""
        return self.slow_seconds if contender in SLOW else self.seconds


NEAR: Final = [Setting(1, 1.5, 1.5), Setting(10, 1.5, 1.5), Setting(50, 2, 3), Setting(200, 3, 8), Setting(500, 5, 24)]
FAR: Final = Setting(500, 4, 8, delay=0.2)
QUICK: Final = [Setting(1, 0.5, 0.5), Setting(50, 0.5, 1), Setting(500, 2, 8), FAR._replace(seconds=2, slow_seconds=4)]


def measure(plan: Plan) -> Section:
    """The tables and the picture."""
    settings = QUICK if plan.quick else [*NEAR, FAR]
    fast = [(name, setting) for name in CONTENDERS if name not in SLOW for setting in settings]
    slow = [(name, setting) for name in CONTENDERS if name in SLOW for setting in settings]
    rounds = plan.rounds_of(3)
    results, busiest, failures = Results(), (0.0, ""), Counter[str]()
    with running_server() as near, running_server(delay=FAR.delay) as far:
        for name, setting in plan.measured(in_rounds(fast, rounds, fewer=slow, fewer_rounds=min(rounds, 2))):
            base_url = far if setting.delay else near
            plan.log(f"figure 1: {name}, {setting.name} in flight")
            cpu_before = server_usage(base_url)[1]
            try:
                rated = _rate(name, setting, base_url)
            except ContenderFailed as error:
                results.record_failure(name, str(error), setting.name)
                continue
            busiest = max(busiest, ((server_usage(base_url)[1] - cpu_before) / rated.seconds, name))
            # A round without any response has no value: a ratio over zero would say nothing.
            results.record(name, **{setting.name: rated.polls / rated.seconds if rated.polls else None})
            if rated.failed:
                failures[name] += rated.failed
                results.problems[name] = f"{failures[name]:,} polls failed: {rated.problem}"
    columns = [Column(setting.name, setting.name, "{:,.0f}") for setting in settings]
    text = f"""
{table("requests per second, in flight:", results, CONTENDERS, columns)}

The server was busy for at most {busiest[0]:.0%} of the time: with {busiest[1]}.

{goals_table(_goals(results))}
"""
    if plan.quick:
        return Section(text)
    lines = {label: [results.series(name, it.name).median for it in NEAR] for name, label in DRAWN.items()}
    return Section(text, {PICTURE: pictures.rates([setting.in_flight for setting in NEAR], lines)})


def _rate(name: str, setting: Setting, base_url: str) -> Rated:
    seconds = setting.seconds_of(name)
    with running_child("benchmarks.rates") as child:
        return child.call(Rate(name, base_url, setting.in_flight, seconds), Rated, seconds)


def _goals(results: Results) -> list[Goal]:
    near, far = NEAR[-1].name, FAR.name

    def goal(setting: str, contender: str, by: str, at_least: float) -> Goal:
        install = "base" if contender == BASE else "`[aiohttp]`"
        text = f"requests per second, {setting} in flight, {install} over {by}"
        return Goal(text, results.ratio(setting, contender, by), at_least, form="{:,.1f}" if at_least > 1 else "{:.3f}")

    return [
        goal(near, BASE, HTTPX2, 20),
        goal(near, BASE, HTTPX, 100),
        goal(near, BASE, LIMIT, 0.1),
        goal(near, EXTRA, LIMIT, 0.15),
        goal(near, EXTRA, OVER, 0.9),
        goal(far, BASE, OVER, 0.4),
    ]


if __name__ == "__main__":
    serve_parent(Rate, run)
