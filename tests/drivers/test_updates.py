"""`updates` yields the first response and each change, up to the last: real sockets, virtual time."""

from __future__ import annotations

import threading

import anyio
import pytest

from meshapi_video import (
    AsyncUpdates,
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
from support.clients import KEY, Caller
from support.many_tasks import LONG, SLOW, collect, eventually, hang
from support.server import Server, finished, reset, response, task

STEADY = PollPolicy(initial_delay=2.0, multiplier=1.0, max_delay=2.0, jitter=0.0)


def updates(client: Caller, task_id: str | WaitToken = "task-1", timeout: float | None = 60) -> list[VideoTaskResponse]:
    return client.run(lambda client: collect(client.updates(task_id, timeout=timeout, poll=STEADY)))


def test_the_first_response_and_each_change_are_yielded_once(client: Caller, server: Server) -> None:
    server.script(
        task("queued"), task("queued"), task("running"), task("running", seed=1), task("running", seed=1), finished()
    )
    assert [update.status for update in updates(client)] == ["queued", "running", "running", "succeeded"]
    assert client.clock.sleeps == [2] * 5


def test_a_change_back_to_an_earlier_response_is_yielded_too(client: Caller, server: Server) -> None:
    server.script(task("running"), task("queued"), task("running"), finished())
    assert [update.status for update in updates(client)] == ["running", "queued", "running", "succeeded"]


@pytest.mark.parametrize("status", ["failed", "expired", "cancelled"])
def test_a_task_that_ends_without_a_video_is_yielded_and_not_raised(
    client: Caller, server: Server, status: str
) -> None:
    server.script(task("running"), task(status))
    assert [update.status for update in updates(client)] == ["running", status]
    assert len(server.requests) == 2


def test_a_succeeded_task_without_an_address_is_raised_and_not_yielded(client: Caller, server: Server) -> None:
    server.script(task("succeeded"))
    with pytest.raises(InvalidResponse, match="video_url"):
        updates(client)


def test_a_failed_poll_is_repeated_and_is_not_a_change(client: Caller, server: Server) -> None:
    server.script(task("running"), response(503), reset, task("running"), finished())
    assert [update.status for update in updates(client)] == ["running", "succeeded"]


def test_a_permanent_error_is_raised_at_once(client: Caller, server: Server) -> None:
    server.script(task("running"), response(404))
    with pytest.raises(NotFoundError):
        updates(client)
    assert len(server.requests) == 2


def test_a_wrong_id_or_timeout_is_refused_before_the_first_poll(client: Caller, server: Server) -> None:
    with pytest.raises(ValueError, match="not a task id"):
        updates(client, "..")
    with pytest.raises(ValueError, match="timeout"):
        updates(client, timeout=-1)
    assert server.requests == []


def test_the_deadline_is_raised_and_its_token_resumes_the_wait(client: Caller, server: Server) -> None:
    server.script(task("running"))
    with pytest.raises(WaitTimeout) as caught:
        updates(client, timeout=4)
    assert (caught.value.polls, caught.value.elapsed) == (3, 4)
    server.script(finished())
    assert [update.status for update in updates(client, caught.value.token)] == ["succeeded"]


def test_time_passes_between_two_updates_but_no_poll_is_sent(client: Caller, server: Server) -> None:
    server.script(task("queued"), task("running"))
    statuses = list[str]()

    async def body(awaited: AsyncVideoClient) -> None:
        async for update in awaited.updates("task-1", timeout=60, poll=STEADY):
            statuses.append(update.status)
            client.clock.now += 100
            assert len(server.requests) == len(statuses)

    with pytest.raises(WaitTimeout):
        client.run(body)
    # The second poll was the final one. It was sent when the next update was requested, after the deadline.
    assert statuses == ["queued", "running"]
    assert len(server.requests) == 2


def test_the_token_counts_each_poll(client: Caller, server: Server) -> None:
    server.script(task("queued"), response(503), task("running"), finished())
    tokens = list[WaitToken]()

    async def body(client: AsyncVideoClient) -> None:
        found = client.updates("task-1", poll=STEADY)
        tokens.append(found.token)
        tokens.extend([found.token async for _ in found])

    client.run(body)
    assert [token.polls for token in tokens] == [0, 1, 3, 4]
    assert {token.task_id for token in tokens} == {"task-1"}
    assert tokens[2].not_before - tokens[1].not_before == pytest.approx(4, abs=0.1)


def test_a_cancellation_between_two_updates_loses_nothing(server: Server, backend: str) -> None:
    server.script(task("queued"), hang, finished())

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=server.base_url) as client:
            found = client.updates("task-1", poll=PollPolicy(initial_delay=0.01))
            assert (await anext(found)).status == "queued"
            with anyio.move_on_after(0.1) as scope:
                await anext(found)
            assert scope.cancelled_caught
            assert found.token.polls == 1
            assert [update.status async for update in found] == ["succeeded"]

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("phase", ["between two polls", "during a poll"])
def test_an_event_stops_the_iterator_from_another_thread(server: Server, phase: str) -> None:
    server.script(task("queued"), hang)
    stop = threading.Event()
    poll = SLOW if phase == "between two polls" else PollPolicy(initial_delay=0.01)
    with VideoClient(KEY, base_url=server.base_url) as client:
        found = client.updates("task-1", poll=poll, timeout=LONG, stop=stop)
        assert next(found).status == "queued"

        def set_stop() -> None:
            eventually(lambda: phase == "between two polls" or len(server.requests) == 2)
            stop.set()

        stopper = threading.Thread(target=set_stop)
        stopper.start()
        with pytest.raises(WaitStopped) as caught:
            next(found)
        stopper.join()
    assert (caught.value.token.task_id, caught.value.polls) == ("task-1", 1)
    assert caught.value.last_task == VideoTaskResponse(id="task-1", status="queued")


def test_no_poll_is_sent_after_the_block_of_the_context_manager(client: Caller, server: Server) -> None:
    server.script(task("queued"), task("running"), finished())

    async def body(client: AsyncVideoClient) -> WaitToken:
        async with client.updates("task-1", poll=STEADY) as found:
            async for update in found:
                if update.status == "running":
                    break
        assert [update async for update in found] == []
        return found.token

    token = client.run(body)
    assert (token.polls, len(server.requests)) == (2, 2)
    assert [update.status for update in updates(client, token)] == ["succeeded"]


def test_an_error_in_the_block_reaches_the_caller_and_ends_the_polls(client: Caller, server: Server) -> None:
    server.script(task("queued"), finished())
    iterators = list[AsyncUpdates]()

    async def body(client: AsyncVideoClient) -> None:
        async with client.updates("task-1", poll=STEADY) as found:
            iterators.append(found)
            async for update in found:
                raise LookupError(update.status)

    with pytest.raises(LookupError, match="queued"):
        client.run(body)
    assert client.run(lambda _client: collect(iterators[0])) == []
    assert len(server.requests) == 1


def test_the_end_of_the_task_is_the_end_of_the_block_too(client: Caller, server: Server) -> None:
    server.script(task("running"), response(404))

    async def body(client: AsyncVideoClient) -> None:
        async with client.updates("task-1", poll=STEADY) as found:
            with pytest.raises(NotFoundError):
                await collect(found)
            # As long as the iterator is open, it raises the error that ended the wait.
            with pytest.raises(NotFoundError):
                await collect(found)
        assert await collect(found) == []
        await found.close()

    client.run(body)
    assert len(server.requests) == 2
