"""Figure 2: ten thousand waits in one process, and the cost of each."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Final, NoReturn

import msgspec

from benchmarks import polls
from benchmarks.plan import Plan, Section
from benchmarks.processes import (
    ContenderFailed,
    Reply,
    hide_packages,
    reply_and_exit,
    resident_memory,
    running_child,
    running_server,
    serve_parent,
    server_usage,
    start_watchdog,
)
from benchmarks.tables import Claim, Column, Results, in_rounds, table, verdicts

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


class Waited(Reply):
    """The result of the waits."""

    finished: int
    seconds: float
    cpu: float
    memory_before: int
    """Resident bytes before the first task."""
    max_memory: int
    """The maximum of resident bytes."""
    begun: int = 0
    """Tasks that `wait_many` has taken, if this is counted."""
    problem: str = ""


class Counter:
    """Counts finished tasks, and samples the memory from another thread."""

    def __init__(self) -> None:
        gc.collect()
        self.finished = self.begun = 0
        self.problem = ""
        self._started, self._cpu = time.monotonic(), time.process_time()
        self._memory_before = self._max_memory = resident_memory()

    def sample(self) -> None:
        """Records the memory."""
        self._max_memory = max(self._max_memory, resident_memory())

    def report_and_exit(self) -> NoReturn:
        """Sends the counts so far, and ends the process."""
        self.sample()
        seconds, cpu = time.monotonic() - self._started, time.process_time() - self._cpu
        memory = self._memory_before, self._max_memory
        reply_and_exit(Waited(self.finished, seconds, cpu, *memory, self.begun, self.problem))


async def arriving_ids(tasks: int, seconds: float) -> AsyncIterator[str]:
    """The ids, spread evenly over so many seconds."""
    started = time.monotonic()
    for number in range(tasks):
        if (left := started + number * seconds / tasks - time.monotonic()) > 0:
            await asyncio.sleep(left)
        yield f"{os.getpid()}-{number}"


def no_request(_base_url: str) -> polls.AsyncPoll:
    """A poll that sends nothing: only the sleeps remain."""

    async def poll(_task_id: str) -> object:
        return None

    return poll


def sdk_transport(base_url: str) -> polls.AsyncPoll:
    """A plain loop over the SDK's own transport, without aiohttp."""
    hide_packages("aiohttp", "httpx_aiohttp")
    return sdk_transport_over_aiohttp(base_url)


def sdk_transport_over_aiohttp(base_url: str) -> polls.AsyncPoll:
    """The same with the extra."""
    from meshapi_video import AsyncVideoClient

    # The transport has no public name.
    session = AsyncVideoClient(polls.KEY, base_url=base_url, timeout=polls.TIMEOUT)._session  # noqa: SLF001

    async def poll(task_id: str) -> object:
        request = session._template.build("GET", polls.PATH + task_id)  # noqa: SLF001
        response = await (await session.open()).send(request, check=lambda _response: None)
        return json.loads(response.content)

    return polls.limited(poll, session.capacity)


LOOPS: Final[dict[str, Callable[[str], polls.AsyncPoll]]] = {
    "sleeping only": no_request,
    "raw `httpx.AsyncClient`": polls.raw_httpx,
    "httpx behind a limit of 20": polls.httpx_limited_to_20,
    "httpx over `httpx-aiohttp`": polls.httpx_over_aiohttp,
    "a bare loop on the SDK's own transport, base": sdk_transport,
    "a bare loop on the SDK's own transport, `[aiohttp]`": sdk_transport_over_aiohttp,
}
BASE, EXTRA = "`wait_many`, base", "`wait_many`, `[aiohttp]`"
FLOOR, _, LIMITED, OVER, TRANSPORT, TRANSPORT_EXTRA = LOOPS
CONTENDERS: Final = [*LOOPS, BASE, EXTRA]
PENDING_BASE, PENDING_EXTRA = "pending in `wait_many`, base", "pending in `wait_many`, `[aiohttp]`"


