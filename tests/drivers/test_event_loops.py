"""One asynchronous client works on one event loop after another, and on several at the same time."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
import anyio.lowlevel
import httpx
import pytest
from asgiref.sync import async_to_sync

from meshapi_video import AsyncVideoClient, AsyncWaitResults, Video, WaitProgress, WaitResult
from meshapi_video._async import wait_many
from meshapi_video._async.event_loops import LoopResources
from meshapi_video._transport.request import Request
from meshapi_video._transport.response import Response as Checked
from support.clients import ASYNC_DRIVERS, KEY, Driver, kind_of
from support.files import StoredFile
from support.many_tasks import LONG, QUICK, SLOW, collect, eventually, eventually_async, finished_after, respond_by_id
from support.server import Response, Server, finished, response, task, task_json

T = TypeVar("T")
Main = Callable[[], Coroutine[Any, Any, object]]


def abandoned(main: Main) -> None:
    """An event loop that nobody closes, as some programs leave it."""
    asyncio.new_event_loop().run_until_complete(main())


def only_closed(main: Main) -> None:
    """An event loop that is closed, but whose asynchronous generators nobody finished."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()


def without_generators(main: Main) -> None:
    """An event loop that goes on after it has finished its asynchronous generators."""
    with asyncio.Runner() as runner:
        runner.run(main())
        runner.run(runner.get_loop().shutdown_asyncgens())
        runner.run(main())
        runner.run(runner.get_loop().shutdown_asyncgens())


