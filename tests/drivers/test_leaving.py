"""However a loop over many waits is left, nothing is left running: real sockets, real threads, real tasks."""

from __future__ import annotations

import itertools
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import httpx
import pytest

from meshapi_video import AsyncVideoClient, PollPolicy, VideoClient, WaitProgress, WaitResult
from support.by_id import (
    AT_ONCE,
    LONG,
    NAMES,
    QUICK,
    Loop,
    by_id,
    eventually,
    eventually_so,
    first_over,
    never_answered,
    never_over,
    over_after,
    tasks,
    threads,
)
from support.clients import KEY, Kind
from support.server import Server, task_json


@pytest.fixture
def many(kind: Kind, server: Server) -> Loop:
    return Loop(kind, server)


class MineError(BaseException):
    """Such as the SDK cannot know, and worse than an `Exception`."""


def raises(problem: BaseException) -> Callable[[object], None]:
    def raise_it(_: object) -> None:
        raise problem

    return raise_it


# `Loop` sees to it in each of these that no thread, task or request is left, and that the client can be used.


@pytest.mark.parametrize("others", ["asleep", "looking"])
def test_leaving_the_loop_leaves_nothing_running(many: Loop, server: Server, others: str) -> None:
    by_id(server, first_over(server) if others == "looking" else over_after(2))
    enough = 1 if others == "looking" else 10
    numbers = itertools.count(1)
    assert len(many(NAMES, lambda _: next(numbers) == enough, poll=QUICK)) == enough


@pytest.mark.parametrize("problem", [KeyError("mine"), MineError("mine"), KeyboardInterrupt("mine")])
def test_an_exception_in_the_loop_is_the_callers_own(many: Loop, server: Server, problem: BaseException) -> None:
    by_id(server, first_over(server))
    with pytest.raises(type(problem)) as caught:
        many(NAMES, raises(problem), poll=QUICK)
    assert caught.value is problem


@pytest.mark.parametrize("problem", [KeyError("mine"), MineError("mine")])
@pytest.mark.parametrize("when", ["at first", "at a result"])
def test_an_exception_in_on_progress_reaches_the_caller_unchanged(
    many: Loop, server: Server, problem: BaseException, when: str
) -> None:
    by_id(server, first_over(server))

    def on_progress(progress: WaitProgress) -> None:
        if when == "at first" or progress.ended:
            raise problem

    with pytest.raises(type(problem)) as caught:
        many([AT_ONCE] if when == "at first" else NAMES, poll=QUICK, on_progress=on_progress)
    assert caught.value is problem


@pytest.mark.parametrize("problem", [KeyError("mine"), MineError("mine")])
def test_an_exception_in_the_iterable_reaches_the_caller_unchanged(
    many: Loop, server: Server, problem: BaseException
) -> None:
    def ids() -> Iterator[str]:
        yield from NAMES[:4]
        while server._at_once < 4:
            yield NAMES[0]
        raise problem

    async def async_ids() -> AsyncIterator[str]:
        for name in NAMES[:4]:
            yield name
        await eventually_so(lambda: server._at_once == 4)
        raise problem

    for source in (ids,) if many.kind == "sync" else (ids, async_ids):
        by_id(server, never_answered)
        with pytest.raises(type(problem)) as caught:
            many(source(), poll=QUICK)
        assert caught.value is problem


