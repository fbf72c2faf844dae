"""A loop over `wait_many` that ends early leaves nothing running: real sockets, threads and tasks."""

from __future__ import annotations

import gc
import itertools
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator

import anyio
import httpx
import pytest

from meshapi_video import (
    AsyncVideoClient,
    AsyncWaitResults,
    PollPolicy,
    VideoClient,
    WaitProgress,
    WaitResult,
    WaitResults,
)
from support.clients import KEY, Caller, Kind
from support.many_tasks import (
    INVALID_ID,
    LONG,
    QUICK,
    TASK_IDS,
    WaitManyCaller,
    always_hangs,
    collect,
    eventually,
    eventually_async,
    finished_after,
    first_finish,
    never_finished,
    respond_by_id,
    task_count,
    thread_count,
)
from support.server import Server, task_json


class UserError(BaseException):
    """An exception that the SDK does not know, and that is not an `Exception`."""


def raises(error: BaseException) -> Callable[[object], None]:
    def raise_it(_: object) -> None:
        raise error

    return raise_it


# In each of these tests, `WaitManyCaller` checks that no thread, task or request is left, and that the client works.


@pytest.mark.parametrize("others", ["sleep", "poll"])
def test_a_break_leaves_nothing_running(wait_many: WaitManyCaller, server: Server, others: str) -> None:
    respond_by_id(server, first_finish(server) if others == "poll" else finished_after(2))
    enough = 1 if others == "poll" else 10
    numbers = itertools.count(1)
    assert len(wait_many(TASK_IDS, lambda _: next(numbers) == enough, poll=QUICK)) == enough


@pytest.mark.parametrize("error", [KeyError("mine"), UserError("mine"), KeyboardInterrupt("mine")])
def test_an_exception_in_the_loop_reaches_the_caller_unchanged(
    wait_many: WaitManyCaller, server: Server, error: BaseException
) -> None:
    respond_by_id(server, first_finish(server))
    with pytest.raises(type(error)) as caught:
        wait_many(TASK_IDS, raises(error), poll=QUICK)
    assert caught.value is error


@pytest.mark.parametrize("error", [KeyError("mine"), UserError("mine")])
@pytest.mark.parametrize("when", ["at first", "at a result"])
def test_an_exception_in_on_progress_reaches_the_caller_unchanged(
    wait_many: WaitManyCaller, server: Server, error: BaseException, when: str
) -> None:
    respond_by_id(server, first_finish(server))

    def on_progress(progress: WaitProgress) -> None:
        if when == "at first" or progress.ended:
            raise error

    with pytest.raises(type(error)) as caught:
        wait_many([INVALID_ID] if when == "at first" else TASK_IDS, poll=QUICK, on_progress=on_progress)
    assert caught.value is error


@pytest.mark.parametrize("error", [KeyError("mine"), UserError("mine")])
def test_an_exception_in_the_iterable_reaches_the_caller_unchanged(
    wait_many: WaitManyCaller, server: Server, error: BaseException
) -> None:
    def ids() -> Iterator[str]:
        yield from TASK_IDS[:4]
        while server.in_flight < 4:
            yield TASK_IDS[0]
        raise error

    async def async_ids() -> AsyncIterator[str]:
        for task_id in TASK_IDS[:4]:
            yield task_id
        await eventually_async(lambda: server.in_flight == 4)
        raise error

    for source in (ids,) if wait_many.kind == "sync" else (ids, async_ids):
        respond_by_id(server, always_hangs)
        with pytest.raises(type(error)) as caught:
            wait_many(source(), poll=QUICK)
        assert caught.value is error