def run(request: Waits) -> NoReturn:
    """Waits in a child, and ends the process."""
    if request.contender in {BASE, PENDING_BASE}:
        hide_packages("aiohttp", "httpx_aiohttp")
    if request.contender in LOOPS:
        waits = _wait_in_loops(request)
    elif request.contender in {BASE, EXTRA}:
        waits = _wait_many(request)
    else:
        waits = _keep_pending(request)
    asyncio.run(waits)
    raise AssertionError("the counter has ended this process")


async def _wait_in_loops(request: Waits) -> NoReturn:
    poll = LOOPS[request.contender](request.base_url)
    await poll("first")
    _check_extra(request)
    counter = Counter()
    start_watchdog(request.timeout, 0.1, counter.sample, counter.report_and_exit)

    async def wait(task_id: str) -> None:
        for _ in range(POLLS - 1):
            await poll(task_id)
            await asyncio.sleep(request.interval)
        await poll(task_id)
        counter.finished += 1

    async with asyncio.TaskGroup() as group:
        async for task_id in arriving_ids(request.tasks, request.interval):
            group.create_task(wait(task_id))
    counter.report_and_exit()


async def _wait_many(request: Waits) -> NoReturn:
    from meshapi_video import PollPolicy

    client = await _client(request)
    counter = Counter()
    start_watchdog(request.timeout, 0.1, counter.sample, counter.report_and_exit)
    policy = PollPolicy(initial_delay=request.interval, multiplier=1.0, max_delay=request.interval, jitter=0.0)
    ids = arriving_ids(request.tasks, request.interval)
    async for result in client.wait_many(ids, timeout=2 * request.timeout, poll=policy, max_waiting=request.tasks):
        if result.video is None:
            counter.problem = str(result.error)
        else:
            counter.finished += 1
    counter.report_and_exit()


async def _keep_pending(request: Waits) -> NoReturn:
    from meshapi_video import PollPolicy

    client = await _client(request)
    counter = Counter()
    start_watchdog(request.timeout, 0.1, counter.sample, counter.report_and_exit)
    policy = PollPolicy(initial_delay=3600.0, multiplier=1.0, max_delay=3600.0, jitter=0.0)
    ids = (f"{os.getpid()}-{number}" for number in range(request.tasks))
    results = client.wait_many(ids, timeout=None, poll=policy, max_waiting=request.tasks)

    async def count() -> None:
        while counter.finished < request.tasks:
            await asyncio.sleep(0.2)
            progress = results.progress
            counter.begun, counter.finished = progress.begun, progress.statuses.get("running", 0)
        counter.report_and_exit()

    async with asyncio.TaskGroup() as group:
        group.create_task(count())
        async for result in results:
            counter.problem = f"{result.task_id} ended: {result.error}"
    counter.report_and_exit()


def _check_extra(request: Waits) -> None:
    if request.contender.endswith("`[aiohttp]`") and not polls.uses_aiohttp():
        reply_and_exit(polls.NO_EXTRA)


async def _client(request: Waits) -> AsyncVideoClient:
    from meshapi_video import AsyncVideoClient

    client = AsyncVideoClient(polls.KEY, base_url=request.base_url, timeout=polls.TIMEOUT)
    await client.get("first")
    _check_extra(request)
    return client


