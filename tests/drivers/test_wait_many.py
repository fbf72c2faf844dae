"""`wait_many` on real sockets and in real time. After each loop, nothing is left running."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from meshapi_video import (
    APIError,
    AsyncVideoClient,
    InvalidResponse,
    MeshVideoError,
    NotFoundError,
    PollPolicy,
    TaskFailed,
    WaitProgress,
    WaitTimeout,
)
from support.clients import Caller, Kind
from support.http_library import httpx
from support.many_tasks import (
    LONG,
    QUICK,
    SLOW,
    WaitManyCaller,
    collect,
    eventually_async,
    finished_after,
    never_finished,
    respond_by_id,
)
from support.server import Response, Server, finished, reset, response, task, task_json


def names(count: int) -> list[str]:
    return [f"t{number}" for number in range(count)]


async def one_by_one(ids: list[str], every: float = 0) -> AsyncIterator[str]:
    for task_id in ids:
        yield task_id
        await anyio.sleep(every)


SOURCES: dict[str, Callable[[list[str]], Any]] = {
    "a list": list,
    "a generator": lambda ids: (task_id for task_id in ids),
    "an async generator": one_by_one,
    "a slow async generator": lambda ids: one_by_one(ids, 0.01),
}


def test_the_pending_tasks_can_be_listed(real_time_client: Caller, server: Server) -> None:
    respond_by_id(server, lambda task_id, _poll: finished(task_id) if task_id == "t0" else task("running", task_id))

    async def body(client: AsyncVideoClient) -> None:
        async with client.wait_many(names(4), poll=SLOW) as results:
            assert results.waiting() == []
            assert (await anext(results)).task_id == "t0"
            await eventually_async(lambda: results.progress.statuses == {"running": 3})
            assert results.progress == WaitProgress(begun=4, ended=1, polls=4, statuses={"running": 3})
            assert [(one.task_id, one.status) for one in results.waiting()] == [
                (name, "running") for name in names(4)[1:]
            ]
            assert [one.task_id for one in results.waiting(2)] == ["t1", "t2"]
            assert all(0 <= one.age < LONG and 0 < one.next_poll < 100 for one in results.waiting())

    real_time_client.run(body)


@pytest.mark.parametrize("source", SOURCES)
def test_each_task_of_any_iterable_has_one_result(wait_many: WaitManyCaller, server: Server, source: str) -> None:
    polls = respond_by_id(server, finished_after(2))
    if wait_many.kind == "sync" and "async" in source:
        with pytest.raises(TypeError, match="not iterable"):
            wait_many(SOURCES[source](names(3)))
        return
    results = wait_many(SOURCES[source](names(12)), poll=QUICK)
    assert sorted(result.task_id for result in results) == sorted(names(12))
    assert {result.video.id for result in results if result.video and result.error is None} == set(names(12))
    assert {polls[name] for name in names(12)} == {2}


@pytest.mark.parametrize("source", ["a list", "an async generator"])
def test_no_tasks_give_no_results(wait_many: WaitManyCaller, source: str) -> None:
    assert wait_many([] if wait_many.kind == "sync" else SOURCES[source]([])) == []


def test_results_are_in_the_order_in_which_the_tasks_end(wait_many: WaitManyCaller, server: Server) -> None:
    respond_by_id(server, lambda task_id, poll: finished_after({"t0": 40, "t1": 1, "t2": 15}[task_id])(task_id, poll))
    assert [result.task_id for result in wait_many(names(3), poll=QUICK)] == ["t1", "t2", "t0"]


def test_a_duplicate_is_polled_once(wait_many: WaitManyCaller, server: Server) -> None:
    polls = respond_by_id(server, finished_after(1))
    results = wait_many(names(3) * 2 + ["t0"] * 50, poll=QUICK)
    assert sorted(result.task_id for result in results) == names(3)
    assert polls == dict.fromkeys(names(3), 1)


@pytest.mark.parametrize(
    ("wrong", "error_type"),
    [
        (task("failed", "t1"), TaskFailed),
        (response(404), NotFoundError),
        (response(418), APIError),
        (response(200, []), InvalidResponse),
        (task("succeeded", "t1"), InvalidResponse),
    ],
)
def test_an_error_of_one_task_is_the_result_of_that_task(
    wait_many: WaitManyCaller, server: Server, wrong: Response, error_type: type[MeshVideoError]
) -> None:
    respond_by_id(server, lambda task_id, poll: wrong if task_id == "t1" else finished_after(3)(task_id, poll))
    results = {result.task_id: result for result in wait_many(names(3), poll=QUICK)}
    assert (type(results["t1"].error), results["t1"].video) == (error_type, None)
    assert [results[name].error for name in ("t0", "t2")] == [None, None]


def test_failed_polls_are_repeated(wait_many: WaitManyCaller, server: Server) -> None:
    failures = itertools.cycle([reset, response(503), response(200, b"<html>")])
    respond_by_id(server, lambda task_id, poll: finished(task_id) if poll == 4 else next(failures))
    assert [result.error for result in wait_many(names(4), poll=QUICK)] == [None] * 4


@pytest.mark.parametrize("wrong", ["", "..", "a/b", None, 5])
def test_an_invalid_id_has_an_error_as_its_result(wait_many: WaitManyCaller, server: Server, wrong: Any) -> None:  # noqa: ANN401
    respond_by_id(server, finished_after(1))
    results = {result.task_id: result for result in wait_many(["t0", wrong, "t1"], poll=QUICK)}
    assert set(results) == {"t0", str(wrong), "t1"}
    error = results[str(wrong)].error
    assert type(error) is MeshVideoError
    assert "task id" in str(error)


@pytest.mark.parametrize("wrong", ["task-1", b"task-1"])
def test_a_single_string_is_refused(wait_many: WaitManyCaller, server: Server, wrong: Any) -> None:  # noqa: ANN401
    with pytest.raises(TypeError, match="an iterable of ids; use wait for a single id"):
        wait_many(wrong)
    assert {request.target for request in server.requests} == {"/v1/video/generations/another"}


@pytest.mark.parametrize(
    "wrong", [{"max_in_flight": 0}, {"max_waiting": True}, {"requests_per_minute": 0}, {"timeout": -1}]
)
def test_a_number_out_of_range_is_refused(wait_many: WaitManyCaller, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        wait_many(names(2), **wrong)


def test_no_more_requests_than_allowed_are_in_flight(wait_many: WaitManyCaller, server: Server) -> None:
    respond_by_id(server, lambda task_id, poll: server.slow(finished_after(2)(task_id, poll), 0.01))
    assert len(wait_many(names(30), poll=QUICK, max_in_flight=3)) == 30
    assert 1 < server.max_in_flight <= 3


def test_the_rate_limit_holds_for_all_tasks_together(wait_many: WaitManyCaller, server: Server) -> None:
    # Without an interval between them, all requests would be sent before the first response.
    polls = respond_by_id(server, lambda task_id, _poll: server.slow(finished(task_id), 0.2))
    assert [result.task_id for result in wait_many(names(6), lambda _: True, requests_per_minute=1)] == ["t0"]
    assert polls == {"t0": 1}
    server.requests.clear()
    respond_by_id(server, finished_after(1))
    assert len(wait_many(names(6), poll=QUICK, requests_per_minute=1200)) == 6


def test_a_429_defers_the_polls_of_all_tasks(wait_many: WaitManyCaller, server: Server) -> None:
    def respond_429_to_the_first_request(retry_after_ms: str) -> None:
        server.requests.clear()
        too_many = response(429, {}, retry_after_ms=retry_after_ms)
        respond_by_id(server, lambda task_id, _poll: too_many if len(server.requests) == 1 else finished(task_id))

    respond_429_to_the_first_request("100")
    assert [result.error for result in wait_many(names(4), poll=QUICK, max_in_flight=1)] == [None] * 4
    respond_429_to_the_first_request("9999000")
    errors = [result.error for result in wait_many(names(4), poll=QUICK, max_in_flight=1, timeout=0.3)]
    assert ["the server sent Retry-After: 9999 s" in str(error) for error in errors] == [True] * 4
    assert [request.target.rpartition("/")[2] for request in server.requests] == ["t0", "another"]


def test_ids_are_taken_from_an_endless_iterable_as_tasks_end(wait_many: WaitManyCaller, server: Server) -> None:
    respond_by_id(server, finished_after(2))
    taken = itertools.count()
    numbers = itertools.count()

    def endless() -> Iterator[str]:
        return (f"t{next(taken)}" for _ in itertools.repeat(None))

    results = wait_many(endless(), lambda _: next(numbers) == 40, poll=QUICK, max_waiting=5)
    assert len(results) == len({result.task_id for result in results}) == 41
    assert next(taken) <= 41 + 5


def test_a_timeout_is_the_result_of_each_unfinished_task(wait_many: WaitManyCaller, server: Server) -> None:
    respond_by_id(server, lambda task_id, poll: finished(task_id) if task_id == "t1" else never_finished(task_id, poll))
    results = {result.task_id: result for result in wait_many(names(3), poll=QUICK, timeout=0.1)}
    assert results["t1"].error is None
    for name in ("t0", "t2"):
        error = results[name].error
        assert isinstance(error, WaitTimeout)
        assert (error.token.task_id, error.task_id) == (name, name)


def test_a_timeout_of_zero_polls_each_task_once(wait_many: WaitManyCaller, server: Server) -> None:
    polls = respond_by_id(
        server, lambda task_id, poll: finished(task_id) if task_id == "t1" else never_finished(task_id, poll)
    )
    results = {result.task_id: result for result in wait_many(names(3), timeout=0)}
    assert [results[name].error is None for name in names(3)] == [False, True, False]
    assert {polls[name] for name in names(3)} == {1}


def test_polling_continues_while_the_caller_handles_a_result(real_time_client: Caller, server: Server) -> None:
    polls = respond_by_id(server, lambda task_id, poll: finished_after(1 if task_id == "t0" else 5)(task_id, poll))

    async def body(client: AsyncVideoClient) -> None:
        async with client.wait_many(names(4), poll=QUICK) as results:
            assert (await anext(results)).task_id == "t0"
            await eventually_async(lambda: all(polls[name] == 5 for name in names(4)[1:]))
            assert len(await collect(results)) == 3

    real_time_client.run(body)


def test_progress_is_reported_from_the_first_poll_to_the_last(wait_many: WaitManyCaller, server: Server) -> None:
    respond_by_id(server, finished_after(3))
    reports = list[WaitProgress]()
    wait_many(names(5), poll=QUICK, on_progress=reports.append)
    assert reports[0].begun == 5
    last = reports[-1]
    assert (last.begun, last.ended, last.polls, dict(last.statuses)) == (5, 5, 15, {})
    assert [progress.ended for progress in reports] == sorted(progress.ended for progress in reports)
    assert any(progress.statuses.get("running") for progress in reports)
    assert all(one != other for one, other in itertools.pairwise(reports))


def test_two_loops_on_one_client_each_have_their_own_tasks(real_time_client: Caller, server: Server) -> None:
    respond_by_id(server, finished_after(3))
    first, second = names(10), [f"u{number}" for number in range(10)]
    pairs = list[tuple[str, str]]()

    async def body(client: AsyncVideoClient) -> None:
        one, other = client.wait_many(first, poll=QUICK), client.wait_many(second, poll=QUICK)
        async for result in one:
            pairs.append((result.task_id, (await anext(other)).task_id))
        with pytest.raises(StopAsyncIteration):
            await anext(other)

    real_time_client.run(body)
    assert Counter(one for one, _ in pairs) == Counter(first)
    assert Counter(other for _, other in pairs) == Counter(second)


def test_hundreds_of_tasks_are_waited_for_together(wait_many: WaitManyCaller, server: Server) -> None:
    respond_by_id(server, finished_after(2))
    results = wait_many(names(300), poll=PollPolicy(initial_delay=0.05, multiplier=1.0, max_delay=0.05))
    assert Counter(result.task_id for result in results if result.video) == Counter(names(300))
    assert server.max_in_flight <= 20


def test_an_iterator_that_has_ended_gives_nothing_more(real_time_client: Caller, server: Server) -> None:
    respond_by_id(server, finished_after(1))

    async def body(client: AsyncVideoClient) -> None:
        results = client.wait_many(names(2), poll=QUICK)
        found = await collect(results)
        assert (len(found), await collect(results), results.tokens) == (2, [], [])

    real_time_client.run(body)


def test_very_many_overdue_waits_end_over_several_turns_of_the_event_loop(
    backend: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshapi_video._polling.scheduler._ENDED_PER_CALL", 5)
    in_flight, may_respond = list[str](), anyio.Event()
    steps = list[int]()

    async def respond(request: httpx.Request) -> httpx.Response:
        task_id = request.url.path.rpartition("/")[2]
        in_flight.append(task_id)
        await may_respond.wait()
        return httpx.Response(200, json=task_json("running", task_id))

    client = Caller(backend, "https://mesh.example", user_client={"transport": httpx.MockTransport(respond)})

    async def body(async_client: AsyncVideoClient) -> None:
        results = async_client.wait_many(names(300), timeout=50, max_in_flight=20)
        async with anyio.create_task_group() as group:
            group.start_soon(collect, results)
            await eventually_async(lambda: len(in_flight) == 20)
            client.clock.now += 100
            may_respond.set()
            while (ended := results.progress.ended) < 300:
                await anyio.lowlevel.checkpoint()
                steps.append(results.progress.ended - ended)

    client.run(body)
    assert sum(steps) == 300
    # All polls in flight may end in one turn. Others end five waits in each.
    assert max(steps) <= 20 + 2 * 5
