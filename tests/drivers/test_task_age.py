"""A task's age is measured by the server's clock, and a wait without a timeout ends after the task's expiry."""

from __future__ import annotations

import email.utils
import socket

import pytest

from meshapi_video import AsyncVideoClient, PollPolicy, WaitTimeout
from support.clients import Caller
from support.server import Response, Server, finished, response, task_json

CREATED_AT = 1_800_000_000
TEN_YEARS = 10 * 365 * 86_400.0
GROWING = PollPolicy(initial_delay=2.0, multiplier=1.01, max_delay=60.0, jitter=0.0)
HOURLY = PollPolicy(initial_delay=3600.0, multiplier=1.0, max_delay=3600.0, jitter=0.0)


def aged(seconds: float, expires_after: int | None = None) -> Response:
    """A running task of this age, by the clock of the server that sends it."""
    date = email.utils.formatdate(CREATED_AT + seconds, usegmt=True)
    return response(200, task_json("running", created_at=CREATED_AT, execution_expires_after=expires_after), date=date)


def wait(client: Caller, local_time: float, timeout: float | None) -> None:
    """Waits on a machine whose own clock shows `local_time`."""

    async def body(client: AsyncVideoClient) -> None:
        client._unix_clock = lambda: local_time
        await client.wait("task-1", timeout=timeout, poll=GROWING)

    client.run(body)


@pytest.mark.parametrize("clock_error", [-TEN_YEARS, 0, TEN_YEARS])
def test_a_task_that_is_already_20_minutes_old_is_polled_less_often_whatever_the_local_clock_says(
    client: Caller, server: Server, clock_error: float
) -> None:
    server.script(aged(1200), aged(1214), finished())
    wait(client, CREATED_AT + 1200 + clock_error, timeout=900)
    assert client.clock.sleeps == pytest.approx([14, 14.14])


@pytest.mark.parametrize("clock_error", [-TEN_YEARS, 0, TEN_YEARS])
def test_without_a_timeout_the_wait_ends_after_the_tasks_expiry_whatever_the_local_clock_says(
    client: Caller, server: Server, clock_error: float
) -> None:
    started = client.clock.now

    def task_that_grows_older(connection: socket.socket) -> bool:
        return aged(3000 + client.clock.now - started, expires_after=3600)(connection)

    server.script(task_that_grows_older)
    with pytest.raises(WaitTimeout, match="the task should have expired by now"):
        wait(client, CREATED_AT + clock_error, timeout=None)
    # Until the expiry, and five minutes longer. An HTTP date has whole seconds.
    assert client.clock.now - started == pytest.approx(600 + 300, abs=2)


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(response(200, task_json("running", created_at=CREATED_AT)), id="no Date"),
        pytest.param(response(200, task_json("running", created_at=CREATED_AT), date="now"), id="an invalid Date"),
        pytest.param(
            response(200, task_json("running"), date=email.utils.formatdate(CREATED_AT, usegmt=True)),
            id="no created_at",
        ),
        pytest.param(aged(-60), id="a task from the future"),
        pytest.param(aged(TEN_YEARS), id="a task that is ten years old"),
    ],
)
def test_without_a_usable_age_from_the_server_the_time_waited_counts(
    client: Caller, server: Server, first: Response
) -> None:
    server.script(first, first, finished())
    wait(client, CREATED_AT, timeout=900)
    assert client.clock.sleeps == pytest.approx([2, 2.02])


def test_without_a_timeout_a_failing_server_is_polled_for_48_hours_and_5_minutes(
    client: Caller, server: Server
) -> None:
    server.script(response(503))
    with pytest.raises(WaitTimeout) as caught:
        client.wait(timeout=None, poll=HOURLY)
    assert sum(client.clock.sleeps) == 48 * 3600 + 300
    assert caught.value.elapsed == 48 * 3600 + 300


def test_a_wait_of_two_days_returns_the_video(client: Caller, server: Server) -> None:
    server.script(*[aged(3600 * n, expires_after=172_800) for n in range(48)], finished())
    assert client.wait(timeout=None, poll=HOURLY).id == "task-1"
    assert sum(client.clock.sleeps) == 48 * 3600
