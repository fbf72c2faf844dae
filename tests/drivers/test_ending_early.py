"""A loop over `wait_many` that ends early leaves nothing running: real sockets, threads and tasks."""

from __future__ import annotations

import gc
import itertools
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import pytest

from meshapi_video import (
    AsyncVideoClient,
    AsyncWaitResults,
    MeshVideoError,
    PollPolicy,
    VideoClient,
    VideoTaskResponse,
    WaitProgress,
    WaitResult,
    WaitResults,
)
from support.clients import KEY, Caller, Kind
from support.http_library import httpx
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


def test_an_unexpected_exception_in_a_poll_is_the_result_of_its_own_task(
    wait_many: WaitManyCaller, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    respond_by_id(server, finished_after(2))
    bug = OverflowError("a bug")
    errors = [bug]

    def log_poll(*_: object) -> None:
        if errors:
            raise errors.pop()

    monkeypatch.setattr("meshapi_video._logging.ClientLog.poll", log_poll)
    found = {result.task_id: result for result in wait_many(TASK_IDS, poll=QUICK)}
    assert set(found) == set(TASK_IDS)
    [failed] = [result for result in found.values() if result.video is None]
    assert type(failed.error) is MeshVideoError
    assert failed.error.task_id == failed.task_id
    assert failed.error.__cause__ is bug
    for part in ("OverflowError: a bug", "please report it", "wait again on the same id"):
        assert part in str(failed.error)


def test_an_exception_of_a_policy_is_the_result_of_its_task(wait_many: WaitManyCaller, server: Server) -> None:
    respond_by_id(server, finished_after(2))

    class FailingPolicy(PollPolicy):
        def delay(self, age: float, rand: float, failures: int = 0, task: VideoTaskResponse | None = None) -> float:
            if task is not None and task.id == "t3":
                raise LookupError("no delay")
            return super().delay(age, rand, failures, task)

    results = wait_many(TASK_IDS, poll=FailingPolicy(initial_delay=0.01, max_delay=0.01))
    errors = {result.task_id: result.error for result in results if result.error is not None}
    assert list(errors) == ["t3"]
    assert isinstance(errors["t3"].__cause__, LookupError)
    assert len(results) == len(TASK_IDS)


def test_an_exception_in_a_poll_that_no_code_may_catch_reaches_the_caller(
    wait_many: WaitManyCaller, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    respond_by_id(server, first_finish(server))
    error = UserError("mine")
    errors = [error]

    def log_poll(*_: object) -> None:
        if errors:
            raise errors.pop()

    monkeypatch.setattr("meshapi_video._logging.ClientLog.poll", log_poll)
    with pytest.raises(UserError) as caught:
        wait_many(TASK_IDS, poll=QUICK)
    assert caught.value is error


def test_an_object_that_has_no_text_is_no_task_id_and_the_other_tasks_have_results(
    wait_many: WaitManyCaller, server: Server
) -> None:
    respond_by_id(server, finished_after(1))

    class Textless:
        def __str__(self) -> str:
            raise OSError

    ids: list[Any] = ["t0", Textless(), 10**5000, "t1"]
    found = {result.task_id: result.error for result in wait_many(ids, poll=QUICK)}
    assert set(found) == {"t0", "<Textless>", "<int>", "t1"}
    assert found["t0"] is found["t1"] is None
    assert "a task id should be a string" in str(found["<int>"])


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
        assert {token.task_id for token in results.tokens} | set(ids) == set(TASK_IDS) - {first}
        if closed_by == "the client":
            # The one that closed the client may know nothing of the iterator.
            with pytest.raises(RuntimeError, match=rf"has been closed .* without a result: {len(results.tokens)}\."):
                await anext(results)
        else:
            assert await collect(results) == []

    real_time_client.run(body)


@pytest.mark.parametrize("when", ["before the iterator was created", "before the loop", "after the loop"])
def test_a_loop_over_a_closed_client_says_so_unless_it_has_ended(
    real_time_client: Caller, server: Server, when: str
) -> None:
    respond_by_id(server, finished_after(1))

    async def body(client: AsyncVideoClient) -> None:
        if when == "before the iterator was created":
            await client.close()
        results = client.wait_many(TASK_IDS, poll=QUICK)
        if when == "after the loop":
            assert len(await collect(results)) == len(TASK_IDS)
        await client.close()
        if when == "after the loop":
            assert await collect(results) == []
        else:
            with pytest.raises(RuntimeError, match=r"client has been closed .* without a result: 0\."):
                await anext(results)
            assert server.requests == []

    real_time_client.run(body)


def test_closing_the_client_ends_a_loop_in_another_thread_or_task_with_an_error(kind: Kind, server: Server) -> None:
    respond_by_id(server, first_finish(server))
    found, errors = list[WaitResult](), list[str]()
    if kind == "sync":
        client = VideoClient(KEY, base_url=server.base_url)

        def blocking_loop() -> None:
            try:
                found.extend(client.wait_many(TASK_IDS, poll=QUICK))
            except RuntimeError as error:
                errors.append(str(error))

        loop_thread = threading.Thread(target=blocking_loop)
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
                try:
                    found.extend([result async for result in client.wait_many(TASK_IDS, poll=QUICK)])
                except RuntimeError as error:
                    errors.append(str(error))

            with anyio.fail_after(LONG):
                async with anyio.create_task_group() as group:
                    group.start_soon(loop)
                    await eventually_async(lambda: server.in_flight >= 19)
                    await client.close()

        anyio.run(main, backend=kind)
    assert [result.task_id for result in found if not result.video] == []
    assert len(errors) == 1
    assert "this client has been closed" in errors[0]


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
