"""A reset makes a sandbox as new, so that a test run can share one; and stopping takes no time."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from meshapi_video_sandbox import Sandbox, running_sandbox
from meshapi_video_sandbox._faults import Delays
from support.many_tasks import eventually
from support.sandbox_client import create, get, poll

EXAMPLE_ID = "a1b2c3d4-e5f6-7890-ab12-cd34ef567890"


def state(sandbox: Sandbox) -> list[object]:
    """Everything that a client or a test can see, besides the time."""
    headers = {"Authorization": f"Bearer {sandbox.api_key}"}
    return [
        get(f"{sandbox.base_url}/v1/video/generations", headers=headers).json(),
        sandbox.creates(),
        sandbox.inspect(EXAMPLE_ID),
        get(f"{sandbox.base_url}/_sandbox/list").status_code,
    ]


@pytest.fixture
def used() -> Generator[Sandbox]:
    """A sandbox in which a test has left something of each kind."""
    with running_sandbox() as sandbox:
        sandbox.advance(1_000_000)
        sandbox.create_task(id="mine", faults=[{"polls": [2], "status": 500}])
        poll(sandbox, "mine")
        poll(sandbox, EXAMPLE_ID)
        create(sandbox)
        sandbox.set_list_lag(5000)
        sandbox.plan_creates(
            "failed", create_faults=["bad_gateway_after"], fields_at_end=True, models=["byteplus/mine"]
        )
        yield sandbox


def test_after_a_reset_everything_is_as_in_a_new_sandbox(used: Sandbox) -> None:
    used.reset()
    assert abs(used.now() - time.time()) < 60
    assert poll(used, "mine").status_code == 404
    with running_sandbox() as new:
        # The links name the port.
        expected = repr(state(new)).replace(str(new.upstream_url).rpartition("/api")[0], "http://files")
    assert repr(state(used)).replace(str(used.upstream_url).rpartition("/api")[0], "http://files") == expected


def test_after_a_reset_polls_are_counted_again_and_creates_are_as_documented(used: Sandbox) -> None:
    used.reset()
    used.create_task(id="mine", faults=[{"polls": [1], "status": 500}])
    assert [poll(used, "mine").status_code for _ in range(2)] == [500, 200]
    assert create(used, model="byteplus/mine").status_code == 404
    created = create(used)
    assert created.status_code == 200
    used.advance(10)
    assert poll(used, created.json()["id"]).json()["status"] == "succeeded"


def test_a_create_that_is_delayed_while_the_sandbox_is_reset_makes_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    waits, delayed = Delays.wait, threading.Event()

    async def wait(delays: Delays, seconds: float) -> bool:
        if seconds:
            delayed.set()
        return await waits(delays, seconds)

    monkeypatch.setattr(Delays, "wait", wait)
    with running_sandbox() as sandbox, ThreadPoolExecutor() as pool:
        sandbox.plan_creates(create_faults=["slow_before"])
        creating = pool.submit(create, sandbox)
        assert delayed.wait(timeout=20)
        sandbox.reset()
        response = creating.result(timeout=20)
        assert (response.status_code, sandbox.creates()) == (503, [])
        assert "was stopped or reset during this delay" in response.json()["error"]["message"]


def test_a_reset_forgets_the_callbacks_that_are_not_sent_yet() -> None:
    with running_sandbox() as sandbox:
        created = create(sandbox, callback_url="http://127.0.0.1:9/").json()["id"]
        eventually(lambda: sandbox.inspect(created).callbacks != [])
        sandbox.reset()
        sandbox.create_task(id="other")
        sandbox.advance(1000)
        # Each of its later statuses would be recorded before it is posted.
        assert poll(sandbox, created).status_code == 404
        assert sandbox.create_task(id=created) == created
        assert sandbox.inspect(created).callbacks == []


def test_a_poll_that_reaches_its_delay_while_the_sandbox_stops_is_not_delayed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waits, on_its_way = Delays.wait, threading.Event()

    async def wait_later(delays: Delays, seconds: float) -> bool:
        on_its_way.set()
        await asyncio.sleep(0.2)
        return await waits(delays, seconds)

    monkeypatch.setattr(Delays, "wait", wait_later)
    with ThreadPoolExecutor() as pool:
        with running_sandbox() as sandbox:
            polling = pool.submit(poll, sandbox, sandbox.create_task(faults=[{"delay": 3600}]))
            assert on_its_way.wait(timeout=20)
        assert polling.result(timeout=20).status_code == 503
    assert errors_of_the_server(caplog) == []


@pytest.mark.parametrize("leaves", [True, False])
def test_a_client_that_sends_half_a_request_is_no_error_of_the_server(
    caplog: pytest.LogCaptureFixture, *, leaves: bool
) -> None:
    # The client leaves last, after the sandbox has stopped.
    with ExitStack() as clients, running_sandbox() as sandbox:
        url = httpx.URL(sandbox.base_url)
        client = clients.enter_context(socket.create_connection((url.host, url.port or 0)))
        head = f"POST /v1/video/generations HTTP/1.1\r\nHost: {url.netloc.decode()}\r\nContent-Length: 100\r\n"
        client.sendall(f"{head}Authorization: Bearer {sandbox.api_key}\r\n\r\n{{".encode())
        if leaves:
            client.close()
        # The server has read what was sent before it.
        assert poll(sandbox, EXAMPLE_ID).status_code == 200
    assert errors_of_the_server(caplog) == []


def errors_of_the_server(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name.startswith("uvicorn")]


def test_stopping_a_sandbox_takes_no_noticeable_time() -> None:
    def seconds_to_stop() -> float:
        with running_sandbox() as sandbox:
            assert poll(sandbox, EXAMPLE_ID).status_code == 200
            start = time.perf_counter()
        return time.perf_counter() - start

    # A sleep would be in each of them, and a busy machine is not. A stop takes 2 ms.
    assert min(seconds_to_stop() for _ in range(5)) < 0.05
