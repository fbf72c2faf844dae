"""A task's age counts by the server's own clock, and a wait without a timeout ends when the task would."""

from __future__ import annotations

import email.utils
import socket

import pytest

from meshapi_video import AsyncVideoClient, PollPolicy, VideoClient, WaitTimeout
from support.clients import Caller
from support.server import Answer, Server, answer, finished, task_json

MADE = 1_800_000_000
TEN_YEARS = 10 * 365 * 86_400.0
GROWING = PollPolicy(initial_delay=2.0, growth=1.01, max_delay=60.0, jitter=0.0)
SELDOM = PollPolicy(initial_delay=3600.0, growth=1.0, max_delay=3600.0, jitter=0.0)


def aged(seconds: float, expires_after: int | None = None) -> Answer:
    """A running task that is so old by the clock of the server that says so."""
    date = email.utils.formatdate(MADE + seconds, usegmt=True)
    return answer(200, task_json("running", created_at=MADE, execution_expires_after=expires_after), date=date)


def wait(client: Caller, clock_says: float, timeout: float | None) -> None:
    """Waits on a machine whose own clock says something."""

    def sync(client: VideoClient) -> None:
        client._unix_clock = lambda: clock_says
        client.wait("task-1", timeout=timeout, poll=GROWING)

    async def awaited(client: AsyncVideoClient) -> None:
        client._unix_clock = lambda: clock_says
        await client.wait("task-1", timeout=timeout, poll=GROWING)

    client._call(sync, awaited)


@pytest.mark.parametrize("wrong_by", [-TEN_YEARS, 0, TEN_YEARS])
def test_a_task_that_is_twenty_minutes_old_is_not_looked_at_eagerly_whatever_the_local_clock_says(
    client: Caller, server: Server, wrong_by: float
) -> None:
    server.script(aged(1200), aged(1214), finished())
    wait(client, MADE + 1200 + wrong_by, timeout=900)
    assert client.clock.sleeps == pytest.approx([14, 14.14])


@pytest.mark.parametrize("wrong_by", [-TEN_YEARS, 0, TEN_YEARS])
def test_without_a_timeout_the_wait_lasts_as_long_as_the_task_whatever_the_local_clock_says(
    client: Caller, server: Server, wrong_by: float
) -> None:
    begun = client.clock.now

    def older_and_older(connection: socket.socket) -> bool:
        return aged(3000 + client.clock.now - begun, expires_after=3600)(connection)

    server.script(older_and_older)
    with pytest.raises(WaitTimeout, match="it should have expired by now"):
        wait(client, MADE + wrong_by, timeout=None)
    # Until its end, and the grace. An HTTP date has whole seconds.
    assert client.clock.now - begun == pytest.approx(600 + 300, abs=2)


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(answer(200, task_json("running", created_at=MADE)), id="no Date"),
        pytest.param(answer(200, task_json("running", created_at=MADE), date="now"), id="a Date that is none"),
        pytest.param(answer(200, task_json("running"), date=email.utils.formatdate(MADE, usegmt=True)), id="no age"),
        pytest.param(aged(-60), id="a task from the future"),
        pytest.param(aged(TEN_YEARS), id="a task from the past century"),
    ],
)
def test_where_the_server_tells_no_age_the_time_waited_stands_for_it(
    client: Caller, server: Server, first: Answer
) -> None:
    server.script(first, first, finished())
    wait(client, MADE, timeout=900)
    assert client.clock.sleeps == pytest.approx([2, 2.02])


def test_without_a_timeout_a_server_that_is_down_is_asked_for_two_days_and_five_minutes(
    client: Caller, server: Server
) -> None:
    server.script(answer(503))
    with pytest.raises(WaitTimeout) as caught:
        client.wait(timeout=None, poll=SELDOM)
    assert sum(client.clock.sleeps) == 48 * 3600 + 300
    assert caught.value.elapsed == 48 * 3600 + 300


def test_two_days_of_waiting_end_with_the_video(client: Caller, server: Server) -> None:
    server.script(*[aged(3600 * n, expires_after=172_800) for n in range(48)], finished())
    assert client.wait(timeout=None, poll=SELDOM).id == "task-1"
    assert sum(client.clock.sleeps) == 48 * 3600
