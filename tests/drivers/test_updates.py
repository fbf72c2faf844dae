"""`updates` shows the first answer and each change, to the last: real sockets, virtual time."""

from __future__ import annotations

import threading

import anyio
import pytest

from meshapi_video import (
    AsyncVideoClient,
    InvalidResponse,
    NotFoundError,
    PollPolicy,
    VideoClient,
    VideoTaskResponse,
    WaitStopped,
    WaitTimeout,
    WaitToken,
)
from support.by_id import LONG, SLOW, collect, eventually, held
from support.clients import KEY, Caller
from support.server import Server, answer, finished, reset, task

STEADY = PollPolicy(initial_delay=2.0, growth=1.0, max_delay=2.0, jitter=0.0)


def updates(client: Caller, task_id: str | WaitToken = "task-1", timeout: float | None = 60) -> list[VideoTaskResponse]:
    return client._call(
        lambda client: list(client.updates(task_id, timeout=timeout, poll=STEADY)),
        lambda client: collect(client.updates(task_id, timeout=timeout, poll=STEADY)),
    )


def test_the_first_answer_and_each_change_are_shown_and_nothing_twice(client: Caller, server: Server) -> None:
    server.script(
        task("queued"), task("queued"), task("running"), task("running", seed=1), task("running", seed=1), finished()
    )
    shown = updates(client)
    assert [update.status for update in shown] == ["queued", "running", "running", "succeeded"]
    assert client.clock.sleeps == [2] * 5


def test_what_was_shown_before_is_shown_again_when_it_comes_back(client: Caller, server: Server) -> None:
    server.script(task("running"), task("queued"), task("running"), finished())
    assert [update.status for update in updates(client)] == ["running", "queued", "running", "succeeded"]


@pytest.mark.parametrize("status", ["failed", "expired", "cancelled"])
def test_the_end_without_a_video_is_shown_like_any_other(client: Caller, server: Server, status: str) -> None:
    server.script(task("running"), task(status))
    assert [update.status for update in updates(client)] == ["running", status]
    assert len(server.requests) == 2


def test_a_video_without_an_address_is_raised_and_not_shown(client: Caller, server: Server) -> None:
    server.script(task("succeeded"))
    with pytest.raises(InvalidResponse, match="video_url"):
        updates(client)


def test_misses_are_ridden_through_and_change_nothing(client: Caller, server: Server) -> None:
    server.script(task("running"), answer(503), reset, task("running"), finished())
    assert [update.status for update in updates(client)] == ["running", "succeeded"]


def test_a_refusal_is_raised_at_once(client: Caller, server: Server) -> None:
    server.script(task("running"), answer(404))
    with pytest.raises(NotFoundError):
        updates(client)
    assert len(server.requests) == 2


def test_an_id_or_a_time_that_is_none_is_refused_before_anything_runs(client: Caller, server: Server) -> None:
    with pytest.raises(ValueError, match="not a task id"):
        updates(client, "..")
    with pytest.raises(ValueError, match="timeout"):
        updates(client, timeout=-1)
    assert server.requests == []


def test_the_deadline_is_raised_and_the_token_goes_on(client: Caller, server: Server) -> None:
    server.script(task("running"))
    with pytest.raises(WaitTimeout) as caught:
        updates(client, timeout=4)
    assert (caught.value.polls, caught.value.elapsed) == (3, 4)
    server.script(finished())
    assert [update.status for update in updates(client, caught.value.token)] == ["succeeded"]


def test_the_time_goes_on_between_two_of_them_and_nothing_else_does(client: Caller, server: Server) -> None:
    server.script(task("queued"), task("running"))
    seen = list[str]()

    def linger(update: VideoTaskResponse) -> None:
        seen.append(update.status)
        client.clock.now += 100
        assert len(server.requests) == len(seen)

    def sync(client: VideoClient) -> None:
        for update in client.updates("task-1", timeout=60, poll=STEADY):
            linger(update)

    async def awaited(client: AsyncVideoClient) -> None:
        async for update in client.updates("task-1", timeout=60, poll=STEADY):
            linger(update)

    with pytest.raises(WaitTimeout):
        client._call(sync, awaited)
    # The second was the last look, at the deadline or as soon after it as somebody asked.
    assert seen == ["queued"]
    assert len(server.requests) == 2


def test_the_token_tells_of_each_look(client: Caller, server: Server) -> None:
    server.script(task("queued"), answer(503), task("running"), finished())
    tokens = list[WaitToken]()

    def sync(client: VideoClient) -> None:
        found = client.updates("task-1", poll=STEADY)
        tokens.append(found.token)
        tokens.extend(found.token for _ in found)

    async def awaited(client: AsyncVideoClient) -> None:
        found = client.updates("task-1", poll=STEADY)
        tokens.append(found.token)
        tokens.extend([found.token async for _ in found])

    client._call(sync, awaited)
    assert [token.looks for token in tokens] == [0, 1, 3, 4]
    assert {token.task_id for token in tokens} == {"task-1"}
    assert tokens[2].not_before - tokens[1].not_before == pytest.approx(4, abs=0.1)


def test_cancelling_between_two_of_them_loses_nothing(server: Server, backend: str) -> None:
    server.script(task("queued"), held, finished())

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=server.base_url) as client:
            found = client.updates("task-1", poll=PollPolicy(initial_delay=0.01))
            assert (await anext(found)).status == "queued"
            with anyio.move_on_after(0.1) as scope:
                await anext(found)
            assert scope.cancelled_caught
            assert found.token.looks == 1
            assert [update.status async for update in found] == ["succeeded"]

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("phase", ["between two looks", "during a look"])
def test_an_event_stops_them_from_another_thread(server: Server, phase: str) -> None:
    server.script(task("queued"), held)
    stop = threading.Event()
    poll = SLOW if phase == "between two looks" else PollPolicy(initial_delay=0.01)
    with VideoClient(KEY, base_url=server.base_url) as client:
        found = client.updates("task-1", poll=poll, timeout=LONG, stop=stop)
        assert next(found).status == "queued"

        def stop_it() -> None:
            eventually(lambda: phase == "between two looks" or len(server.requests) == 2)
            stop.set()

        stopper = threading.Thread(target=stop_it)
        stopper.start()
        with pytest.raises(WaitStopped) as caught:
            next(found)
        stopper.join()
    assert (caught.value.token.task_id, caught.value.polls) == ("task-1", 1)
    assert caught.value.last_task == VideoTaskResponse(id="task-1", status="queued")