def measure(plan: Plan) -> Section:
    """The tables and the verdicts."""
    tasks, spread, timeout, pending = (500, 3.0, 12.0, 5_000) if plan.quick else (10_000, 20.0, 75.0, 100_000)
    results = Results()
    with running_server(polls=POLLS) as base_url:
        for name in in_rounds(CONTENDERS, plan.rounds or (1 if plan.quick else 2)):
            plan.log(f"figure 2: {name}")
            request = Waits(name, base_url, tasks, spread, timeout)
            requests_before, _ = server_usage(base_url)
            try:
                with running_child("benchmarks.many") as child:
                    waited = child.call(request, Waited, timeout)
            except ContenderFailed as error:
                results.record_failure(name, str(error), "wall", "cpu", "memory", "finished")
                continue
            sent = POLLS * tasks if name == FLOOR else server_usage(base_url)[0] - requests_before - 1
            all_finished = waited.finished == tasks
            results.record(
                name,
                # A contender that did not finish needs longer than this, so its ratio is better than the truth.
                wall=waited.seconds if all_finished else max(waited.seconds, timeout),
                cpu=waited.cpu / max(sent, 1) * 1e6,
                memory=(waited.max_memory - waited.memory_before) / tasks / 1024,
                finished=waited.finished,
            )
            if not all_finished:
                results.problems[name] = waited.problem or f"stopped after {timeout:.0f} s"
    columns = [
        Column("finished", "finished", "{:,.0f}"),
        Column("wall, s", "wall", "{:.1f}"),
        Column("over the floor", "wall", over=FLOOR),
        Column("CPU per poll, µs", "cpu", "{:.0f}"),
        Column("memory per task, KiB", "memory", "{:.1f}"),
    ]
    pending_results = _measure_pending(plan, pending)
    heading = f"{tasks:,} tasks over {spread:.0f} s"
    return Section(f"""
{table(heading, results, CONTENDERS, columns)}

{table(f"{pending:,} tasks at once", pending_results, [PENDING_BASE, PENDING_EXTRA], PENDING_COLUMNS)}

{verdicts([*_claims(results), *_pending_claims(pending_results, pending)])}
""")


def _measure_pending(plan: Plan, tasks: int) -> Results:
    """The number of tasks that one process can wait for: each is polled once, and again in an hour."""
    results, timeout = Results(), 150.0
    with running_server(polls=POLLS) as base_url:
        for name in (PENDING_BASE, PENDING_EXTRA):
            plan.log(f"figure 2: {name}")
            try:
                with running_child("benchmarks.many") as child:
                    waited = child.call(Waits(name, base_url, tasks, 0.0, timeout), Waited, timeout)
            except ContenderFailed as error:
                results.record_failure(name, str(error))
                continue
            memory = waited.max_memory - waited.memory_before
            results.record(name, tasks=waited.begun, polled=waited.finished, seconds=waited.seconds)
            results.record(name, memory=memory / 2**20, memory_per_task=memory / max(waited.begun, 1) / 1024)
            if waited.problem:
                results.problems[name] = waited.problem
    return results


PENDING_COLUMNS: Final = [
    Column("pending", "tasks", "{:,.0f}"),
    Column("polled once", "polled", "{:,.0f}"),
    Column("within, s", "seconds", "{:.1f}"),
    Column("memory, MiB", "memory", "{:.0f}"),
    Column("memory per task, KiB", "memory_per_task", "{:.1f}"),
]


def _claims(results: Results) -> list[Claim]:
    return [
        Claim("wall with `[aiohttp]` over the floor", results.ratio("wall", EXTRA, FLOOR), at_most=1.25),
        Claim("wall, base, over the floor", results.ratio("wall", BASE, FLOOR), at_most=1.8),
        Claim(
            f"CPU per poll with `[aiohttp]` over {TRANSPORT_EXTRA}",
            results.ratio("cpu", EXTRA, TRANSPORT_EXTRA),
            at_most=1.3,
        ),
        Claim(f"CPU per poll with `[aiohttp]` over {OVER}", results.ratio("cpu", EXTRA, OVER), at_most=1.3),
        Claim(f"CPU per poll, base, over {TRANSPORT}", results.ratio("cpu", BASE, TRANSPORT), at_most=1.3),
        Claim(f"CPU per poll, base, over {LIMITED}", results.ratio("cpu", BASE, LIMITED), at_most=1.3),
        Claim("KiB per waiting task, base", results.series(BASE, "memory"), at_most=3),
        Claim("KiB per waiting task with `[aiohttp]`", results.series(EXTRA, "memory"), at_most=3),
    ]


def _pending_claims(results: Results, tasks: int) -> list[Claim]:
    return [
        Claim(f"tasks {name}", results.series(name, "polled"), at_least=tasks, form="{:,.0f}")
        for name in (PENDING_BASE, PENDING_EXTRA)
    ]


if __name__ == "__main__":
    serve_parent(Waits, run)
