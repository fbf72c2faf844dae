"""`step` sends one poll, and says when the next is due: real sockets, virtual time."""

from __future__ import annotations

import time

import pytest

from meshapi_video import (
    APIError,
    AsyncVideoClient,
    ConnectionFailed,
    InvalidResponse,
    NotFoundError,
    PollPolicy,
    ServerError,
    TaskFailed,
    VideoClient,
    WaitStep,
    WaitTimeout,
    WaitToken,
)
from support.clients import KEY, Caller
from support.many_tasks import collect
from support.server import Server, finished, reset, response, task

POLICY = PollPolicy(initial_delay=2.0, multiplier=1.0, max_delay=20.0, jitter=0.0)


def step(client: Caller, task: str | WaitToken = "task-1", poll: PollPolicy = POLICY) -> WaitStep:
    return client.run(lambda client: client.step(task, poll=poll))


def steps_until_over(client: Caller, poll: PollPolicy = POLICY) -> list[WaitStep]:
    """Each step in a new client, from the text of the token before, as an engine takes them."""
    steps = [step(client, poll=poll)]
    while not steps[-1].over:
        client.clock.sleep(steps[-1].delay)
        steps.append(step(client, WaitToken.from_json(steps[-1].token.to_json()), poll))
    return steps


def test_a_step_of_a_task_that_runs_says_when_the_next_poll_is_due(client: Caller, server: Server) -> None:
    server.script(task("running"))
    now = client.clock.unix()
    taken = step(client)
    assert taken.task is not None
    assert taken.task.status == "running"
    assert (taken.over, taken.video, taken.error, taken.last_error, taken.delay) == (False, None, None, None, 2.0)
    assert (taken.token.task_id, taken.token.polls, taken.token.failures) == ("task-1", 1, 0)
    assert taken.token.next_poll_at == pytest.approx(now + 2, abs=1e-3)
    assert len(server.requests) == 1
    assert client.clock.sleeps == []


def test_a_step_of_a_task_that_succeeded_has_the_video(client: Caller, server: Server) -> None:
    server.script(finished())
    taken = step(client)
    assert taken.over
    assert taken.video is not None
    assert taken.video.url == "https://cdn.example/v.mp4"
    assert taken.task == taken.video.task
    assert (taken.error, taken.last_error, taken.delay, taken.token.polls) == (None, None, 0.0, 1)


def test_a_step_of_a_task_that_failed_has_the_error_and_does_not_raise_it(client: Caller, server: Server) -> None:
    server.script(task("failed"))
    taken = step(client)
    assert taken.over
    assert isinstance(taken.error, TaskFailed)
    assert taken.task is not None
    assert (taken.task.status, taken.video, taken.delay) == ("failed", None, 0.0)


def test_a_refusal_ends_the_wait_and_is_not_raised(client: Caller, server: Server) -> None:
    server.script(response(404))
    taken = step(client)
    assert (taken.over, taken.task, taken.video, taken.last_error) == (True, None, None, None)
    assert isinstance(taken.error, NotFoundError)
    assert KEY not in repr(taken)


def test_a_response_that_breaks_the_contract_ends_the_wait_and_is_not_raised(client: Caller, server: Server) -> None:
    server.script(task("succeeded"))
    taken = step(client)
    assert taken.over
    assert isinstance(taken.error, InvalidResponse)


def test_a_failure_that_may_be_temporary_is_the_last_error_and_the_wait_goes_on(client: Caller, server: Server) -> None:
    server.script(response(503), reset)
    first = step(client)
    client.clock.sleep(first.delay)
    second = step(client, first.token)
    assert [type(taken.last_error) for taken in (first, second)] == [ServerError, ConnectionFailed]
    for taken in (first, second):
        assert (taken.over, taken.error, taken.task, taken.video) == (False, None, None, None)
        assert taken.last_error is not None
        assert taken.last_error.__traceback__ is None


def test_the_delay_grows_with_each_failure_in_a_row_from_token_to_token(client: Caller, server: Server) -> None:
    server.script(*[response(503)] * 5, task("running"), response(503), finished())
    steps = steps_until_over(client)
    assert [taken.delay for taken in steps] == [pytest.approx(each) for each in (2, 4, 8, 16, 20, 2, 2, 0)]
    assert [taken.token.failures for taken in steps] == [1, 2, 3, 4, 5, 0, 1, 0]


