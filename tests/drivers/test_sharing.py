"""A client is shared between threads, or between the tasks of an event loop, and closes only what it opened."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import anyio
import httpx

from meshapi_video import AsyncVideoClient, Video, VideoClient
from support.by_id import LONG, QUICK, by_id, collect, eventually, eventually_so, held, over_after, tasks, threads
from support.clients import KEY, Kind
from support.server import Server, finished

ALL = [f"task-{number}" for number in range(40)]


def test_threads_share_a_client(server: Server) -> None:
    asked = by_id(server, over_after(3))
    with VideoClient(KEY, base_url=server.base_url) as client, ThreadPoolExecutor(8) as pool:

        def wait(task_id: str) -> Video:
            return client.wait(task_id, poll=QUICK, timeout=LONG)

        videos = list(pool.map(wait, ALL))
    assert [video.id for video in videos] == ALL
    assert asked == dict.fromkeys(ALL, 3)


def test_threads_share_a_client_for_many_each_and_an_event_stops_its_own(server: Server) -> None:
    by_id(server, lambda task_id, look: over_after(3)(task_id, look) if task_id in ALL else held)
    stop = threading.Event()
    with VideoClient(KEY, base_url=server.base_url) as client, ThreadPoolExecutor(4) as pool:
        stuck = pool.submit(lambda: list(client.wait_many(["a", "b"], stop=stop)))
        eventually(lambda: server._at_once == 2)

        def loop(part: list[str]) -> Counter[str]:
            return Counter(result.task_id for result in client.wait_many(part, poll=QUICK) if result.video)

        loops = [pool.submit(loop, part) for part in (ALL[:20], ALL)]
        found = [looping.result(LONG) for looping in loops]
        assert not stuck.done()
        stop.set()
        assert {result.task_id for result in stuck.result(LONG)} == {"a", "b"}
    assert found == [Counter(ALL[:20]), Counter(ALL)]
    eventually(lambda: threads() == 0)


def test_tasks_share_a_client(server: Server, backend: str) -> None:
    asked = by_id(server, over_after(3))
    ended = list[str]()

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=server.base_url) as client:

            async def one(task_id: str) -> None:
                ended.append((await client.wait(task_id, poll=QUICK, timeout=LONG)).id)

            async def many() -> None:
                ended.extend([result.task_id for result in await collect(client.wait_many(ALL[20:], poll=QUICK))])

            async with anyio.create_task_group() as group:
                group.start_soon(many)
                for task_id in ALL[:20]:
                    group.start_soon(one, task_id)

    anyio.run(main, backend=backend)
    assert sorted(ended) == sorted(ALL)
    assert asked == dict.fromkeys(ALL, 3)


def test_cancelling_one_of_the_tasks_that_share_a_client_leaves_the_others_alone(server: Server, backend: str) -> None:
    by_id(server, lambda task_id, look: held if task_id == "stuck" else over_after(3)(task_id, look))

    async def main() -> int:
        async with AsyncVideoClient(KEY, base_url=server.base_url) as client:
            before, found = tasks(), 0
            async with anyio.create_task_group() as group:
                group.start_soon(collect, client.wait_many(["stuck"]))
                await eventually_so(lambda: server._at_once)
                found = len(await collect(client.wait_many(ALL, poll=QUICK)))
                group.cancel_scope.cancel()
            await eventually_so(lambda: tasks() == before)
            return found

    assert anyio.run(main, backend=backend) == len(ALL)


def test_a_borrowed_client_outlives_the_loop_and_the_client_that_borrowed_it(kind: Kind, server: Server) -> None:
    by_id(server, lambda task_id, _look: finished(task_id))
    if kind == "sync":
        with httpx.Client() as borrowed:
            with VideoClient(KEY, base_url=server.base_url, http_client=borrowed) as client:
                assert len(list(client.wait_many(ALL))) == 40
            assert borrowed.get(f"{server.base_url}/v1/x").json()["id"] == "x"
    else:

        async def main() -> None:
            async with httpx.AsyncClient() as borrowed:
                async with AsyncVideoClient(KEY, base_url=server.base_url, http_client=borrowed) as client:
                    assert len(await collect(client.wait_many(ALL))) == 40
                assert (await borrowed.get(f"{server.base_url}/v1/x")).json()["id"] == "x"

        anyio.run(main, backend=kind)


def test_what_a_client_opened_is_closed_with_it(kind: Kind, server: Server) -> None:
    # A connection that is open counts as one of the server's threads, and each of those is named so.
    def connections() -> int:
        return sum("process_request_thread" in thread.name for thread in threading.enumerate())

    by_id(server, over_after(2))
    if kind == "sync":
        with VideoClient(KEY, base_url=server.base_url) as client:
            assert len(list(client.wait_many(ALL, poll=QUICK))) == 40
            assert connections() > 0
    else:

        async def main() -> None:
            async with AsyncVideoClient(KEY, base_url=server.base_url) as client:
                assert len(await collect(client.wait_many(ALL, poll=QUICK))) == 40
                assert connections() > 0

        anyio.run(main, backend=kind)
    eventually(lambda: connections() == 0)
