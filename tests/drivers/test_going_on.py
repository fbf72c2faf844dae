"""A wait that was written down goes on wherever it is read: in every call, and in another process."""

from __future__ import annotations

import itertools
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from meshapi_video import (
    AsyncVideoClient,
    PollPolicy,
    RateLimitedError,
    VideoClient,
    WaitResult,
    WaitTimeout,
    WaitToken,
)
from support.by_id import LONG, QUICK, SLOW, RealTime, by_id, collect, eventually, never_over
from support.clients import KEY, Caller, Kind
from support.server import Answer, Server, answer, finished, task

STEADY = PollPolicy(initial_delay=2.0, growth=1.0, max_delay=2.0, jitter=0.0)


@pytest.fixture
def quick(kind: Kind, server: Server) -> Caller:
    """A client of each kind in real time."""
    return Caller(kind, server.base_url, RealTime())


def wait(client: Caller, token: WaitToken, timeout: float, poll: PollPolicy = QUICK) -> None:
    client._call(
        lambda client: client.wait(token, timeout=timeout, poll=poll),
        lambda client: client.wait(token, timeout=timeout, poll=poll),
    )


def updates(client: Caller, token: WaitToken, timeout: float, poll: PollPolicy = QUICK) -> None:
    client._call(
        lambda client: list(client.updates(token, timeout=timeout, poll=poll)),
        lambda client: collect(client.updates(token, timeout=timeout, poll=poll)),
    )


def wait_many(client: Caller, token: WaitToken, timeout: float, poll: PollPolicy = QUICK) -> None:
    results: list[WaitResult] = client._call(
        lambda client: list(client.wait_many([token], timeout=timeout, poll=poll)),
        lambda client: collect(client.wait_many([token], timeout=timeout, poll=poll)),
    )
    (result,) = results
    assert result.task_id == "task-1"
    if result.error is not None:
        raise result.error


CALLS = [wait, updates, wait_many]
Call = Callable[[Caller, WaitToken, float], None]


def from_the_timeout(client: Caller, server: Server) -> WaitToken:
    server.script(task("running"))
    with pytest.raises(WaitTimeout) as caught:
        client._call(lambda client: client.wait("task-1", timeout=0), lambda client: client.wait("task-1", timeout=0))
    return caught.value.token


def from_the_updates(client: Caller, server: Server) -> WaitToken:
    server.script(task("running"))

    def sync(client: VideoClient) -> WaitToken:
        found = client.updates("task-1", poll=QUICK)
        assert next(found).status == "running"
        return found.token

    async def awaited(client: AsyncVideoClient) -> WaitToken:
        found = client.updates("task-1", poll=QUICK)
        assert (await anext(found)).status == "running"
        return found.token

    return client._call(sync, awaited)


def from_many(client: Caller, server: Server) -> WaitToken:
    # The other one ends once this one has been looked at, which it will not be again: no look is cut off.
    def answer_to(task_id: str, look: int) -> Answer:
        if task_id != "other":
            return never_over(task_id, look)

        def write(connection: socket.socket) -> bool:
            eventually(lambda: asked["task-1"])
            return finished(task_id)(connection)

        return write

    asked = by_id(server, answer_to)
    ids = ["task-1", "other"]

    def sync(client: VideoClient) -> list[WaitToken]:
        with client.wait_many(ids, poll=SLOW) as results:
            assert next(results).task_id == "other"
        return results.tokens

    async def awaited(client: AsyncVideoClient) -> list[WaitToken]:
        async with client.wait_many(ids, poll=SLOW) as results:
            assert (await anext(results)).task_id == "other"
        return results.tokens

    (token,) = client._call(sync, awaited)
    return token


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("origin", [from_the_timeout, from_the_updates, from_many])
def test_every_token_goes_on_in_every_call(
    quick: Caller, server: Server, origin: Callable[[Caller, Server], WaitToken], call: Call
) -> None:
    token = WaitToken.from_json(origin(quick, server).to_json())
    assert KEY not in token.to_json()
    server.script(task("running"))
    before = len(server.requests)
    with pytest.raises(WaitTimeout) as caught:
        call(quick, token, 0.05)
    again = caught.value.token
    assert again.looks == caught.value.polls > token.looks
    assert again.started == pytest.approx(token.started, abs=0.01)
    assert len(server.requests) - before == again.looks - token.looks
    server.script(finished())
    call(quick, again, LONG)