def in_a_thread(main: Main) -> None:
    """The event loop of a thread that ends."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, main()).result(LONG)


def inside_another(main: Main) -> None:
    """An event loop in a thread, while another one runs, as in a notebook."""

    async def outer() -> None:
        await main()
        await asyncio.to_thread(asyncio.run, main())
        await main()

    asyncio.run(outer())


WAYS: Final[dict[str, Callable[[Main], object]]] = {
    "asyncio.run": lambda main: asyncio.run(main()),
    "trio.run": lambda main: anyio.run(main, backend="trio"),
    "async_to_sync": lambda main: async_to_sync(main)(),
    "a thread": in_a_thread,
    "inside another": inside_another,
}
# asyncio warns of these itself: of an event loop that nobody closes, of a connection that is open when its event loop
# is closed, and of a generator that starts after the end of generators.
RUDE_WAYS: Final[dict[str, Callable[[Main], object]]] = {
    "abandoned": abandoned,
    "only closed": only_closed,
    "without generators": without_generators,
}


class Api:
    """Responds to each operation of the API, and counts connections."""

    def __init__(self, server: Server) -> None:
        self.server = server
        server.script(self)

    def __call__(self, connection: socket.socket) -> bool:
        request = self.server.requests[-1]
        return self._response(request.method, request.target)(connection)

    def _response(self, method: str, target: str) -> Response:
        if method == "POST":
            return response(200, {"id": "created"})
        if "?" in target:
            return response(200, {"data": [task_json()], "total": 1, "limit": 100, "offset": 0, "has_more": False})
        return finished(target.rpartition("/")[2])


@pytest.fixture(autouse=True)
def no_connection_is_left(server: Server, store: Server) -> Generator[None]:
    yield
    gc.collect()
    eventually(lambda: server.open_connections == store.open_connections == 0)


async def every_method(client: AsyncVideoClient, video: Video, out: Path) -> None:
    """Uses each method once."""
    assert (await client.get("t")).id == "t"
    assert (await client.wait("t", poll=QUICK)).id == "t"
    assert [each.id async for each in client.updates("t", poll=QUICK)] == ["t"]
    assert {each.task_id async for each in client.wait_many(["a", "b"], poll=QUICK)} == {"a", "b"}
    assert [each.id async for each in client.list()] == ["task-1"]
    assert (await client.create("byteplus/dreamina-seedance-2-0", "a lake", duration=5)).id == "created"
    await client.download(video, out, overwrite=True)


@pytest.fixture(params=[driver for driver in ASYNC_DRIVERS if kind_of(driver) == "asyncio"])
def over(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Driver:
    """With aiohttp installed, and without it."""
    monkeypatch.setattr("meshapi_video._async.session.HAS_AIOHTTP", request.param == "aiohttp")
    driver: Driver = request.param
    return driver


@pytest.mark.parametrize("second", WAYS)
@pytest.mark.parametrize("first", ["asyncio.run", "trio.run"])
@pytest.mark.usefixtures("over")
def test_every_method_works_on_one_event_loop_after_another(
    server: Server, video: Video, stored: StoredFile, out: Path, first: str, second: str
) -> None:
    Api(server)
    client = AsyncVideoClient(KEY, base_url=server.base_url)

    async def main() -> None:
        await every_method(client, video, out)

    for way in (first, second, first):
        WAYS[way](main)
        assert out.read_bytes() == stored.content
    asyncio.run(client.close())


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("rude", RUDE_WAYS)
@pytest.mark.usefixtures("over")
def test_an_event_loop_that_ends_without_care_leaves_the_client_usable_and_no_connection_open(
    server: Server, rude: str, caplog: pytest.LogCaptureFixture
) -> None:
    Api(server)
    client = AsyncVideoClient(KEY, base_url=server.base_url)

    async def main() -> None:
        assert (await client.get("t")).id == "t"

    # An automatic collection could find an abandoned session before the client closes it. Then aiohttp logs that.
    gc.disable()
    try:
        RUDE_WAYS[rude](main)
        RUDE_WAYS[rude](main)
        asyncio.run(main())
    finally:
        gc.enable()
    gc.collect()
    eventually(lambda: server.open_connections == 0)
    asyncio.run(client.close())
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.usefixtures("over")
def test_many_abandoned_event_loops_are_not_kept_alive(server: Server) -> None:
    Api(server)
    client = AsyncVideoClient(KEY, base_url=server.base_url)
    loops = list[weakref.ref[asyncio.AbstractEventLoop]]()

    async def main() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        assert (await client.get("t")).id == "t"

    for _ in range(5):
        abandoned(main)
        gc.collect()
    assert sum(loop() is not None for loop in loops) == 1
    asyncio.run(client.close())


def test_two_event_loops_use_a_client_at_the_same_time(server: Server, backend: str) -> None:
    Api(server)
    together = threading.Barrier(2)
    client = AsyncVideoClient(KEY, base_url=server.base_url)

    async def main() -> set[str]:
        await client.get("t")
        together.wait(LONG)
        results = await collect(client.wait_many([f"t{number}" for number in range(30)], poll=QUICK))
        together.wait(LONG)
        await client.get("t")
        return {result.task_id for result in results if result.video}

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.submit(partial(anyio.run, main, backend=backend)), pool.submit(asyncio.run, main())
        assert len(one.result(LONG)) == len(other.result(LONG)) == 30
    asyncio.run(client.close())


def test_an_event_loop_uses_its_kept_connection_while_another_one_runs(server: Server, backend: str) -> None:
    connections = set[object]()
    api = Api(server)

    def counted(connection: socket.socket) -> bool:
        connections.add(connection)
        return api(connection)

    server.script(counted)
    client = AsyncVideoClient(KEY, base_url=server.base_url)

    def other() -> None:
        anyio.run(client.get, "t", backend=backend)

    async def main() -> None:
        for _ in range(3):
            await client.get("t")
            await anyio.to_thread.run_sync(other)

    anyio.run(main, backend=backend)
    # One of the outer event loop, and one of each inner one.
    assert len(connections) == 4


@pytest.mark.parametrize("where", ["trio", "asyncio"])
def test_closing_in_one_event_loop_ends_the_waits_and_closes_the_connections_of_another(
    server: Server, backend: str, where: str
) -> None:
    respond_by_id(server, lambda task_id, _poll: task("running", task_id))
    client = AsyncVideoClient(KEY, base_url=server.base_url)
    running, left = threading.Event(), list[str]()

    async def main() -> None:
        def report(_progress: WaitProgress) -> None:
            # The first poll has ended, and its connection is kept.
            if results.waiting()[0].status is not None:
                running.set()

        results = client.wait_many(["t"], poll=SLOW, on_progress=report)
        with pytest.raises(RuntimeError, match="has been closed"):
            await anext(results)
        left.extend(token.task_id for token in results.tokens)
        with pytest.raises(RuntimeError, match="has been closed"):
            await client.get("t")
        # Before this event loop ends.
        await eventually_async(lambda: server.open_connections == 0)

    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(partial(anyio.run, main, backend=backend))
        assert running.wait(LONG)
        anyio.run(client.close, backend=where)
        ended.result(LONG)
    assert left == ["t"]


def test_a_client_that_nobody_closes_closes_its_connections_with_the_event_loop(server: Server, backend: str) -> None:
    Api(server)
    client = AsyncVideoClient(KEY, base_url=server.base_url)
    anyio.run(client.get, "t", backend=backend)
    eventually(lambda: server.open_connections == 0)
    assert not client._session.is_closed


# trio warns of each asynchronous generator that is garbage, and closes it.
@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")
def test_a_client_that_nobody_closes_closes_its_connections_when_it_is_garbage(server: Server, backend: str) -> None:
    Api(server)

    async def main() -> None:
        client = AsyncVideoClient(KEY, base_url=server.base_url)
        await client.get("t")
        assert server.open_connections == 1
        del client
        gc.collect()
        await eventually_async(lambda: server.open_connections == 0)

    anyio.run(main, backend=backend)


def use_elsewhere(client: AsyncVideoClient) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, client.get("t")).result(LONG)


def close_on_asyncio(client: AsyncVideoClient) -> None:
    asyncio.run(client.close())


def close_on_trio(client: AsyncVideoClient) -> None:
    anyio.run(client.close, backend="trio")


def drop(client: AsyncVideoClient) -> None:
    assert client


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("meanwhile", [use_elsewhere, close_on_asyncio, close_on_trio, drop])
@pytest.mark.usefixtures("over")
def test_an_event_loop_that_is_told_to_close_its_connections_while_it_pauses_ends_without_an_error(
    server: Server, meanwhile: Callable[[AsyncVideoClient], None], caplog: pytest.LogCaptureFixture
) -> None:
    Api(server)
    clients = [AsyncVideoClient(KEY, base_url=server.base_url)]
    with asyncio.Runner() as runner:
        assert runner.run(clients[0].get("t")).id == "t"
        # The client's last reference.
        meanwhile(clients.pop())
        gc.collect()
    gc.collect()
    eventually(lambda: server.open_connections == 0)
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("steps", range(5))
@pytest.mark.usefixtures("over")
def test_closing_a_client_at_each_step_of_the_end_of_its_event_loop_raises_and_logs_nothing(
    server: Server, steps: int, caplog: pytest.LogCaptureFixture
) -> None:
    Api(server)
    client = AsyncVideoClient(KEY, base_url=server.base_url)

    async def main() -> None:
        await client.get("t")
        ending = asyncio.create_task(asyncio.get_running_loop().shutdown_asyncgens())
        for _ in range(steps):
            await asyncio.sleep(0)
        await client.close()
        await eventually_async(lambda: server.open_connections == 0)
        await ending

    asyncio.run(main())
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []


class SlowTransport:
    """Takes a moment to close, and may fail then."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.closed = 0

    async def send(self, request: Request, check: Callable[[Checked], None]) -> Checked:
        raise NotImplementedError

    async def aclose(self) -> None:
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        self.closed += 1
        if self.error is not None:
            raise self.error


