"""No answer, however slow, holds a call longer than it may: real sockets, and moments of real time."""

from __future__ import annotations

import pytest

from meshapi_video import ConnectionFailed, WaitTimeout
from meshapi_video import _polling as polling
from support.clients import Caller
from support.server import Server, answer, finished, http, task

TASK = http(200, b'{"id": "task-1", "status": "running"}')
HEADERS_ONLY = TASK.partition(b"{")[0]


@pytest.fixture(params=["nothing", "headers only", "half a body", "headers drip", "body drips"])
def stalled(request: pytest.FixtureRequest, server: Server) -> Server:
    """A server that never finishes its answer."""
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
    with pytest.raises(ConnectionFailed, match=r"no whole answer from http://127\.0\.0\.1:\d+ within 0\.2 s"):
        client.get()
    assert len(stalled.requests) == 1


def test_the_deadline_of_a_wait_bounds_the_request_under_way(
    client: Caller, stalled: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "LAST_LOOK", 0.2)
    client.settings["timeout"] = 9999
    with pytest.raises(WaitTimeout) as caught:
        client.wait(timeout=0)
    assert isinstance(caught.value.last_error, ConnectionFailed)
    assert len(stalled.requests) == 1


def test_a_stalled_look_is_only_a_miss(client: Caller, server: Server) -> None:
    client.settings["timeout"] = 0.2
    server.script(server.stall(), finished())
    assert client.wait().id == "task-1"


def test_a_slow_answer_within_its_time_is_an_answer(client: Caller, server: Server) -> None:
    server.script(server.slow(task("running"), 0.1), answer(500))
    assert client.get().status == "running"