@pytest.mark.parametrize("call", [wait, updates])
def test_the_silence_that_the_server_asked_for_is_kept(client: Caller, server: Server, call: Call) -> None:
    server.script(answer(429, {}, retry_after="3600"))
    with pytest.raises(WaitTimeout) as caught:
        client.wait(timeout=60)
    token = caught.value.token
    # No longer than is left of it.
    with pytest.raises(WaitTimeout, match="s of silence") as caught:
        call(client, token, 60)
    assert (len(server.requests), caught.value.token.looks) == (1, 1)
    assert caught.value.token.not_before == pytest.approx(token.not_before, abs=0.1)
    server.script(finished())
    call(client, token, 4000)
    assert client.clock.sleeps == [pytest.approx(3600, abs=LONG)]


def test_each_of_many_keeps_its_own_silence(quick: Caller, server: Server) -> None:
    asked = list[str]()

    def answer_to(task_id: str, _look: int) -> Callable[..., bool]:
        asked.append(task_id)
        return finished(task_id)

    by_id(server, answer_to)
    now = time.time()
    soon = WaitToken(task_id="soon", started=now - 50, looks=7, not_before=now - 1)
    later = WaitToken(task_id="later", started=now - 50, looks=7, not_before=now + 0.3)
    never = WaitToken(task_id="never", started=now - 50, looks=7, not_before=now + 10 * LONG)
    found: list[WaitResult] = quick._call(
        lambda client: list(client.wait_many([never, later, soon], timeout=LONG)),
        lambda client: collect(client.wait_many([never, later, soon], timeout=LONG)),
    )
    assert {result.task_id for result in found} == {"soon", "later", "never"}
    assert asked == ["soon", "later"]
    assert [result.task_id for result in found].index("later") == 2
    (held_off,) = [result.error for result in found if result.task_id == "never"]
    assert isinstance(held_off, WaitTimeout)
    assert held_off.token == never


def test_an_error_that_was_sent_to_another_process_still_has_its_token(client: Caller, server: Server) -> None:
    server.script(answer(429, {}, retry_after="3600"))
    with pytest.raises(WaitTimeout) as caught:
        client.wait(timeout=60)
    there = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own, from the line before
    assert there.token == caught.value.token
    assert str(there) == str(caught.value)
    assert isinstance(there.last_error, RateLimitedError)


ELSEWHERE = """
import sys
from meshapi_video import VideoClient, WaitToken
with VideoClient("rsk_other", base_url=sys.argv[1]) as client:
    print(client.wait(WaitToken.from_json(sys.stdin.read()), timeout=60).url)
"""


def test_another_process_goes_on_with_the_wait(quick: Caller, server: Server) -> None:
    token = from_the_updates(quick, server)
    server.script(finished())
    elsewhere = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, server.base_url],
        input=token.to_json(),
        capture_output=True,
        text=True,
        check=True,
        timeout=LONG,
    )
    assert elsewhere.stdout == "https://cdn.example/v.mp4\n"
    assert [request.headers["authorization"] for request in server.requests] == [f"Bearer {KEY}", "Bearer rsk_other"]


def test_the_tokens_of_a_loop_that_was_left_and_what_its_iterable_still_has_are_all_that_is_left(
    quick: Caller, server: Server
) -> None:
    by_id(server, lambda task_id, look: finished(task_id) if task_id < "t3" else never_over(task_id, look))
    names = [f"t{number}" for number in range(9)]
    ids = iter(names)

    def sync(client: VideoClient) -> list[str]:
        with client.wait_many(ids, poll=QUICK, max_waiting=4) as results:
            first = list(itertools.islice(results, 2))
        return [result.task_id for result in first] + [token.task_id for token in results.tokens]

    async def awaited(client: AsyncVideoClient) -> list[str]:
        async with client.wait_many(ids, poll=QUICK, max_waiting=4) as results:
            first = [await anext(results), await anext(results)]
        return [result.task_id for result in first] + [token.task_id for token in results.tokens]

    taken = quick._call(sync, awaited)
    assert sorted(taken + list(ids)) == names
