"""A wait that was saved as a token continues in every method, and in another process."""

from __future__ import annotations

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
    WaitResult,
    WaitTimeout,
    WaitToken,
)
from support.clients import KEY, Caller
from support.many_tasks import LONG, QUICK, SLOW, collect, eventually, never_finished, respond_by_id
from support.server import Response, Server, finished, response, task


def wait(client: Caller, token: WaitToken, timeout: float, poll: PollPolicy = QUICK) -> None:
    client.run(lambda client: client.wait(token, timeout=timeout, poll=poll))


def updates(client: Caller, token: WaitToken, timeout: float, poll: PollPolicy = QUICK) -> None:
    client.run(lambda client: collect(client.updates(token, timeout=timeout, poll=poll)))


def wait_many(client: Caller, token: WaitToken, timeout: float, poll: PollPolicy = QUICK) -> None:
    (result,) = client.run(lambda client: collect(client.wait_many([token], timeout=timeout, poll=poll)))
    assert result.task_id == "task-1"
    if result.error is not None:
        raise result.error


METHODS = [wait, updates, wait_many]
Method = Callable[[Caller, WaitToken, float], None]


def token_from_timeout(client: Caller, server: Server) -> WaitToken:
    server.script(task("running"))
    with pytest.raises(WaitTimeout) as caught:
        client.wait(timeout=0)
    return caught.value.token


def token_from_updates(client: Caller, server: Server) -> WaitToken:
    server.script(task("running"))

    async def body(client: AsyncVideoClient) -> WaitToken:
        found = client.updates("task-1", poll=QUICK)
        assert (await anext(found)).status == "running"
        return found.token

    return client.run(body)


def token_from_wait_many(client: Caller, server: Server) -> WaitToken:
    # "other" ends after the only poll of "task-1", so that no poll is in flight at the end of the loop.
    def response_to(task_id: str, poll: int) -> Response:
        if task_id != "other":
            return never_finished(task_id, poll)

        def write(connection: socket.socket) -> bool:
            eventually(lambda: polls["task-1"])
            return finished(task_id)(connection)

        return write

    polls = respond_by_id(server, response_to)

    async def body(client: AsyncVideoClient) -> list[WaitToken]:
        async with client.wait_many(["task-1", "other"], poll=SLOW) as results:
            assert (await anext(results)).task_id == "other"
        return results.tokens

    (token,) = client.run(body)
    return token


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("origin", [token_from_timeout, token_from_updates, token_from_wait_many])
def test_every_token_resumes_the_wait_in_every_method(
    real_time_client: Caller, server: Server, origin: Callable[[Caller, Server], WaitToken], method: Method
) -> None:
    token = WaitToken.from_json(origin(real_time_client, server).to_json())
    assert KEY not in token.to_json()
    server.script(task("running"))
    before = len(server.requests)
    with pytest.raises(WaitTimeout) as caught:
        method(real_time_client, token, 0.05)
    second = caught.value.token
    assert second.polls == caught.value.polls > token.polls
    assert second.started == pytest.approx(token.started, abs=0.01)
    assert len(server.requests) - before == second.polls - token.polls
    server.script(finished())
    method(real_time_client, second, LONG)


@pytest.mark.parametrize("method", [wait, updates])
def test_a_resumed_wait_respects_the_retry_after_of_the_earlier_wait(
    client: Caller, server: Server, method: Method
) -> None:
    server.script(response(429, {}, retry_after="3600"))
    with pytest.raises(WaitTimeout) as caught:
        client.wait(timeout=60)
    token = caught.value.token
    with pytest.raises(WaitTimeout, match=r"Retry-After: 3\d\d\d(\.\d)? s, longer than the 60 s left") as caught:
        method(client, token, 60)
    assert (len(server.requests), caught.value.token.polls) == (1, 1)
    assert caught.value.token.not_before == pytest.approx(token.not_before, abs=0.1)
    server.script(finished())
    method(client, token, 4000)
    # The real time since the first wait counts, too.
    assert client.clock.sleeps == [pytest.approx(3600, abs=LONG)]


def test_each_of_many_tasks_respects_its_own_retry_after(real_time_client: Caller, server: Server) -> None:
    polled = list[str]()

    def response_to(task_id: str, _poll: int) -> Response:
        polled.append(task_id)
        return finished(task_id)

    respond_by_id(server, response_to)
    now = time.time()
    soon = WaitToken(task_id="soon", started=now - 50, polls=7, not_before=now - 1)
    later = WaitToken(task_id="later", started=now - 50, polls=7, not_before=now + 0.3)
    never = WaitToken(task_id="never", started=now - 50, polls=7, not_before=now + 10 * LONG)
    found: list[WaitResult] = real_time_client.run(
        lambda client: collect(client.wait_many([never, later, soon], timeout=LONG))
    )
    assert {result.task_id for result in found} == {"soon", "later", "never"}
    assert polled == ["soon", "later"]
    assert [result.task_id for result in found].index("later") == 2
    (error,) = [result.error for result in found if result.task_id == "never"]
    assert isinstance(error, WaitTimeout)
    assert error.token == never


def test_a_pickled_error_keeps_its_token(client: Caller, server: Server) -> None:
    server.script(response(429, {}, retry_after="3600"))
    with pytest.raises(WaitTimeout) as caught:
        client.wait(timeout=60)
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own, from the line before
    assert copy.token == caught.value.token
    assert str(copy) == str(caught.value)
    assert isinstance(copy.last_error, RateLimitedError)


OTHER_PROCESS = """
import sys
from meshapi_video import VideoClient, WaitToken
with VideoClient("rsk_other", base_url=sys.argv[1]) as client:
    print(client.wait(WaitToken.from_json(sys.stdin.read()), timeout=60).url)
"""


# Two kinds are enough: a process takes a second, and the token is the same text for each.
@pytest.mark.parametrize("kind", ["sync", "asyncio"])
def test_another_process_resumes_the_wait(real_time_client: Caller, server: Server) -> None:
    token = token_from_updates(real_time_client, server)
    server.script(finished())
    other = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS, server.base_url],
        input=token.to_json(),
        capture_output=True,
        text=True,
        check=True,
        timeout=LONG,
    )
    assert other.stdout == "https://cdn.example/v.mp4\n"
    assert [request.headers["authorization"] for request in server.requests] == [f"Bearer {KEY}", "Bearer rsk_other"]


def test_results_and_tokens_and_the_rest_of_the_iterable_are_all_tasks(
    real_time_client: Caller, server: Server
) -> None:
    respond_by_id(server, lambda task_id, poll: finished(task_id) if task_id < "t3" else never_finished(task_id, poll))
    names = [f"t{number}" for number in range(9)]
    ids = iter(names)

    async def body(client: AsyncVideoClient) -> list[str]:
        async with client.wait_many(ids, poll=QUICK, max_waiting=4) as results:
            first = [await anext(results), await anext(results)]
        return [result.task_id for result in first] + [token.task_id for token in results.tokens]

    taken = real_time_client.run(body)
    assert sorted(taken + list(ids)) == names
