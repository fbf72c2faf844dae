"""Figure 2: ten thousand waits in one process, and what each of them costs."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Final, NoReturn

import msgspec

from benchmarks import looks
from benchmarks.plan import Plan, Section
from benchmarks.processes import (
    Answer,
    Failed,
    answer_questions,
    child,
    leave,
    resident,
    server,
    used,
    watched,
    without,
)
from benchmarks.tables import Claim, Column, Results, in_rounds, table, verdicts

if TYPE_CHECKING:
    from meshapi_video import AsyncVideoClient

LOOKS: Final = 3
"""Looks at each task; the last one sees its end."""


class Many(msgspec.Struct):
    """Wait for so many tasks, whose looks are spread evenly over so many seconds."""

    contender: str
    base_url: str
    tasks: int
    spread: float
    bound: float

    @property
    def gap(self) -> float:
        """Seconds between two looks at a task, and in which all tasks arrive."""
        return self.spread / LOOKS


class Waited(Answer):
    """How that went."""

    finished: int
    seconds: float
    cpu: float
    idle: int
    """Bytes resident before the first task."""
    most: int
    """Bytes resident at most."""
    begun: int = 0
    """Tasks taken in, where that is another number."""
    problem: str = ""


class Count:
    """What is seen from outside, at any moment."""

    def __init__(self) -> None:
        gc.collect()
        self.finished = self.begun = 0
        self.problem = ""
        self._begun, self._cpu = time.monotonic(), time.process_time()
        self._idle = self._most = resident()

    def look(self) -> None:
        """Notes the memory."""
        self._most = max(self._most, resident())

    def leave(self) -> NoReturn:
        """Says what there is, and ends the process."""
        self.look()
        seconds, cpu = time.monotonic() - self._begun, time.process_time() - self._cpu
        leave(Waited(self.finished, seconds, cpu, self._idle, self._most, self.begun, self.problem))


async def arriving(tasks: int, seconds: float) -> AsyncIterator[str]:
    """The ids, evenly over so many seconds."""
    begun = time.monotonic()
    for number in range(tasks):
        if (left := begun + number * seconds / tasks - time.monotonic()) > 0:
            await asyncio.sleep(left)
        yield f"{os.getpid()}-{number}"


def floor(_base_url: str) -> looks.AsyncLook:
    """Nothing but the sleeping."""

    async def look(_task_id: str) -> object:
        return None

    return look


def own_transport(base_url: str) -> looks.AsyncLook:
    """A bare loop on the transport that this SDK makes for itself, where aiohttp is not installed."""
    without("aiohttp", "httpx_aiohttp")
    return own_transport_over_aiohttp(base_url)


def own_transport_over_aiohttp(base_url: str) -> looks.AsyncLook:
    """The same with the extra."""
    from meshapi_video import AsyncVideoClient

    # Nothing public gives it.
    way = AsyncVideoClient(looks.KEY, base_url=base_url, timeout=looks.TIMEOUT)._way  # noqa: SLF001

    async def look(task_id: str) -> object:
        way.open()
        assert way._sender is not None  # noqa: S101, SLF001 - it is open
        answer = await way._sender.send("GET", looks.PATH + task_id)  # noqa: SLF001
        return json.loads(answer.content)

    return looks.limited(look, way.capacity)


BARE: Final[dict[str, Callable[[str], looks.AsyncLook]]] = {
    "sleeping only": floor,
    "raw `httpx.AsyncClient`": looks.raw_httpx,
    "httpx behind a limit of 20": looks.httpx_behind_twenty,
    "httpx over `httpx-aiohttp`": looks.httpx_over_aiohttp,
    "a bare loop on the SDK's own transport, base": own_transport,
    "a bare loop on the SDK's own transport, `[aiohttp]`": own_transport_over_aiohttp,
}
BASE, EXTRA = "`wait_many`, base", "`wait_many`, `[aiohttp]`"
FLOOR, _, LIMITED, OVER, OWN, OWN_EXTRA = BARE
CONTENDERS: Final = [*BARE, BASE, EXTRA]
HOLD_BASE, HOLD_EXTRA = "held by `wait_many`, base", "held by `wait_many`, `[aiohttp]`"


def run(question: Many) -> NoReturn:
    """In a child: waits, and ends the process."""
    if question.contender in {BASE, HOLD_BASE}:
        without("aiohttp", "httpx_aiohttp")
    hold, wait = question.contender in {HOLD_BASE, HOLD_EXTRA}, question.contender in {BASE, EXTRA}
    asyncio.run(_hold_all(question) if hold else _wait_many(question) if wait else _wait_barely(question))
    raise AssertionError("the count has ended this process")


async def _wait_barely(question: Many) -> NoReturn:
    look = BARE[question.contender](question.base_url)
    await look("first")
    _see_extra(question)
    count = Count()
    watched(question.bound, 0.1, count.look, count.leave)

    async def wait(task_id: str) -> None:
        for _ in range(LOOKS - 1):
            await look(task_id)
            await asyncio.sleep(question.gap)
        await look(task_id)
        count.finished += 1

    async with asyncio.TaskGroup() as group:
        async for task_id in arriving(question.tasks, question.gap):
            group.create_task(wait(task_id))
    count.leave()


async def _wait_many(question: Many) -> NoReturn:
    from meshapi_video import PollPolicy

    client = await _client(question)
    count = Count()
    watched(question.bound, 0.1, count.look, count.leave)
    poll = PollPolicy(initial_delay=question.gap, growth=1.0, max_delay=question.gap, jitter=0.0)
    async for result in client.wait_many(
        arriving(question.tasks, question.gap), timeout=2 * question.bound, poll=poll, max_waiting=question.tasks
    ):
        if result.video is None:
            count.problem = str(result.error)
        else:
            count.finished += 1
    count.leave()


async def _hold_all(question: Many) -> NoReturn:
    from meshapi_video import PollPolicy

    client = await _client(question)
    count = Count()
    watched(question.bound, 0.1, count.look, count.leave)
    poll = PollPolicy(initial_delay=3600.0, growth=1.0, max_delay=3600.0, jitter=0.0)
    ids = (f"{os.getpid()}-{number}" for number in range(question.tasks))
    results = client.wait_many(ids, timeout=None, poll=poll, max_waiting=question.tasks)

    async def note() -> None:
        while count.finished < question.tasks:
            await asyncio.sleep(0.2)
            progress = results.progress
            count.begun, count.finished = progress.begun, progress.statuses.get("running", 0)
        count.leave()

    async with asyncio.TaskGroup() as group:
        group.create_task(note())
        async for result in results:
            count.problem = f"{result.task_id} ended: {result.error}"
    count.leave()


def _see_extra(question: Many) -> None:
    if question.contender.endswith("`[aiohttp]`") and not looks.uses_aiohttp():
        leave(looks.NO_EXTRA)


async def _client(question: Many) -> AsyncVideoClient:
    from meshapi_video import AsyncVideoClient

    client = AsyncVideoClient(looks.KEY, base_url=question.base_url, timeout=looks.TIMEOUT)
    await client.get("first")
    _see_extra(question)
    return client


def measure(plan: Plan) -> Section:
    """The tables and the verdicts."""
    tasks, spread, bound, held = (500, 3.0, 12.0, 5_000) if plan.quick else (10_000, 20.0, 75.0, 100_000)
    results = Results()
    with server(looks=LOOKS) as base_url:
        for name in in_rounds(CONTENDERS, plan.rounds or (1 if plan.quick else 2)):
            plan.say(f"figure 2: {name}")
            question = Many(name, base_url, tasks, spread, bound)
            asked, _ = used(base_url)
            try:
                with child("benchmarks.many") as one:
                    waited = one.ask(question, Waited, bound)
            except Failed as error:
                results.fail(name, str(error), "wall", "cpu", "memory", "finished")
                continue
            made = LOOKS * tasks if name == FLOOR else used(base_url)[0] - asked - 1
            whole = waited.finished == tasks
            results.take(
                name,
                # What did not finish takes longer than that; its ratio errs in its favour.
                wall=waited.seconds if whole else max(waited.seconds, bound),
                cpu=waited.cpu / max(made, 1) * 1e6,
                memory=(waited.most - waited.idle) / tasks / 1024,
                finished=waited.finished,
            )
            if not whole:
                results.problems[name] = waited.problem or f"stopped after {bound:.0f} s"
    columns = [
        Column("finished", "finished", "{:,.0f}"),
        Column("wall, s", "wall", "{:.1f}"),
        Column("over the floor", "wall", over=FLOOR),
        Column("CPU per look, µs", "cpu", "{:.0f}"),
        Column("memory per task, KiB", "memory", "{:.1f}"),
    ]
    holds = _hold(plan, held)
    heading = f"{tasks:,} tasks over {spread:.0f} s"
    return Section(f"""
{table(heading, results, CONTENDERS, columns)}

