"""A cancelled or forgotten wait ends at once and leaves nothing running: on asyncio and on trio."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from meshapi_video import AsyncVideoClient, WaitResult
from support.clients import KEY, Kind
from support.many_tasks import (
    INVALID_ID,
    QUICK,
    TASK_IDS,
    always_hangs,
    eventually,
    eventually_async,
    first_finish,
    respond_by_id,
    task_count,
)
from support.server import Server, task


@pytest.mark.parametrize("method", ["wait", "wait_many"])
def test_a_cancellation_ends_the_wait_at_once_and_leaves_nothing_running(
    server: Server, backend: str, method: str
) -> None:
    respond_by_id(server, always_hangs)

    async def main() -> None:
        # Only the cancellation ends these polls.
        async with AsyncVideoClient(KEY, base_url=server.base_url, timeout=9999) as client:
            before = task_count()

            async def wait() -> None:
                if method == "wait":
                    await client.wait("t0")
                else:
                    async for _ in client.wait_many(TASK_IDS, max_in_flight=20):
                        pass

            async with anyio.create_task_group() as group:
                group.start_soon(wait)
                await eventually_async(lambda: server.in_flight == (1 if method == "wait" else 20))
                group.cancel_scope.cancel()
            await eventually_async(lambda: task_count() == before and server.in_flight == 0)
            server.script(task("running", "another"))
            assert (await client.get("another")).status == "running"

    anyio.run(main, backend=backend)


def test_a_cancellation_by_asyncio_itself_leaves_nothing_running(server: Server) -> None:
    respond_by_id(server, always_hangs)

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=server.base_url) as client:

            async def loop() -> None:
                async for _ in client.wait_many(TASK_IDS, max_in_flight=20):
                    pass

            loop_task = asyncio.create_task(loop())
            await eventually_async(lambda: server.in_flight == 20)
            loop_task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await loop_task
            await eventually_async(lambda: task_count() == 1 and server.in_flight == 0)

    asyncio.run(main())


def test_polling_ends_with_the_event_loop(server: Server) -> None:
    respond_by_id(server, always_hangs)
    results = list[WaitResult]()

    async def main() -> None:
        client = AsyncVideoClient(KEY, base_url=server.base_url)

        async def loop() -> None:
            results.extend([result async for result in client.wait_many(TASK_IDS[:3])])

        loop_task = asyncio.create_task(loop())
        await eventually_async(lambda: server.in_flight == 3)
        assert not loop_task.done()

    asyncio.run(main())
    eventually(lambda: server.in_flight == 0)
    assert results == []


def test_a_background_task_that_is_cancelled_before_its_first_step_counts_as_ended(server: Server) -> None:
    respond_by_id(server, always_hangs)

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=server.base_url) as client:
            results = client.wait_many(TASK_IDS)
            loop_task = asyncio.ensure_future(anext(results))
            await anyio.lowlevel.checkpoint()
            for background_task in asyncio.all_tasks() - {asyncio.current_task()}:
                background_task.cancel()
            await asyncio.wait([loop_task])
            # Otherwise `close` would wait for a task that never ran.
            assert results._poller.ended.is_set()

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_an_iterator_that_another_thread_garbage_collects_stops_polling(kind: Kind, server: Server) -> None:
    respond_by_id(server, always_hangs)

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=server.base_url) as client:
            before = task_count()

            async def start() -> None:
                results = client.wait_many([*TASK_IDS[:20], INVALID_ID])
                assert (await anext(results)).task_id == INVALID_ID
                cycle = list[Any]([results])
                cycle.append(cycle)
                await eventually_async(lambda: server.in_flight == 20)

            gc.disable()
            try:
                await start()
                await anyio.to_thread.run_sync(gc.collect)
            finally:
                gc.enable()
            await eventually_async(lambda: task_count() <= before + 1 and server.in_flight == 0)

    anyio.run(main, backend=kind)


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_an_iterator_that_outlives_its_event_loop_is_deleted_without_an_error(kind: Kind, server: Server) -> None:
    respond_by_id(server, always_hangs)
    kept = list[Any]()

    async def main() -> None:
        client = AsyncVideoClient(KEY, base_url=server.base_url)
        kept.append(client.wait_many([*TASK_IDS[:20], INVALID_ID]))
        await anext(kept[0])
        await eventually_async(lambda: server.in_flight == 20)

    anyio.run(main, backend=kind)
    eventually(lambda: server.in_flight == 0)
    # Anything that `__del__` raises fails the test.
    kept.clear()
    gc.collect()


def test_an_iterator_that_is_closed_by_its_event_loop_awaits_nothing(server: Server) -> None:
    respond_by_id(server, first_finish(server))

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=server.base_url) as client:
            results = client.wait_many(TASK_IDS, poll=QUICK)
            await anext(results)
            waiting = anext(results)
            waiting.send(None)  # pyright: ignore - as an event loop does
            waiting.close()  # pyright: ignore - as a closed event loop does
            await results.close()

    asyncio.run(main())
    eventually(lambda: server.in_flight == 0)