# trio would warn of a generator that is left.
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("callers", [1, 3])
@pytest.mark.parametrize("error", [None, OSError("reset")])
def test_each_caller_that_closes_a_transport_returns_when_it_is_closed_and_the_first_one_gets_the_error(
    backend: str, error: Exception | None, callers: int
) -> None:
    transport = SlowTransport(error)
    raised, closed = list[str](), list[int]()

    async def close(resources: LoopResources) -> None:
        try:
            await resources.aclose()
        except OSError as caught:
            # Without its traceback, which has the resources.
            raised.append(str(caught.with_traceback(None)))
        closed.append(transport.closed)

    async def main() -> None:
        resources = LoopResources(1)
        await resources.hold(transport)
        async with anyio.create_task_group() as group:
            for _ in range(callers):
                group.start_soon(close, resources)
        del resources
        gc.collect()

    anyio.run(main, backend=backend)
    assert closed == [1] * callers
    assert raised == ([] if error is None else ["reset"])


def test_a_client_that_opened_no_connection_closes(server: Server, backend: str) -> None:
    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=server.base_url) as client, client._session.in_flight:
            assert client._session._event_loops.current().transport is None
        assert client._session.is_closed

    anyio.run(main, backend=backend)
    assert server.requests == []


def test_an_iterator_does_not_continue_on_another_event_loop_and_keeps_its_tokens(server: Server, backend: str) -> None:
    respond_by_id(server, lambda task_id, _poll: finished(task_id) if task_id == "a" else task("running", task_id))
    client = AsyncVideoClient(KEY, base_url=server.base_url)
    results = client.wait_many(["a", "b", "c"], poll=SLOW)

    async def one() -> WaitResult:
        return await anext(results)

    assert anyio.run(one, backend=backend).task_id == "a"
    with pytest.raises(RuntimeError, match="began on another event loop"):
        asyncio.run(one())
    assert [token.task_id for token in results.tokens] == ["b", "c"]
    respond_by_id(server, finished_after(1))

    async def rest() -> list[WaitResult]:
        # By their ids: the next polls of the tokens may be due much later.
        return await collect(client.wait_many([token.task_id for token in results.tokens]))

    assert {result.task_id for result in asyncio.run(rest())} == {"b", "c"}
    asyncio.run(results.close())
    asyncio.run(client.close())


