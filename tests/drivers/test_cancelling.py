"""Cancelling a wait, or letting go of it, is prompt and leaves nothing running: on asyncio and on trio."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from meshapi_video import AsyncVideoClient, WaitResult
from support.by_id import (
    AT_ONCE,
    NAMES,
    QUICK,
    by_id,
    eventually,
    eventually_so,
    first_over,
    never_answered,
    tasks,
)
from support.clients import KEY, Kind
from support.server import Server, task


@pytest.mark.parametrize("call", ["wait", "wait_many"])
def test_cancelling_is_prompt_and_leaves_nothing_running(server: Server, backend: str, call: str) -> None:
    by_id(server, never_answered)

    async def main() -> None:
        # Nothing but the cancellation ends these looks.
        async with AsyncVideoClient(KEY, base_url=server.base_url, timeout=9999) as client:
            before = tasks()

            async def wait() -> None:
                if call == "wait":
                    await client.wait("t0")
                else:
                    async for _ in client.wait_many(NAMES, max_in_flight=20):
                        pass

            async with anyio.create_task_group() as group:
                group.start_soon(wait)
                await eventually_so(lambda: server._at_once == (1 if call == "wait" else 20))
                group.cancel_scope.cancel()
            await eventually_so(lambda: tasks() == before and server._at_once == 0)
            server.script(task("running", "another"))
            assert (await client.get("another")).status == "running"

    anyio.run(main, backend=backend)


def test_asyncios_own_cancellation_leaves_nothing_running(server: Server) -> None:
    by_id(server, never_answered)

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=server.base_url) as client:

            async def loop() -> None:
                async for _ in client.wait_many(NAMES, max_in_flight=20):
                    pass

            looping = asyncio.create_task(loop())
            await eventually_so(lambda: server._at_once == 20)
            looping.cancel()
            with pytest.raises(asyncio.CancelledError):
                await looping
            await eventually_so(lambda: tasks() == 1 and server._at_once == 0)

    asyncio.run(main())


def test_an_event_loop_that_ends_takes_a_loop_along(server: Server) -> None:
    by_id(server, never_answered)
    results = list[WaitResult]()

    async def main() -> None:
        client = AsyncVideoClient(KEY, base_url=server.base_url)

        async def loop() -> None:
            results.extend([result async for result in client.wait_many(NAMES[:3])])

        looping = asyncio.create_task(loop())
        await eventually_so(lambda: server._at_once == 3)
        assert not looping.done()

    asyncio.run(main())
    eventually(lambda: server._at_once == 0)
    assert results == []


def test_a_loop_whose_task_was_cancelled_before_its_first_step_is_known_to_have_ended(server: Server) -> None:
    by_id(server, never_answered)

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=server.base_url) as client:
            results = client.wait_many(NAMES)
            looping = asyncio.ensure_future(anext(results))
            await anyio.lowlevel.checkpoint()
            for each in asyncio.all_tasks() - {asyncio.current_task()}:
                each.cancel()
            await asyncio.wait([looping])
            # Where nobody told that it never ran, it would have been waited for in vain.
            assert results._looks.ended.is_set()

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_an_iterator_that_is_collected_in_another_thread_ends_as_well(kind: Kind, server: Server) -> None:
    by_id(server, never_answered)

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=server.base_url) as client:
            before = tasks()

            async def begin() -> None:
                results = client.wait_many([*NAMES[:20], AT_ONCE])
                assert (await anext(results)).task_id == AT_ONCE
                cycle = list[Any]([results])
                cycle.append(cycle)
                await eventually_so(lambda: server._at_once == 20)

            gc.disable()
            try:
                await begin()
                await anyio.to_thread.run_sync(gc.collect)
            finally:
                gc.enable()
            await eventually_so(lambda: tasks() <= before + 1 and server._at_once == 0)

    anyio.run(main, backend=kind)


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_an_iterator_that_outlives_its_event_loop_goes_in_silence(kind: Kind, server: Server) -> None:
    by_id(server, never_answered)
    kept = list[Any]()

    async def main() -> None:
        client = AsyncVideoClient(KEY, base_url=server.base_url)
        kept.append(client.wait_many([*NAMES[:20], AT_ONCE]))
        await anext(kept[0])
        await eventually_so(lambda: server._at_once == 20)

    anyio.run(main, backend=kind)
    eventually(lambda: server._at_once == 0)
    # Anything that `__del__` raises fails the test.
    kept.clear()
    gc.collect()


def test_an_asynchronous_loop_that_is_thrown_away_awaits_nothing(server: Server) -> None:
    by_id(server, first_over(server))

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=server.base_url) as client:
            results = client.wait_many(NAMES, poll=QUICK)
            await anext(results)
            waiting = anext(results)
            waiting.send(None)  # pyright: ignore - as an event loop does
            waiting.close()  # pyright: ignore - as a closed event loop does
            await results.close()

    asyncio.run(main())
    eventually(lambda: server._at_once == 0)
