"""Figure 2: ten thousand waits in one process, and the cost of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NoReturn

import msgspec

from benchmarks import polls
from benchmarks.counter import Counted, Counter, arriving_ids
from benchmarks.goals import Goal, goals_table
from benchmarks.plan import Plan, Section
from benchmarks.processes import (
    ContenderFailed,
    hide_packages,
    reply_and_exit,
    running_child,
    running_server,
    serve_parent,
    server_usage,
)
from benchmarks.tables import Column, Results, in_rounds, table

if TYPE_CHECKING:
    from meshapi_video import AsyncVideoClient

POLLS: Final = 3
"""Polls of each task. The last one finds the task succeeded."""


class Waits(msgspec.Struct):
    """The request to wait for so many tasks, with their polls spread evenly over so many seconds."""

    contender: str
    base_url: str
    tasks: int
    spread: float
    timeout: float

    @property
    def interval(self) -> float:
        """Seconds between two polls of a task, and also the time within which all ids arrive."""
        return self.spread / POLLS


def raw_streams(base_url: str) -> polls.AsyncPoll:
    """The limit, with as many connections as the SDK has."""
    from meshapi_video._settings import CAPACITY

    return polls.limited(polls.raw_streams(base_url), CAPACITY)


LIMIT, HTTPX, HTTPX2 = "raw asyncio streams (the limit)", "`httpx.AsyncClient`", "`httpx2.AsyncClient`"
OPENAI, OVER = "openai's `videos.retrieve`", "httpx over `httpx-aiohttp`"
TRANSPORT, TRANSPORT_EXTRA = "the SDK's transport alone, base", "the SDK's transport alone, `[aiohttp]`"
BASE, EXTRA = "`wait_many`, base", "`wait_many`, `[aiohttp]`"
LOOPS: Final[dict[str, Callable[[str], polls.AsyncPoll]]] = {
    LIMIT: raw_streams,
    HTTPX: polls.raw_httpx,
    HTTPX2: polls.raw_httpx2,
    OPENAI: polls.openai_sdk,
    OVER: polls.httpx_over_aiohttp,
    TRANSPORT: polls.sdk_transport,
    TRANSPORT_EXTRA: polls.sdk_transport_over_aiohttp,
}
CONTENDERS: Final = [*LOOPS, BASE, EXTRA]
ONE_ROUND: Final = [HTTPX, HTTPX2, OPENAI, OVER]
"""No goal needs more rounds of these."""


def run(request: Waits) -> NoReturn:
    """Waits in a child, and ends the process."""
    asyncio.run(_wait_in_loops(request) if request.contender in LOOPS else _wait_many(request))
    raise AssertionError("the counter has ended this process")


async def _wait_in_loops(request: Waits) -> NoReturn:
    poll = LOOPS[request.contender](request.base_url)
    await poll("first")
    check_extra(request.contender)
    counter = Counter(request.timeout)

    async def wait(task_id: str) -> None:
        left = POLLS
        while True:
            try:
                await poll(task_id)
            except Exception as error:  # noqa: BLE001 - every kind of error is counted, and the poll repeated
                counter.poll_failed(error)
            else:
                left -= 1
            if not left:
                break
            await asyncio.sleep(request.interval)
        counter.finished += 1

    async with asyncio.TaskGroup() as group:
        async for task_id in arriving_ids(request.tasks, request.interval):
            group.create_task(wait(task_id))
    counter.report_and_exit()


async def _wait_many(request: Waits) -> NoReturn:
    from meshapi_video import PollPolicy

    client = await this_sdk(request.base_url, request.contender)
    counter = Counter(request.timeout)
    policy = PollPolicy(initial_delay=request.interval, multiplier=1.0, max_delay=request.interval, jitter=0.0)
    ids = arriving_ids(request.tasks, request.interval)
    async for result in client.wait_many(ids, timeout=2 * request.timeout, poll=policy, max_waiting=request.tasks):
        if result.video is None:
            counter.problem = str(result.error)
        else:
            counter.finished += 1
    counter.report_and_exit()


async def this_sdk(base_url: str, contender: str) -> AsyncVideoClient:
    """A client that has polled once, with or without the extra."""
    if contender.endswith("base"):
        hide_packages("aiohttp", "httpx_aiohttp")
    from meshapi_video import AsyncVideoClient

    client = AsyncVideoClient(polls.KEY, base_url=base_url)
    await client.get("first")
    check_extra(contender)
    return client


def check_extra(contender: str) -> None:
    """Ends the process if the contender should use aiohttp, and does not."""
    if contender.endswith("`[aiohttp]`") and not polls.uses_aiohttp():
        reply_and_exit(polls.NO_EXTRA)


def measure(plan: Plan) -> Section:
    """The tables."""
    tasks, spread, timeout = (500, 3.0, 10.0) if plan.quick else (10_000, 20.0, 45.0)
    rounds = plan.rounds_of(3)
    order = in_rounds([name for name in CONTENDERS if name not in ONE_ROUND], rounds, fewer=ONE_ROUND, fewer_rounds=1)
    results = Results()
    with running_server(polls=POLLS) as base_url:
        for name in plan.measured(order):
            plan.log(f"figure 2: {name}")
            requests_before, _ = server_usage(base_url)
            try:
                with running_child("benchmarks.many") as child:
                    counted = child.call(Waits(name, base_url, tasks, spread, timeout), Counted, timeout)
            except ContenderFailed as error:
                results.record_failure(name, str(error), "wall", "cpu", "memory", "finished")
                continue
            sent = server_usage(base_url)[0] - requests_before - 1
            results.record(
                name,
                wall=counted.seconds,
                cpu=counted.cpu / max(sent, 1) * 1e6,
                memory=counted.memory / tasks / 1024,
                finished=counted.finished,
            )
            problems = [f"stopped after {timeout:.0f} s"] if counted.finished < tasks else []
            if counted.failed:
                problems.append(f"{counted.failed:,} polls failed")
            if problems := [*problems, *filter(None, [counted.problem])]:
                results.problems[name] = ", ".join(problems)
    columns = [
        Column("finished", "finished", "{:,.0f}"),
        Column("wall, s", "wall", "{:.1f}"),
        Column("CPU per poll, µs", "cpu", "{:,.0f}"),
        Column("memory per task, KiB", "memory"),
    ]
    heading = f"{tasks:,} tasks over {spread:.0f} s"
    return Section(
        f"{table(heading, results, CONTENDERS, columns)}\n\n{goals_table(_goals(results, spread))}",
    )


def _goals(results: Results, spread: float) -> list[Goal]:
    def cpu(contender: str, by: str, at_most: float) -> Goal:
        return Goal(f"CPU per poll, {contender} over {by}", results.ratio("cpu", contender, by), at_most=at_most)

    return [
        Goal(f"seconds, {EXTRA}", results.series(EXTRA, "wall"), at_most=1.25 * spread, form="{:.1f}"),
        Goal(f"seconds, {BASE}", results.series(BASE, "wall"), at_most=1.8 * spread, form="{:.1f}"),
        cpu(EXTRA, TRANSPORT_EXTRA, 1.3),
        cpu(BASE, TRANSPORT, 1.3),
        cpu(EXTRA, OVER, 1.3),
        Goal(f"KiB per waiting task, {EXTRA}", results.series(EXTRA, "memory"), at_most=2.0),
        Goal(f"KiB per waiting task, {BASE}", results.series(BASE, "memory"), at_most=2.0),
    ]


if __name__ == "__main__":
    serve_parent(Waits, run)
