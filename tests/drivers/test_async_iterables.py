"""`wait_many` with an async iterable, which may take its time for each id: on asyncio and on trio."""

from __future__ import annotations

import itertools
import threading
from collections.abc import AsyncIterator
from contextvars import ContextVar

import anyio
import anyio.lowlevel
import pytest

from meshapi_video import AsyncVideoClient, WaitProgress, WaitResult
from support.clients import KEY, Kind
from support.many_tasks import QUICK, WaitManyCaller, collect, eventually_async, finished_after, respond_by_id
from support.server import Server


@pytest.fixture
def wait_many(backend: Kind, server: Server) -> WaitManyCaller:
    return WaitManyCaller(backend, server)


def test_ids_are_taken_from_an_endless_async_iterable_as_tasks_end(wait_many: WaitManyCaller, server: Server) -> None:
    respond_by_id(server, finished_after(2))
    taken = itertools.count()
    numbers = itertools.count()

    async def endless() -> AsyncIterator[str]:
        while True:
            yield f"t{next(taken)}"

    results = wait_many(endless(), lambda _: next(numbers) == 40, poll=QUICK, max_waiting=5)
    assert len(results) == len({result.task_id for result in results}) == 41
    assert next(taken) <= 41 + 5 + 1


def test_an_endless_async_iterable_of_duplicates_does_not_block_the_results(
    wait_many: WaitManyCaller, server: Server
) -> None:
    respond_by_id(server, finished_after(2))

    async def endless() -> AsyncIterator[str]:
        while True:
            yield "t0"

    assert [result.task_id for result in wait_many(endless(), lambda _: True, poll=QUICK)] == ["t0"]


def test_results_do_not_wait_for_the_next_id_of_an_async_iterable(wait_many: WaitManyCaller, server: Server) -> None:
    respond_by_id(server, finished_after(1))
    got_result = threading.Event()

    async def two() -> AsyncIterator[str]:
        yield "t0"
        await eventually_async(got_result.is_set)
        yield "t1"

    assert len(wait_many(two(), lambda _: got_result.set(), poll=QUICK)) == 2


def test_the_timeout_ends_an_async_iterable_without_further_ids(wait_many: WaitManyCaller, server: Server) -> None:
    respond_by_id(server, finished_after(1))

    async def idle() -> AsyncIterator[str]:
        yield "t0"
        await anyio.sleep_forever()

    assert len(wait_many(idle(), poll=QUICK, timeout=0.2)) == 1


def test_an_async_iterable_runs_with_the_callers_context_variables(server: Server, backend: str) -> None:
    respond_by_id(server, finished_after(1))
    variable: ContextVar[str] = ContextVar("variable", default="the default")

    async def mine() -> AsyncIterator[str]:
        yield variable.get()

    async def main() -> list[WaitResult]:
        variable.set("mine")
        async with AsyncVideoClient(KEY, base_url=server.base_url) as client:
            return await collect(client.wait_many(mine(), poll=QUICK))

    assert [result.task_id for result in anyio.run(main, backend=backend)] == ["mine"]


def test_an_iterable_that_ends_during_an_async_callback_ends_the_loop(wait_many: WaitManyCaller) -> None:
    reports, ending = list[WaitProgress](), threading.Event()

    async def no_ids() -> AsyncIterator[str]:
        await eventually_async(lambda: reports)
        ending.set()
        for task_id in list[str]():
            yield task_id

    async def on_progress(progress: WaitProgress) -> None:
        reports.append(progress)
        await eventually_async(ending.is_set)
        for _ in range(5):
            await anyio.lowlevel.checkpoint()

    assert wait_many(no_ids(), poll=QUICK, on_progress=on_progress) == []
    assert [progress.begun for progress in reports] == [0]
