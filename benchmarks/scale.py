"""Figure 8: a hundred thousand tasks polled once, and a run of three hundred thousand waits that ends."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Final, NoReturn

import msgspec

from benchmarks import polls
from benchmarks.counter import Counted, Counter, new_ids
from benchmarks.goals import Goal, goals_table
from benchmarks.many import BASE, EXTRA, LIMIT, TRANSPORT, TRANSPORT_EXTRA, check_extra, this_sdk
from benchmarks.plan import Plan, Section
from benchmarks.processes import ContenderFailed, running_child, running_server, serve_parent
from benchmarks.tables import Column, Results, in_rounds, table

RARE_COLLECTIONS: Final = "`gc.set_threshold(10_000)`, `wait_many`, `[aiohttp]`"
"""As docs/wait-for-thousands.md recommends for very many tasks."""
TO_THE_END: Final = "to the end, `wait_many`, `[aiohttp]`"
LIMIT_TO_THE_END: Final = "as many requests over raw asyncio streams (the limit)"
TRANSPORTS: Final[dict[str, Callable[[str], polls.AsyncPoll]]] = {
    LIMIT: polls.raw_streams,
    LIMIT_TO_THE_END: polls.raw_streams,
    TRANSPORT: polls.sdk_transport,
    TRANSPORT_EXTRA: polls.sdk_transport_over_aiohttp,
}
CONTENDERS: Final = [LIMIT, TRANSPORT, TRANSPORT_EXTRA, BASE, EXTRA, RARE_COLLECTIONS]
TIMEOUT: Final = 600.0
HOUR: Final = 3600.0


class Scale(msgspec.Struct):
    """The request to poll so many tasks."""

    contender: str
    base_url: str
    tasks: int
    interval: float = HOUR
    """Seconds until the second poll of a task. The default is longer than a run, so that no task is polled twice."""


def run(request: Scale) -> NoReturn:
    """Polls in a child, and ends the process."""
    asyncio.run(_send(request) if request.contender in TRANSPORTS else _wait(request))
    raise AssertionError("the counter has ended this process")


async def _send(request: Scale) -> NoReturn:
    """As many requests as `wait_many` has in flight, from as many coroutines."""
    from meshapi_video._validation import MAX_IN_FLIGHT

    poll = TRANSPORTS[request.contender](request.base_url)
    await poll("first")
    check_extra(request.contender)
    counter, ids = Counter(TIMEOUT), new_ids(request.tasks)

    async def keep_polling() -> None:
        for task_id in ids:
            await poll(task_id)
            counter.finished += 1

    await asyncio.gather(*(keep_polling() for _ in range(MAX_IN_FLIGHT)))
    counter.report_and_exit()


async def _wait(request: Scale) -> NoReturn:
    """Waits until all tasks have been polled once, or until they have ended."""
    from meshapi_video import PollPolicy

    if request.contender == RARE_COLLECTIONS:
        gc.set_threshold(10_000)
    client, to_the_end = await this_sdk(request.base_url, request.contender), request.contender == TO_THE_END
    counter = Counter(TIMEOUT)
    policy = PollPolicy(initial_delay=request.interval, multiplier=1.0, max_delay=request.interval, jitter=0.0)
    results = client.wait_many(new_ids(request.tasks), timeout=None, poll=policy, max_waiting=request.tasks)

    async def count() -> None:
        while True:
            await asyncio.sleep(0.1)
            running = results.progress.statuses.get("running", 0)
            counter.most_pending = max(counter.most_pending, running)
            if not to_the_end and running == request.tasks:
                counter.finished = running
                counter.report_and_exit()

    async with asyncio.TaskGroup() as group:
        watchers = [group.create_task(it) for it in (count(), counter.watch_event_loop())]
        async for result in results:
            if result.video is None:
                counter.problem = f"{result.task_id} ended: {result.error}"
            counter.finished += 1
        for watcher in watchers:
            watcher.cancel()
    counter.report_and_exit()


def measure(plan: Plan) -> Section:
    """The tables."""
    tasks, waits, interval = (3_000, 5_000, 4.0) if plan.quick else (100_000, 300_000, 150.0)
    results = Results()
    with running_server(polls=2) as base_url:
        for name in plan.measured(in_rounds(CONTENDERS, plan.rounds_of(2))):
            _measure(plan, results, Scale(name, base_url, tasks))
        _measure(plan, results, Scale(LIMIT_TO_THE_END, base_url, 2 * waits))
        _measure(plan, results, Scale(TO_THE_END, base_url, waits, interval))
    columns = [
        Column("polled", "finished", "{:,.0f}"),
        Column("within, s", "seconds", "{:.1f}"),
        Column("memory per task, KiB", "memory"),
        Column("longest stall, ms", "stall", "{:.0f}"),
    ]
    columns_to_the_end = [
        Column("ended", "finished", "{:,.0f}"),
        Column("most at once", "pending", "{:,.0f}"),
        Column("within, s", "seconds", "{:.1f}"),
        Column("CPU, s", "cpu", "{:.1f}"),
        Column("memory, MiB", "total_memory", "{:.0f}"),
        Column("memory per task, KiB", "memory"),
        Column("longest stall, ms", "stall", "{:.0f}"),
    ]
    return Section(f"""
{table(f"{tasks:,} tasks polled once", results, CONTENDERS, columns)}

{table(f"{waits:,} tasks, two polls each", results, [LIMIT_TO_THE_END, TO_THE_END], columns_to_the_end)}

{goals_table(_goals(results, tasks, waits))}
""")


def _measure(plan: Plan, results: Results, request: Scale) -> None:
    name = request.contender
    plan.log(f"figure 8: {name}")
    try:
        with running_child("benchmarks.scale") as child:
            counted = child.call(request, Counted, TIMEOUT)
    except ContenderFailed as error:
        results.record_failure(name, str(error), "finished", "seconds", "memory")
        return
    is_waiting = name not in TRANSPORTS
    results.record(
        name,
        finished=counted.finished,
        seconds=counted.seconds,
        cpu=counted.cpu,
        pending=counted.most_pending if is_waiting else None,
        memory=counted.memory / request.tasks / 1024 if is_waiting else None,
        total_memory=counted.memory / 2**20 if is_waiting else None,
        stall=counted.longest_stall * 1000 if is_waiting else None,
    )
    if counted.problem:
        results.problems[name] = counted.problem


def _goals(results: Results, tasks: int, waits: int) -> list[Goal]:
    goals = [
        Goal(f"seconds for {tasks:,} tasks, {ours} over {by}", results.ratio("seconds", ours, by), at_most=1.5)
        for ours, by in ((EXTRA, TRANSPORT_EXTRA), (BASE, TRANSPORT))
    ]
    goals += [
        Goal(f"KiB per waiting task, {tasks:,} tasks, {name}", results.series(name, "memory"), at_most=2.0)
        for name in (EXTRA, BASE)
    ]
    ended = results.series(TO_THE_END, "finished")
    return [*goals, Goal(f"waits of {waits:,} that ended in one process", ended, at_least=waits, form="{:,.0f}")]


if __name__ == "__main__":
    serve_parent(Scale, run)
