"""Threads share a client, and so do the tasks of an event loop. A client closes only its own connections."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import anyio

from meshapi_video import AsyncVideoClient, Video, VideoClient
from support.clients import KEY, Caller, Kind
from support.http_library import httpx
from support.many_tasks import (
    LONG,
    QUICK,
    RealClock,
    collect,
    eventually,
    eventually_async,
    finished_after,
    hang,
    respond_by_id,
    task_count,
    thread_count,
)
from support.server import Server, finished

ALL = [f"task-{number}" for number in range(40)]


def test_threads_share_a_client(server: Server) -> None:
    polls = respond_by_id(server, finished_after(3))
    with VideoClient(KEY, base_url=server.base_url) as client, ThreadPoolExecutor(8) as pool:

        def wait(task_id: str) -> Video:
            return client.wait(task_id, poll=QUICK, timeout=LONG)

        videos = list(pool.map(wait, ALL))
    assert [video.id for video in videos] == ALL
    assert polls == dict.fromkeys(ALL, 3)


def test_threads_share_a_client_for_many_tasks_and_an_event_stops_only_its_own_loop(server: Server) -> None:
    respond_by_id(server, lambda task_id, poll: finished_after(3)(task_id, poll) if task_id in ALL else hang)
    stop = threading.Event()
    with VideoClient(KEY, base_url=server.base_url) as client, ThreadPoolExecutor(4) as pool:
        hanging = pool.submit(lambda: list(client.wait_many(["a", "b"], stop=stop)))
        eventually(lambda: server.in_flight == 2)

        def loop(task_ids: list[str]) -> Counter[str]:
            return Counter(result.task_id for result in client.wait_many(task_ids, poll=QUICK) if result.video)

        loops = [pool.submit(loop, task_ids) for task_ids in (ALL[:20], ALL)]
        found = [running.result(LONG) for running in loops]
        assert not hanging.done()
        stop.set()
        assert {result.task_id for result in hanging.result(LONG)} == {"a", "b"}
    assert found == [Counter(ALL[:20]), Counter(ALL)]
    eventually(lambda: thread_count() == 0)


def test_the_tasks_of_an_event_loop_share_a_client(server: Server, backend: str) -> None:
    polls = respond_by_id(server, finished_after(3))
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
    assert polls == dict.fromkeys(ALL, 3)


def test_cancelling_one_task_does_not_affect_the_others_on_the_same_client(server: Server, backend: str) -> None:
    respond_by_id(server, lambda task_id, poll: hang if task_id == "hanging" else finished_after(3)(task_id, poll))

    async def main() -> int:
        async with AsyncVideoClient(KEY, base_url=server.base_url) as client:
            before, found = task_count(), 0
            async with anyio.create_task_group() as group:
                group.start_soon(collect, client.wait_many(["hanging"]))
                await eventually_async(lambda: server.in_flight)
                found = len(await collect(client.wait_many(ALL, poll=QUICK)))
                group.cancel_scope.cancel()
            await eventually_async(lambda: task_count() == before)
            return found

    assert anyio.run(main, backend=backend) == len(ALL)


def test_a_user_client_stays_open_after_the_loop_and_the_client(kind: Kind, server: Server) -> None:
    respond_by_id(server, lambda task_id, _poll: finished(task_id))
    if kind == "sync":
        with httpx.Client() as http_client:
            with VideoClient(KEY, base_url=server.base_url, http_client=http_client) as client:
                assert len(list(client.wait_many(ALL))) == 40
            assert http_client.get(f"{server.base_url}/v1/x").json()["id"] == "x"
    else:

        async def main() -> None:
            async with httpx.AsyncClient() as http_client:
                async with AsyncVideoClient(KEY, base_url=server.base_url, http_client=http_client) as client:
                    assert len(await collect(client.wait_many(ALL))) == 40
                assert (await http_client.get(f"{server.base_url}/v1/x")).json()["id"] == "x"

        anyio.run(main, backend=kind)


def test_a_client_closes_its_connections(kind: Kind, server: Server) -> None:
    respond_by_id(server, finished_after(2))

    async def body(client: AsyncVideoClient) -> None:
        assert len(await collect(client.wait_many(ALL, poll=QUICK))) == 40
        assert server.open_connections > 0

    Caller(kind, server.base_url, RealClock()).run(body)
    eventually(lambda: server.open_connections == 0)
