"""A connection that holds anything but the response is never used again, and a kept one may break unnoticed."""

from __future__ import annotations

import inspect
import json
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from meshapi_video import AsyncVideoClient, ConnectionFailed, InvalidResponse
from meshapi_video._transport.generated import ExpectedResponse
from support.clients import Caller, Kind
from support.many_tasks import LONG, QUICK, RealClock
from support.server import Response, Server, close, finished, http, raw, reset, task

NOT_FOUND = http(404, b'{"error": {"code": "not_found", "message": "no such task"}}')
TASKS = [f"t{number}" for number in range(5)]
BOTH_CLIENTS = pytest.mark.parametrize("user_client", [None, {}], ids=["own client", "user client"])


class CountedConnections:
    """Sends each task the response that `finish` makes of its body, and counts the requests of each connection."""

    def __init__(self, server: Server, finish: Callable[[socket.socket, bytes], None]) -> None:
        self.requests = dict[socket.socket, int]()
        self._server = server
        self._finish = finish
        server.script(self)

    def __call__(self, connection: socket.socket) -> bool:
        self.requests[connection] = self.requests.get(connection, 0) + 1
        task_id = self._server.requests[-1].target.rpartition("/")[2]
        video = b'{"id": "%s", "status": "succeeded", "content": {"video_url": "https://cdn.example/v"}}'
        self._finish(connection, video % task_id.encode())
        return True


def sent_with(surplus: bytes) -> Callable[[socket.socket, bytes], None]:
    return lambda connection, body: connection.sendall(http(200, body) + surplus)


def too_short(connection: socket.socket, body: bytes) -> None:
    """The content length ends before a space and a letter that follow the JSON."""
    connection.sendall(http(200, body) + b" x")


SURPLUS = {
    "another response": sent_with(NOT_FOUND),
    "the head of another response": sent_with(NOT_FOUND[:30]),
    "line breaks": sent_with(b"\r\n\r\n"),
    "a body longer than its content-length": too_short,
}


async def results_of(client: AsyncVideoClient) -> dict[str, object]:
    """The task ids, and the errors of their waits, with one request in flight at a time."""
    async with client.wait_many(TASKS, timeout=LONG, poll=QUICK, max_in_flight=1) as results:
        return {result.task_id: result.error async for result in results}


@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
@pytest.mark.parametrize("surplus", SURPLUS)
def test_a_connection_that_holds_more_than_the_response_is_not_used_again(
    kind: Kind, server: Server, surplus: str
) -> None:
    connections = CountedConnections(server, SURPLUS[surplus])
    assert Caller(kind, server.base_url, RealClock()).run(results_of) == dict.fromkeys(TASKS)
    assert list(connections.requests.values()) == [1] * len(TASKS)


# Over aiohttp too. It forgets bytes that are no whole response, and refuses a response that ends in a letter too many.
def test_a_connection_that_holds_a_second_response_is_not_used_again(real_time_client: Caller, server: Server) -> None:
    connections = CountedConnections(server, sent_with(NOT_FOUND))
    assert real_time_client.run(results_of) == dict.fromkeys(TASKS)
    assert list(connections.requests.values()) == [1] * len(TASKS)


def test_a_second_response_in_the_tls_layer_closes_the_connection(kind: Kind, tls_server: Server) -> None:
    def in_one_segment(connection: socket.socket, body: bytes) -> None:
        # Two records of TLS, which arrive together. Asynchronous code reads both, and decrypts the first.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        connection.sendall(http(200, body))
        connection.sendall(NOT_FOUND)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)

    connections = CountedConnections(tls_server, in_one_segment)
    assert Caller(kind, tls_server.base_url, RealClock()).run(results_of) == dict.fromkeys(TASKS)
    assert list(connections.requests.values()) == [1] * len(TASKS)


def test_a_second_response_through_a_proxy_closes_the_connection(
    kind: Kind, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.base_url)
    connections = CountedConnections(server, sent_with(NOT_FOUND))
    assert Caller(kind, "http://api.example", RealClock()).run(results_of) == dict.fromkeys(TASKS)
    assert list(connections.requests.values()) == [1] * len(TASKS)


def test_a_response_too_many_that_arrives_a_moment_later_closes_the_connection(client: Caller, server: Server) -> None:
    sent = threading.Event()

    def later(connection: socket.socket, body: bytes) -> None:
        connection.sendall(http(200, body))
        connection.sendall(NOT_FOUND)
        sent.set()

    async def body(client: AsyncVideoClient) -> None:
        for task_id in TASKS:
            assert (await client.get(task_id)).id == task_id
            assert sent.wait(LONG)
            sent.clear()

    connections = CountedConnections(server, later)
    client.run(body)
    assert list(connections.requests.values()) == [1] * len(TASKS)


@BOTH_CLIENTS
def test_a_response_about_another_task_closes_its_connection_and_the_task_is_polled_again(
    client: Caller, server: Server, user_client: dict[str, Any] | None
) -> None:
    connections = list[socket.socket]()

    def about(task_id: str) -> Response:
        def write(connection: socket.socket) -> bool:
            connections.append(connection)
            return task("running", task_id)(connection)

        return write

    client.user_client = user_client
    server.script(about("other"), about("task-1"))
    assert client.get("task-1").id == "task-1"
    assert connections[0] is not connections[1]


def test_a_server_that_only_responds_about_another_task_raises_an_invalid_response(
    client: Caller, server: Server
) -> None:
    server.script(task("succeeded", "other"))
    with pytest.raises(InvalidResponse, match="task task-1: the response is about another task"):
        client.get("task-1")
    assert len(server.requests) == 3


async def wait(client: AsyncVideoClient) -> int:
    """The number of polls of a wait."""
    updates = client.updates("task-1", timeout=LONG, poll=QUICK)
    async for _ in updates:
        pass
    return updates.token.polls


@BOTH_CLIENTS
@pytest.mark.parametrize("broken", [close, reset], ids=["closed", "reset"])
def test_a_kept_connection_that_breaks_without_a_response_is_no_failed_poll(
    client: Caller, server: Server, broken: Response, user_client: dict[str, Any] | None
) -> None:
    client.user_client = user_client
    server.script(task(), broken, finished())
    assert client.run(wait) == 2
    assert len(server.requests) == 3


@BOTH_CLIENTS
def test_a_poll_goes_out_at_most_once_more(client: Caller, server: Server, user_client: dict[str, Any] | None) -> None:
    client.user_client = user_client
    server.script(task(), close, close, finished())
    assert client.run(wait) == 3
    assert len(server.requests) == 4


# Not over aiohttp, which does not tell whether the beginning of a response had arrived.
@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
def test_a_kept_connection_that_breaks_within_the_response_is_a_failed_poll(kind: Kind, server: Server) -> None:
    server.script(task(), raw(b"HTTP/1.1 20"), finished())
    assert Caller(kind, server.base_url).run(wait) == 3
    assert len(server.requests) == 3


@BOTH_CLIENTS
def test_a_request_that_is_not_idempotent_never_goes_out_twice(
    client: Caller, server: Server, user_client: dict[str, Any] | None
) -> None:
    async def body(client: AsyncVideoClient) -> None:
        session = client._session.expecting(ExpectedResponse(json.loads))
        for _ in range(2):
            response = session.request("post", "/v1/video/generations")
            if inspect.isawaitable(response):
                await response

    client.user_client = user_client
    server.script(task(), close)
    with pytest.raises(ConnectionFailed):
        client.run(body)
    assert [request.method for request in server.requests] == ["POST", "POST"]
