"""Waiting for what an async iterable brings, which may take its time: on asyncio and on trio."""

from __future__ import annotations

import itertools
import threading
from collections.abc import AsyncIterator
from contextvars import ContextVar

import anyio
import anyio.lowlevel
import pytest

from meshapi_video import AsyncVideoClient, WaitProgress, WaitResult
from support.by_id import QUICK, Loop, by_id, collect, eventually_so, over_after
from support.clients import KEY, Kind
from support.server import Server


@pytest.fixture
def many(backend: Kind, server: Server) -> Loop:
    return Loop(backend, server)


def test_an_endless_async_iterable_is_taken_from_as_results_are(many: Loop, server: Server) -> None:
    by_id(server, over_after(2))
    taken = itertools.count()
    numbers = itertools.count()

    async def endless() -> AsyncIterator[str]:
        while True:
            yield f"t{next(taken)}"

    found = many(endless(), lambda _: next(numbers) == 40, poll=QUICK, max_waiting=5)
    assert len(found) == len({result.task_id for result in found}) == 41
    assert next(taken) <= 41 + 5 + 1


def test_an_async_iterable_that_says_the_same_for_ever_holds_up_nothing(many: Loop, server: Server) -> None:
    by_id(server, over_after(2))

    async def endless() -> AsyncIterator[str]:
        while True:
            yield "t0"

    assert [result.task_id for result in many(endless(), lambda _: True, poll=QUICK)] == ["t0"]


def test_results_do_not_wait_for_an_async_iterable_that_takes_its_time(many: Loop, server: Server) -> None:
    by_id(server, over_after(1))
    go_on = threading.Event()

    async def two() -> AsyncIterator[str]:
        yield "t0"
        await eventually_so(go_on.is_set)
        yield "t1"

    assert len(many(two(), lambda _: go_on.set(), poll=QUICK)) == 2


def test_an_idle_async_iterable_does_not_outlive_the_timeout(many: Loop, server: Server) -> None:
    by_id(server, over_after(1))

    async def idle() -> AsyncIterator[str]:
        yield "t0"
        await anyio.sleep_forever()

    assert len(many(idle(), poll=QUICK, timeout=0.2)) == 1


def test_an_async_iterable_runs_with_the_callers_context_variables(server: Server, backend: str) -> None:
    by_id(server, over_after(1))
    whose: ContextVar[str] = ContextVar("whose", default="nobodys")

    async def mine() -> AsyncIterator[str]:
        yield whose.get()

    async def main() -> list[WaitResult]:
        whose.set("mine")
        async with AsyncVideoClient(KEY, base_url=server.base_url) as client:
            return await collect(client.wait_many(mine(), poll=QUICK))

    assert [result.task_id for result in anyio.run(main, backend=backend)] == ["mine"]


def test_an_end_that_comes_during_an_async_callback_is_not_missed(many: Loop) -> None:
    told, ending = list[WaitProgress](), threading.Event()

    async def none_after_all() -> AsyncIterator[str]:
        await eventually_so(lambda: told)
        ending.set()
        for task_id in list[str]():
            yield task_id

    async def on_progress(progress: WaitProgress) -> None:
        told.append(progress)
        await eventually_so(ending.is_set)
        for _ in range(5):
            await anyio.lowlevel.checkpoint()

    assert many(none_after_all(), poll=QUICK, on_progress=on_progress) == []
    assert [progress.begun for progress in told] == [0]