def test_the_servers_retry_after_is_respected(client: Caller, server: Server) -> None:
    server.script(response(429, {}, retry_after="70"))
    taken = step(client)
    assert (taken.over, taken.delay) == (False, 70.0)
    assert isinstance(taken.last_error, APIError)
    assert taken.last_error.retry_after == 70


def test_a_step_before_the_next_poll_is_due_sends_nothing_and_says_how_long_is_left(
    client: Caller, server: Server
) -> None:
    server.script(task("running"))
    token = step(client).token
    client.clock.sleep(0.5)
    early = step(client, token)
    assert len(server.requests) == 1
    assert early.delay == pytest.approx(1.5, abs=1e-3)
    assert early.token.next_poll_at == pytest.approx(token.next_poll_at, abs=1e-3)
    assert early.token.polls == 1
    assert (early.over, early.task, early.video, early.error, early.last_error) == (False, None, None, None, None)


@pytest.mark.parametrize(("early", "polls"), [(0.0005, 2), (0.01, 1)])
def test_a_step_that_comes_less_than_a_millisecond_early_is_not_lost(
    client: Caller, server: Server, early: float, polls: int
) -> None:
    server.script(task("running"))
    token = step(client).token
    client.clock.sleep(2 - early)
    step(client, token)
    assert len(server.requests) == polls


def test_steps_poll_at_the_same_times_as_a_wait(client: Caller, server: Server) -> None:
    script = [*[task("queued")] * 3, response(503), *[task("running")] * 9, response(503), task("running"), finished()]
    policy = PollPolicy(initial_delay=3.0, multiplier=1.5, max_delay=60.0, jitter=0.0)
    server.script(*script)
    client.wait(poll=policy, timeout=None)
    sleeps_of_wait = list(client.clock.sleeps)
    client.clock.sleeps.clear()
    server.requests.clear()
    steps = steps_until_over(client, policy)
    assert client.clock.sleeps == [pytest.approx(seconds, abs=1e-3) for seconds in sleeps_of_wait]
    assert steps[-1].token.polls == len(script)


def test_a_step_long_after_the_expiry_of_a_task_ends_the_wait_with_a_timeout(client: Caller, server: Server) -> None:
    server.script(task("running"))
    started = client.clock.unix() - 3 * 86_400
    taken = step(client, WaitToken(task_id="task-1", started=started, polls=9, not_before=started))
    assert taken.over
    assert isinstance(taken.error, WaitTimeout)
    assert len(server.requests) == 1


def test_tokens_of_many_days_ago_are_polled_before_their_waits_end(real_time_client: Caller, server: Server) -> None:
    server.script(finished())
    days_ago = time.time() - 3 * 86_400
    token = WaitToken(task_id="task-1", started=days_ago, polls=9, not_before=days_ago)
    (result,) = real_time_client.run(lambda client: collect(client.wait_many([token], timeout=None)))
    assert result.video is not None
    assert step(real_time_client, token).video == result.video


@pytest.mark.parametrize("status", ["running", "of-the-future"])
def test_only_the_first_and_the_last_of_many_steps_are_logged_as_changes(
    client: Caller, server: Server, caplog: pytest.LogCaptureFixture, status: str
) -> None:
    server.script(*[task(status)] * 3, finished())
    with caplog.at_level("INFO", logger="meshapi_video.tasks"):
        steps_until_over(client)
    changes = [record.getMessage() for record in caplog.records if record.levelname == "INFO"]
    assert changes == [f"task task-1 has the status {status}", "task task-1 has the status succeeded"]
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == (status != "running")


def test_a_wrong_id_is_refused_before_anything_is_sent(client: Caller, server: Server) -> None:
    with pytest.raises(ValueError, match="not a task id"):
        step(client, "..")
    assert server.requests == []


def test_a_closed_client_raises_a_runtime_error(client: Caller, server: Server) -> None:
    async def body(client: AsyncVideoClient) -> WaitStep:
        await client.close()
        return await client.step("task-1")

    with pytest.raises(RuntimeError, match="closed"):
        client.run(body)
    assert server.requests == []


def test_a_step_has_a_policy_by_default(server: Server) -> None:
    server.script(task("running"))
    with VideoClient(KEY, base_url=server.base_url) as client:
        assert 7 <= client.step("task-1").delay <= 8.2
