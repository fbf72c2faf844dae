"""Waiting for many tasks at once, on real sockets, in moments of real time; nothing is left running after any loop."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import pytest

from meshapi_video import (
    APIError,
    AsyncVideoClient,
    AsyncWaitResults,
    InvalidResponse,
    MeshVideoError,
    NotFoundError,
    PollPolicy,
    TaskFailed,
    VideoClient,
    WaitProgress,
    WaitResult,
    WaitResults,
    WaitTimeout,
)
from support.by_id import LONG, QUICK, SLOW, Loop, RealTime, by_id, eventually, eventually_so, never_over, over_after
from support.clients import KEY, Caller, Kind
from support.server import Answer, Server, answer, finished, reset, task


@pytest.fixture
def many(kind: Kind, server: Server) -> Loop:
    return Loop(kind, server)


def names(count: int) -> list[str]:
    return [f"t{number}" for number in range(count)]


async def one_by_one(ids: list[str], every: float = 0) -> AsyncIterator[str]:
    for task_id in ids:
        yield task_id
        await anyio.sleep(every)


SOURCES: dict[str, Callable[[list[str]], Any]] = {
    "a list": list,
    "a generator": lambda ids: (task_id for task_id in ids),
    "an async one": one_by_one,
    "a slow async one": lambda ids: one_by_one(ids, 0.01),
}


def seen(results: WaitResults | AsyncWaitResults, count: int) -> bool:
    """Whether so many tasks have been asked for and were seen running."""
    return results.progress.statuses == {"running": count}


def test_what_is_waited_for_can_be_seen(client: Caller, server: Server) -> None:
    by_id(server, lambda task_id, _look: finished(task_id) if task_id == "t0" else task("running", task_id))

    def check(results: WaitResults | AsyncWaitResults) -> None:
        assert results.progress == WaitProgress(begun=4, ended=1, looks=4, statuses={"running": 3})
        assert [(one.task_id, one.status) for one in results.waiting()] == [(name, "running") for name in names(4)[1:]]
        assert [one.task_id for one in results.waiting(2)] == ["t1", "t2"]
        assert all(0 <= one.age < LONG and 0 < one.next_look < 100 for one in results.waiting())

    def blocking(one: VideoClient) -> None:
        with one.wait_many(names(4), poll=SLOW) as results:
            assert results.waiting() == []
            assert next(results).task_id == "t0"
            eventually(lambda: seen(results, 3))
            check(results)

    async def awaited(one: AsyncVideoClient) -> None:
        async with one.wait_many(names(4), poll=SLOW) as results:
            assert results.waiting() == []
            assert (await anext(results)).task_id == "t0"
            await eventually_so(lambda: seen(results, 3))
            check(results)

    Caller(client.kind, client.base_url, RealTime())._call(blocking, awaited)


@pytest.mark.parametrize("source", SOURCES)
def test_each_task_of_any_iterable_has_one_result(many: Loop, server: Server, source: str) -> None:
    asked = by_id(server, over_after(2))
    if many.kind == "sync" and "async" in source:
        with pytest.raises(TypeError, match="not iterable"):
            many(SOURCES[source](names(3)))
        return
    found = many(SOURCES[source](names(12)), poll=QUICK)
    assert sorted(result.task_id for result in found) == sorted(names(12))
    assert {result.video.id for result in found if result.video and result.error is None} == set(names(12))
    assert {asked[name] for name in names(12)} == {2}


@pytest.mark.parametrize("nothing", ["a list", "an async one"])
def test_no_tasks_are_no_results(many: Loop, nothing: str) -> None:
    assert many([] if many.kind == "sync" else SOURCES[nothing]([])) == []


def test_results_come_as_they_end(many: Loop, server: Server) -> None:
    by_id(server, lambda task_id, look: over_after({"t0": 40, "t1": 1, "t2": 15}[task_id])(task_id, look))
    assert [result.task_id for result in many(names(3), poll=QUICK)] == ["t1", "t2", "t0"]


def test_a_duplicate_is_asked_for_once(many: Loop, server: Server) -> None:
    asked = by_id(server, over_after(1))
    found = many(names(3) * 2 + ["t0"] * 50, poll=QUICK)
    assert sorted(result.task_id for result in found) == names(3)
    assert asked == dict.fromkeys(names(3), 1)


@pytest.mark.parametrize(
    ("wrong", "error_type"),
    [
        (task("failed", "t1"), TaskFailed),
        (answer(404), NotFoundError),
        (answer(418), APIError),
        (answer(200, []), InvalidResponse),
        (task("running", "t2"), InvalidResponse),
        (task("succeeded", "t1"), InvalidResponse),
    ],
)
def test_one_tasks_error_is_its_own_result(
    many: Loop, server: Server, wrong: Answer, error_type: type[MeshVideoError]
) -> None:
    by_id(server, lambda task_id, look: wrong if task_id == "t1" else over_after(3)(task_id, look))
    found = {result.task_id: result for result in many(names(3), poll=QUICK)}
    assert (type(found["t1"].error), found["t1"].video) == (error_type, None)
    assert [found[name].error for name in ("t0", "t2")] == [None, None]


def test_misses_are_ridden_through(many: Loop, server: Server) -> None:
    misses = itertools.cycle([reset, answer(503), answer(200, b"<html>")])
    by_id(server, lambda task_id, look: finished(task_id) if look == 4 else next(misses))
    assert [result.error for result in many(names(4), poll=QUICK)] == [None] * 4


@pytest.mark.parametrize("wrong", ["", "..", "a/b", None, 5])
def test_what_is_no_id_is_a_result_of_its_own(many: Loop, server: Server, wrong: Any) -> None:  # noqa: ANN401
    by_id(server, over_after(1))
    found = {result.task_id: result for result in many(["t0", wrong, "t1"], poll=QUICK)}
    assert set(found) == {"t0", str(wrong), "t1"}
    error = found[str(wrong)].error
    assert type(error) is MeshVideoError
    assert "task id" in str(error)


@pytest.mark.parametrize("wrong", ["task-1", b"task-1"])
def test_a_single_id_is_not_taken_for_many_letters(many: Loop, server: Server, wrong: Any) -> None:  # noqa: ANN401
    with pytest.raises(TypeError, match="for a single one there is wait"):
        many(wrong)
    assert {request.target for request in server.requests} == {"/v1/video/generations/another"}


@pytest.mark.parametrize(
    "wrong", [{"max_in_flight": 0}, {"max_waiting": True}, {"requests_per_minute": 0}, {"timeout": -1}]
)
def test_a_number_that_cannot_be_meant_is_refused(many: Loop, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        many(names(2), **wrong)


def test_no_more_requests_are_under_way_than_allowed(many: Loop, server: Server) -> None:
    by_id(server, lambda task_id, look: server.slow(over_after(2)(task_id, look), 0.01))
    assert len(many(names(30), poll=QUICK, max_in_flight=3)) == 30
    assert 1 < server.most_at_once <= 3


def test_requests_are_spaced_for_all_tasks_together(many: Loop, server: Server) -> None:
    # Without a space between them all would have been sent while the first is answered.
    asked = by_id(server, lambda task_id, _look: server.slow(finished(task_id), 0.2))
    assert [result.task_id for result in many(names(6), lambda _: True, requests_per_minute=1)] == ["t0"]
    assert asked == {"t0": 1}
    server.requests.clear()
    by_id(server, over_after(1))
    assert len(many(names(6), poll=QUICK, requests_per_minute=1200)) == 6


def test_one_429_silences_all(many: Loop, server: Server) -> None:
    def first_is_too_many(silence: str) -> None:
        server.requests.clear()
        too_many = answer(429, {}, retry_after_ms=silence)
        by_id(server, lambda task_id, _look: too_many if len(server.requests) == 1 else finished(task_id))

    first_is_too_many("100")
    assert [result.error for result in many(names(4), poll=QUICK, max_in_flight=1)] == [None] * 4
    first_is_too_many("9999000")
    errors = [result.error for result in many(names(4), poll=QUICK, max_in_flight=1, timeout=0.3)]
    assert ["s of silence" in str(error) for error in errors] == [True] * 4
    assert [request.target.rpartition("/")[2] for request in server.requests] == ["t0", "another"]


def test_an_endless_iterable_is_taken_from_as_results_are(many: Loop, server: Server) -> None:
    by_id(server, over_after(2))
    taken = itertools.count()
    numbers = itertools.count()

    def endless() -> Iterator[str]:
        return (f"t{next(taken)}" for _ in itertools.repeat(None))

    found = many(endless(), lambda _: next(numbers) == 40, poll=QUICK, max_waiting=5)
    assert len(found) == len({result.task_id for result in found}) == 41
    assert next(taken) <= 41 + 5


def test_a_timeout_is_the_result_of_each_task_that_is_not_over(many: Loop, server: Server) -> None:
    by_id(server, lambda task_id, look: finished(task_id) if task_id == "t1" else never_over(task_id, look))
    found = {result.task_id: result for result in many(names(3), poll=QUICK, timeout=0.1)}
    assert found["t1"].error is None
    for name in ("t0", "t2"):
        error = found[name].error
        assert isinstance(error, WaitTimeout)
        assert (error.token.task_id, error.task_id) == (name, name)


def test_a_timeout_of_zero_is_one_look_at_each(many: Loop, server: Server) -> None:
    asked = by_id(server, lambda task_id, look: finished(task_id) if task_id == "t1" else never_over(task_id, look))
    found = {result.task_id: result for result in many(names(3), timeout=0)}
    assert [found[name].error is None for name in names(3)] == [False, True, False]
    assert {asked[name] for name in names(3)} == {1}


def test_the_looks_go_on_while_the_caller_is_busy_with_a_result(kind: Kind, server: Server) -> None:
    asked = by_id(server, lambda task_id, look: over_after(1 if task_id == "t0" else 5)(task_id, look))

    def enough() -> bool:
        return all(asked[name] == 5 for name in names(4)[1:])

    if kind == "sync":
        with VideoClient(KEY, base_url=server.base_url) as client, client.wait_many(names(4), poll=QUICK) as results:
            assert next(results).task_id == "t0"
            eventually(enough)
            assert len(list(results)) == 3
    else:

        async def main() -> None:
            async with (
                AsyncVideoClient(KEY, base_url=server.base_url) as client,
                client.wait_many(names(4), poll=QUICK) as results,
            ):
                assert (await anext(results)).task_id == "t0"
                await eventually_so(enough)
                assert len([result async for result in results]) == 3

        anyio.run(main, backend=kind)


def test_progress_is_told_from_the_beginning_to_the_end(many: Loop, server: Server) -> None:
    by_id(server, over_after(3))
    told = list[WaitProgress]()
    many(names(5), poll=QUICK, on_progress=told.append)
    assert told[0].begun == 5
    last = told[-1]
    assert (last.begun, last.ended, last.looks, dict(last.statuses)) == (5, 5, 15, {})
    assert [progress.ended for progress in told] == sorted(progress.ended for progress in told)
    assert any(progress.statuses.get("running") for progress in told)
    assert all(one != other for one, other in itertools.pairwise(told))


def test_two_loops_at_once_on_one_client_each_have_their_own_tasks(kind: Kind, server: Server) -> None:
    by_id(server, over_after(3))
    first, second = names(10), [f"u{number}" for number in range(10)]
    if kind == "sync":
        with VideoClient(KEY, base_url=server.base_url) as client:
            both = zip(client.wait_many(first, poll=QUICK), client.wait_many(second, poll=QUICK), strict=True)
            pairs = [(one.task_id, other.task_id) for one, other in both]
    else:
        pairs = list[tuple[str, str]]()

        async def main() -> None:
            async with AsyncVideoClient(KEY, base_url=server.base_url) as client:
                one, other = client.wait_many(first, poll=QUICK), client.wait_many(second, poll=QUICK)
                async for result in one:
                    pairs.append((result.task_id, (await anext(other)).task_id))
                with pytest.raises(StopAsyncIteration):
                    await anext(other)

        anyio.run(main, backend=kind)
    assert Counter(one for one, _ in pairs) == Counter(first)
    assert Counter(other for _, other in pairs) == Counter(second)


def test_hundreds_of_tasks_are_waited_for_together(many: Loop, server: Server) -> None:
    by_id(server, over_after(2))
    found = many(names(300), poll=PollPolicy(initial_delay=0.05, growth=1.0, max_delay=0.05))
    assert Counter(result.task_id for result in found if result.video) == Counter(names(300))
    assert server.most_at_once <= 20


def test_after_the_end_there_is_nothing_more(kind: Kind, server: Server) -> None:
    by_id(server, over_after(1))
    if kind == "sync":
        with VideoClient(KEY, base_url=server.base_url) as client:
            results = client.wait_many(names(2), poll=QUICK)
            found = list[WaitResult](results)
            assert (len(found), list(results), results.tokens) == (2, [], [])
    else:

        async def main() -> None:
            async with AsyncVideoClient(KEY, base_url=server.base_url) as client:
                results = client.wait_many(names(2), poll=QUICK)
                found = [result async for result in results]
                assert (len(found), [result async for result in results], results.tokens) == (2, [], [])

        anyio.run(main, backend=kind)