def test_an_iterator_may_be_created_and_finished_outside_the_event_loop_that_polls(
    server: Server, backend: str
) -> None:
    respond_by_id(server, finished_after(1))
    client = AsyncVideoClient(KEY, base_url=server.base_url)

    async def create() -> AsyncWaitResults:
        return client.wait_many(["a"])

    results = asyncio.run(create())

    async def rest() -> list[WaitResult]:
        return await collect(results)

    assert [result.task_id for result in anyio.run(rest, backend=backend)] == ["a"]
    assert asyncio.run(rest()) == []


# The connection of the user's own client.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_user_s_own_client_of_an_earlier_event_loop_is_named_in_the_error(server: Server) -> None:
    Api(server)
    http_client = httpx.AsyncClient()
    client = AsyncVideoClient(KEY, base_url=server.base_url, http_client=http_client)

    async def main() -> None:
        await client.get("t")

    asyncio.run(main())
    with pytest.raises(RuntimeError) as caught:
        asyncio.run(main())
    assert any("http_client was used on another event loop" in note for note in caught.value.__notes__)


# asyncio reports the pending task and the open connection of an event loop that is closed too early.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_wait_for_many_whose_event_loop_was_closed_is_forgotten_and_closing_raises_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    respond_by_id(server, lambda task_id, _poll: finished(task_id) if task_id == "a" else task("running", task_id))
    client = AsyncVideoClient(KEY, base_url=server.base_url)
    results = client.wait_many(["a", "b"], poll=SLOW)

    async def first(results: AsyncWaitResults) -> str:
        task_id = (await anext(results)).task_id
        # No request is in flight: Python cannot end one without its event loop.
        await eventually_async(lambda: results.waiting()[0].status is not None)
        return task_id

    # The polls cannot end without their event loop, and Python says so. pytest would keep what is in the traceback.
    monkeypatch.setattr(sys, "unraisablehook", list)
    only_closed(partial(first, results))
    other = client.wait_many(["a", "c"], poll=SLOW)
    assert asyncio.run(first(other)) == "a"
    assert not wait_many._running
    asyncio.run(results.close())
    asyncio.run(client.close())
    assert [token.task_id for token in [*results.tokens, *other.tokens]] == ["b", "c"]
    # Their polls live as long as the iterators.
    del results, other
    gc.collect()
    eventually(lambda: server.open_connections == 0)