@pytest.mark.parametrize("error", [KeyError("a bug"), UserError("a bug")])
def test_an_unexpected_exception_in_a_poll_reaches_the_caller(
    wait_many: WaitManyCaller, server: Server, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    respond_by_id(server, first_finish(server))
    errors = [error]

    def log_poll(*_: object) -> None:
        if errors:
            raise errors.pop()

    monkeypatch.setattr("meshapi_video._base_client.log_poll", log_poll)
    with pytest.raises(type(error)) as caught:
        wait_many(TASK_IDS, poll=QUICK)
    assert caught.value is error


def test_a_closed_user_client_raises_in_the_loop(kind: Kind, server: Server) -> None:
    respond_by_id(server, never_finished)
    # It is closed while no request is in flight, because httpx does not close connections in use.
    poll = PollPolicy(initial_delay=0.3, multiplier=1.0, max_delay=0.3, jitter=0.0)
    if kind == "sync":
        with (
            httpx.Client() as http_client,
            VideoClient(KEY, base_url=server.base_url, http_client=http_client) as client,
        ):
            results = client.wait_many(
                ["t0"], poll=poll, on_progress=lambda progress: http_client.close() if progress.polls else None
            )
            with pytest.raises(RuntimeError, match="closed"):
                next(results)
            eventually(lambda: thread_count() == 0)
    else:

        async def main() -> None:
            async with (
                httpx.AsyncClient() as http_client,
                AsyncVideoClient(KEY, base_url=server.base_url, http_client=http_client) as client,
            ):
                before = task_count()
                results = client.wait_many(
                    ["t0"], poll=poll, on_progress=lambda progress: http_client.aclose() if progress.polls else None
                )
                with pytest.raises(RuntimeError, match="closed"):
                    await anext(results)
                await eventually_async(lambda: task_count() == before)

        anyio.run(main, backend=kind)


@pytest.mark.parametrize(
    ("kind", "consequence"), [("asyncio", "another error"), ("trio", "another error"), ("trio", "a group")]
)
def test_the_first_error_is_raised_and_not_its_consequences(wait_many: WaitManyCaller, consequence: str) -> None:
    error, is_polling = KeyError("mine"), threading.Event()

    class FailingTransport(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("another"):
                return httpx.Response(200, json=task_json("running", "another"))
            is_polling.set()
            try:
                await anyio.sleep(LONG)
            except anyio.get_cancelled_exc_class() as cancelled:
                if consequence == "another error":
                    raise LookupError from None
                # trio raises this when it connects to several addresses and all attempts are cancelled.
                raise BaseExceptionGroup("attempts", [cancelled, cancelled]) from None
            raise AssertionError

    async def ids() -> AsyncIterator[str]:
        yield "t0"
        await eventually_async(is_polling.is_set)
        raise error

    wait_many.settings["http_client"] = httpx.AsyncClient(transport=FailingTransport())
    with pytest.raises(KeyError) as caught:
        wait_many(ids(), poll=QUICK)
    assert caught.value is error


def test_a_callback_that_raises_loses_no_result(real_time_client: Caller, server: Server) -> None:
    respond_by_id(server, first_finish(server, in_flight=3))

    def on_progress(progress: WaitProgress) -> None:
        if progress.ended:
            raise KeyError

    async def body(client: AsyncVideoClient) -> None:
        results = client.wait_many(TASK_IDS[:3], poll=QUICK, on_progress=on_progress)
        with pytest.raises(KeyError):
            await anext(results)
        assert {token.task_id for token in results.tokens} == set(TASK_IDS[:3])
        assert await collect(results) == []

    real_time_client.run(body)


@pytest.mark.parametrize("closed_by", ["close", "with", "the client"])
def test_after_close_there_are_no_results_and_a_token_for_each_task(
    real_time_client: Caller, server: Server, closed_by: str
) -> None:
    ids = iter(TASK_IDS)
    respond_by_id(server, first_finish(server, first=3))

    async def body(client: AsyncVideoClient) -> None:
        before = task_count()
        results = client.wait_many(ids, poll=QUICK)
        first = (await anext(results)).task_id
        assert task_count() > before
        # At least one other result is there, and was not yielded.
        await eventually_async(lambda: results._poller.scheduler.has_results)
        if closed_by == "close":
            await results.close()
        elif closed_by == "with":
            async with results:
                pass
        else:
            await client.close()
        await eventually_async(lambda: task_count() == before and server.in_flight == 0)
        assert await collect(results) == []
        assert {token.task_id for token in results.tokens} | set(ids) == set(TASK_IDS) - {first}

    real_time_client.run(body)


def test_closing_the_client_ends_a_loop_in_another_thread_or_task(kind: Kind, server: Server) -> None:
    respond_by_id(server, first_finish(server))
    found = list[WaitResult]()
    if kind == "sync":
        client = VideoClient(KEY, base_url=server.base_url)
        loop_thread = threading.Thread(target=lambda: found.extend(client.wait_many(TASK_IDS, poll=QUICK)))
        loop_thread.start()
        eventually(lambda: server.in_flight >= 19)
        client.close()
        loop_thread.join(LONG)
        assert not loop_thread.is_alive()
        eventually(lambda: thread_count() == 0)
    else:

        async def main() -> None:
            client = AsyncVideoClient(KEY, base_url=server.base_url)

            async def loop() -> None:
                found.extend([result async for result in client.wait_many(TASK_IDS, poll=QUICK)])

            with anyio.fail_after(LONG):
                async with anyio.create_task_group() as group:
                    group.start_soon(loop)
                    await eventually_async(lambda: server.in_flight >= 19)
                    await client.close()

        anyio.run(main, backend=kind)
    assert [result.task_id for result in found if not result.video] == []


def test_a_loop_that_was_never_started_leaves_nothing_running(real_time_client: Caller, server: Server) -> None:
    async def body(client: AsyncVideoClient) -> None:
        before = task_count()
        results = client.wait_many(TASK_IDS)
        await results.close()
        assert await collect(results) == []
        client.wait_many(TASK_IDS)
        assert task_count() == before

    real_time_client.run(body)
    eventually(lambda: thread_count() == 0)
    assert server.requests == []


@pytest.mark.parametrize("iterator", [WaitResults, AsyncWaitResults])
def test_an_iterator_that_no_client_created_ends_without_an_error(
    iterator: type[WaitResults | AsyncWaitResults],
) -> None:
    weak = weakref.ref(iterator())
    gc.collect()
    assert weak() is None


def test_close_accepts_a_thread_that_is_about_to_start(server: Server) -> None:
    respond_by_id(server, never_finished)
    with VideoClient(KEY, base_url=server.base_url) as client:
        results = client.wait_many([INVALID_ID])
        assert next(results).task_id == INVALID_ID
        results._poller._threads.append(threading.Thread(target=str))
        results.close()
    eventually(lambda: thread_count() == 0)