{table(f"{held:,} tasks at once", holds, [HOLD_BASE, HOLD_EXTRA], HELD)}

{verdicts([*_claims(results), *_claims_to_hold(holds, held)])}
""")


def _hold(plan: Plan, tasks: int) -> Results:
    """How many tasks one process can wait for: each looked at once, and then again in an hour."""
    results, bound = Results(), 150.0
    with server(looks=LOOKS) as base_url:
        for name in (HOLD_BASE, HOLD_EXTRA):
            plan.say(f"figure 2: {name}")
            try:
                with child("benchmarks.many") as one:
                    held = one.ask(Many(name, base_url, tasks, 0.0, bound), Waited, bound)
            except Failed as error:
                results.fail(name, str(error))
                continue
            memory = held.most - held.idle
            results.take(name, tasks=held.begun, looked=held.finished, seconds=held.seconds)
            results.take(name, whole=memory / 2**20, each=memory / max(held.begun, 1) / 1024)
            if held.problem:
                results.problems[name] = held.problem
    return results


HELD: Final = [
    Column("waiting", "tasks", "{:,.0f}"),
    Column("looked at once", "looked", "{:,.0f}"),
    Column("in seconds", "seconds", "{:.1f}"),
    Column("memory, MiB", "whole", "{:.0f}"),
    Column("memory per task, KiB", "each", "{:.1f}"),
]


def _claims(results: Results) -> list[Claim]:
    return [
        Claim("wall with `[aiohttp]` over the floor", results.ratio("wall", EXTRA, FLOOR), at_most=1.25),
        Claim("wall, base, over the floor", results.ratio("wall", BASE, FLOOR), at_most=1.8),
        Claim(f"CPU per look with `[aiohttp]` over {OWN_EXTRA}", results.ratio("cpu", EXTRA, OWN_EXTRA), at_most=1.3),
        Claim(f"CPU per look with `[aiohttp]` over {OVER}", results.ratio("cpu", EXTRA, OVER), at_most=1.3),
        Claim(f"CPU per look, base, over {OWN}", results.ratio("cpu", BASE, OWN), at_most=1.3),
        Claim(f"CPU per look, base, over {LIMITED}", results.ratio("cpu", BASE, LIMITED), at_most=1.3),
        Claim("KiB per waiting task, base", results.series(BASE, "memory"), at_most=3),
        Claim("KiB per waiting task with `[aiohttp]`", results.series(EXTRA, "memory"), at_most=3),
    ]


def _claims_to_hold(holds: Results, tasks: int) -> list[Claim]:
    return [
        Claim(f"tasks {name}", holds.series(name, "looked"), at_least=tasks, form="{:,.0f}")
        for name in (HOLD_BASE, HOLD_EXTRA)
    ]


if __name__ == "__main__":
    answer_questions(Many, run)