@pytest.mark.parametrize("problem", [KeyError("a bug"), MineError("a bug")])
def test_what_nobody_foresaw_in_a_look_reaches_the_caller_instead_of_hanging(
    many: Loop, server: Server, problem: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_id(server, first_over(server))
    bugs = [problem]

    def log_look(*_: object) -> None:
        if bugs:
            raise bugs.pop()

    for driver in ("_sync", "_async"):
        monkeypatch.setattr(f"meshapi_video.{driver}.log_look", log_look)
    with pytest.raises(type(problem)) as caught:
        many(NAMES, poll=QUICK)
    assert caught.value is problem


def test_a_client_that_somebody_else_closed_is_told_of_instead_of_waited_for(kind: Kind, server: Server) -> None:
    by_id(server, never_over)
    # While no look is under way: httpx leaves the connections of those open.
    pause = PollPolicy(initial_delay=0.3, growth=1.0, max_delay=0.3, jitter=0.0)
    if kind == "sync":
        with httpx.Client() as borrowed, VideoClient(KEY, base_url=server.base_url, http_client=borrowed) as client:
            results = client.wait_many(["t0"], poll=pause, on_progress=lambda p: borrowed.close() if p.looks else None)
            with pytest.raises(RuntimeError, match="closed"):
                next(results)
            eventually(lambda: threads() == 0)
    else:

        async def main() -> None:
            async with (
                httpx.AsyncClient() as borrowed,
                AsyncVideoClient(KEY, base_url=server.base_url, http_client=borrowed) as client,
            ):
                before = tasks()
                results = client.wait_many(
                    ["t0"], poll=pause, on_progress=lambda p: borrowed.aclose() if p.looks else None
                )
                with pytest.raises(RuntimeError, match="closed"):
                    await anext(results)
                await eventually_so(lambda: tasks() == before)

        anyio.run(main, backend=kind)


@pytest.mark.parametrize(
    ("kind", "brings"), [("asyncio", "another problem"), ("trio", "another problem"), ("trio", "a group")]
)
def test_what_ending_brings_does_not_hide_what_it_was_ended_for(many: Loop, brings: str) -> None:
    problem, looking = KeyError("mine"), threading.Event()

    class Attempts(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("another"):
                return httpx.Response(200, json=task_json("running", "another"))
            looking.set()
            try:
                await anyio.sleep(LONG)
            except anyio.get_cancelled_exc_class() as cancelled:
                if brings == "another problem":
                    raise LookupError from None
                # As trio does whose attempts at several addresses were all cancelled.
                raise BaseExceptionGroup("attempts", [cancelled, cancelled]) from None
            raise AssertionError

    async def ids() -> AsyncIterator[str]:
        yield "t0"
        await eventually_so(looking.is_set)
        raise problem

    many.settings["http_client"] = httpx.AsyncClient(transport=Attempts())
    with pytest.raises(KeyError) as caught:
        many(ids(), poll=QUICK)
    assert caught.value is problem


def test_a_result_is_not_lost_to_a_callback_that_raises(kind: Kind, server: Server) -> None:
    by_id(server, first_over(server, at_once=3))

    def on_progress(progress: WaitProgress) -> None:
        if progress.ended:
            raise KeyError

    def written_down(results: Any) -> set[str]:  # noqa: ANN401
        return {token.task_id for token in results.tokens}

    if kind == "sync":
        with VideoClient(KEY, base_url=server.base_url) as client:
            results = client.wait_many(NAMES[:3], poll=QUICK, on_progress=on_progress)
            with pytest.raises(KeyError):
                next(results)
            assert written_down(results) == set(NAMES[:3])
            assert list(results) == []
    else:

        async def main() -> None:
            async with AsyncVideoClient(KEY, base_url=server.base_url) as client:
                results = client.wait_many(NAMES[:3], poll=QUICK, on_progress=on_progress)
                with pytest.raises(KeyError):
                    await anext(results)
                assert written_down(results) == set(NAMES[:3])
                assert [result async for result in results] == []

        anyio.run(main, backend=kind)


@pytest.mark.parametrize("way", ["close", "with", "the client"])
def test_closing_ends_everything_and_brings_nothing_more(kind: Kind, server: Server, way: str) -> None:
    ids = iter(NAMES)
    by_id(server, first_over(server, first=3))
    if kind == "sync":
        client = VideoClient(KEY, base_url=server.base_url)
        results = client.wait_many(ids, poll=QUICK)
        first = next(results).task_id
        assert threads() > 0
        # Another one is at hand.
        eventually(lambda: results._looks.schedule.has_results)
        if way == "close":
            results.close()
        elif way == "with":
            with results:
                pass
        else:
            client.close()
        eventually(lambda: threads() == 0 and server._at_once == 0)
        assert list(results) == []
        assert {token.task_id for token in results.tokens} | set(ids) == set(NAMES) - {first}
        client.close()
    else:

        async def main() -> None:
            before = tasks()
            client = AsyncVideoClient(KEY, base_url=server.base_url)
            results = client.wait_many(ids, poll=QUICK)
            first = (await anext(results)).task_id
            assert tasks() > before
            # Another one is at hand.
            await eventually_so(lambda: results._looks.schedule.has_results)
            if way == "close":
                await results.close()
            elif way == "with":
                async with results:
                    pass
            else:
                await client.close()
            await eventually_so(lambda: tasks() == before and server._at_once == 0)
            assert [result async for result in results] == []
            assert {token.task_id for token in results.tokens} | set(ids) == set(NAMES) - {first}
            await client.close()

        anyio.run(main, backend=kind)


def test_closing_the_client_ends_a_loop_that_is_under_way_elsewhere(kind: Kind, server: Server) -> None:
    by_id(server, first_over(server))
    found = list[WaitResult]()
    if kind == "sync":
        client = VideoClient(KEY, base_url=server.base_url)
        looper = threading.Thread(target=lambda: found.extend(client.wait_many(NAMES, poll=QUICK)))
        looper.start()
        eventually(lambda: server._at_once >= 19)
        client.close()
        looper.join(LONG)
        assert not looper.is_alive()
        eventually(lambda: threads() == 0)
    else:

        async def main() -> None:
            client = AsyncVideoClient(KEY, base_url=server.base_url)

            async def loop() -> None:
                found.extend([result async for result in client.wait_many(NAMES, poll=QUICK)])

            with anyio.fail_after(LONG):
                async with anyio.create_task_group() as group:
                    group.start_soon(loop)
                    await eventually_so(lambda: server._at_once >= 19)
                    await client.close()

        anyio.run(main, backend=kind)
    assert [result.task_id for result in found if not result.video] == []


def test_a_loop_that_was_never_begun_has_nothing_to_end(kind: Kind, server: Server) -> None:
    if kind == "sync":
        with VideoClient(KEY, base_url=server.base_url) as client:
            results = client.wait_many(NAMES)
            results.close()
            assert list(results) == []
            client.wait_many(NAMES)
        eventually(lambda: threads() == 0)
    else:

        async def main() -> None:
            async with AsyncVideoClient(KEY, base_url=server.base_url) as client:
                before = tasks()
                results = client.wait_many(NAMES)
                await results.close()
                assert [result async for result in results] == []
                client.wait_many(NAMES)
                assert tasks() == before

        anyio.run(main, backend=kind)
    assert server.requests == []
