"""A slow response cannot delay a call past its timeout: real sockets, short real times."""

from __future__ import annotations

import pytest

from meshapi_video import ConnectionTimeout, WaitTimeout
from meshapi_video._polling import state as polling
from support.clients import Caller
from support.server import Server, finished, http, response, task

TASK = http(200, b'{"id": "task-1", "status": "running"}')
HEADERS_ONLY = TASK.partition(b"{")[0]


@pytest.fixture(params=["nothing", "headers only", "half a body", "headers drip", "body drips"])
def stalled(request: pytest.FixtureRequest, server: Server) -> Server:
    """A server that never completes its response."""
    server.script(
        {
            "nothing": server.stall(),
            "headers only": server.stall(HEADERS_ONLY),
            "half a body": server.stall(TASK[:-5]),
            "headers drip": server.drip(TASK),
            "body drips": server.drip(
                HEADERS_ONLY.replace(b"content-length: 37", b"content-length: 9999") + b" " * 999
            ),
        }[request.param]
    )
    return server


def test_one_request_takes_no_longer_than_the_clients_timeout(client: Caller, stalled: Server) -> None:
    client.settings |= {"timeout": 0.2, "max_retries": 0}
    with pytest.raises(ConnectionTimeout, match=r"no complete response from http://127\.0\.0\.1:\d+ within 0\.2 s"):
        client.get()
    assert len(stalled.requests) == 1


def test_the_deadline_of_a_wait_limits_the_request_in_flight(
    client: Caller, stalled: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "FINAL_POLL_TIMEOUT", 0.2)
    client.settings["timeout"] = 9999
    with pytest.raises(WaitTimeout) as caught:
        client.wait(timeout=0)
    assert isinstance(caught.value.last_error, ConnectionTimeout)
    assert len(stalled.requests) == 1


def test_a_poll_that_stalls_is_repeated(client: Caller, server: Server) -> None:
    client.settings["timeout"] = 0.2
    server.script(server.stall(), finished())
    assert client.wait().id == "task-1"


def test_a_slow_response_within_the_timeout_is_returned(client: Caller, server: Server) -> None:
    server.script(server.slow(task("running"), 0.1), response(500))
    assert client.get().status == "running"
