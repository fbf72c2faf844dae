"""Figure 1: requests per second against requests in flight, asynchronous."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, NamedTuple, NoReturn

import msgspec

from benchmarks import pictures, polls
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
from benchmarks.tables import Claim, Column, Results, in_rounds, table, verdicts

CONTENDERS: Final[dict[str, Callable[[str], polls.AsyncPoll]]] = {
    "raw `httpx.AsyncClient`": polls.raw_httpx,
    "raw `httpx.AsyncClient`, timeout 5 s": polls.raw_httpx_default_timeout,
    "Mesh's SDK": polls.mesh_sdk,
    "generated `asyncio_detailed`": polls.generated,
    "httpx behind a limit of 10": polls.httpx_limited_to_10,
    "httpx over `httpx-aiohttp`": polls.httpx_over_aiohttp,
    "`httpx-aiohttp` without its limit of 100": polls.httpx_over_aiohttp_unlimited,
    "aiohttp alone": polls.aiohttp_alone,
    "`AsyncVideoClient.get`, base": polls.this_sdk,
    "`AsyncVideoClient.get`, `[aiohttp]`": polls.this_sdk_over_aiohttp,
}
RAW, DEFAULT_TIMEOUT, MESH, _, _, OVER, _, _, BASE, EXTRA = CONTENDERS
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
    delay: float = 0.0
    """Seconds until each response of the server."""

    @property
    def name(self) -> str:
        """The heading of the column."""
        return f"{self.in_flight}, {self.delay * 1000:.0f} ms" if self.delay else f"{self.in_flight}"


# An overloaded pool completes requests in waves that are seconds apart; the average needs several waves.
NEAR: Final = [Setting(1, 3), Setting(10, 3), Setting(50, 3), Setting(200, 15), Setting(500, 15)]
FAR: Final = Setting(500, 10, delay=0.2)


def measure(plan: Plan) -> Section:
    """The tables, the verdicts and the picture."""
    settings = [Setting(1, 1), Setting(50, 1), Setting(500, 4), FAR._replace(seconds=4)] if plan.quick else [*NEAR, FAR]
    runs = [(name, setting) for name in CONTENDERS for setting in settings]
    results, busiest = Results(), 0.0
    with running_server() as near, running_server(delay=FAR.delay) as far:
        for name, setting in in_rounds(runs, plan.rounds or (1 if plan.quick else 3)):
            base_url = far if setting.delay else near
            plan.log(f"figure 1: {name}, {setting.name} in flight")
            cpu_before = server_usage(base_url)[1]
            try:
                rated = _rate(name, setting, base_url)
            except ContenderFailed as error:
                results.record_failure(name, str(error), setting.name)
                continue
            busiest = max(busiest, (server_usage(base_url)[1] - cpu_before) / setting.seconds)
            # A contender without any response counts as one with one, so its ratio is better than the truth.
            results.record(name, **{setting.name: max(rated.polls, 1) / rated.seconds})
            if rated.failed:
                results.problems[name] = f"{rated.failed} polls failed: {rated.problem}"
    columns = [Column(setting.name, setting.name, "{:.0f}") for setting in settings]
    text = f"""
{table("requests per second, in flight:", results, CONTENDERS, columns)}

The server was busy for at most {busiest:.0%} of the time.

{verdicts(_claims(results))}
"""
    if plan.quick:
        return Section(text)
    lines = {name: [results.series(name, setting.name).median for setting in NEAR] for name in CONTENDERS}
    return Section(text, {PICTURE: pictures.rates([setting.in_flight for setting in NEAR], lines)})


def _rate(name: str, setting: Setting, base_url: str) -> Rated:
    with running_child("benchmarks.rates") as child:
        return child.call(Rate(name, base_url, setting.in_flight, setting.seconds), Rated, setting.seconds)


def _claims(results: Results) -> list[Claim]:
    near, far = NEAR[-1].name, FAR.name
    return [
        Claim(f"{near} in flight, base, over {RAW}", results.ratio(near, BASE, RAW), at_least=100),
        Claim(
            f"{near} in flight, base, over {DEFAULT_TIMEOUT}",
            results.ratio(near, BASE, DEFAULT_TIMEOUT),
            at_least=100,
        ),
        Claim(f"{near} in flight, base, over {MESH}", results.ratio(near, BASE, MESH), at_least=100),
        Claim(f"{near} in flight, `[aiohttp]`, over {OVER}", results.ratio(near, EXTRA, OVER), at_least=0.9),
        Claim(f"{far} in flight, base, over {OVER}", results.ratio(far, BASE, OVER), at_least=0.4),
    ]


if __name__ == "__main__":
    serve_parent(Rate, run)
