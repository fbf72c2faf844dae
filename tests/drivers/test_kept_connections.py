"""A connection that holds anything but the response is never used again, and a kept one may break unnoticed."""

from __future__ import annotations

import inspect
import json
import socket
import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import anyio
import pytest

from meshapi_video import APIError, AsyncVideoClient, ConnectionFailed, InvalidResponse
from meshapi_video._async.network import _WholeReads  # pyright: ignore[reportPrivateUsage] - anyio calls it
from meshapi_video._transport.generated import ExpectedResponse
from meshapi_video._transport.user_client import shut_down_connection
from support.clients import KEY, Caller, Kind
from support.http_library import httpx
from support.many_tasks import LONG, QUICK, RealClock
from support.server import Response, Server, close, finished, http, raw, reset, response, task

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


def after_a_whole_read(connection: socket.socket, body: bytes) -> None:
    """The response has exactly the bytes that anyio reads at once, and the next one follows in the same segment."""
    size = 65_536
    head = http(200, body.ljust(size)).removesuffix(body.ljust(size))
    connection.sendall(http(200, body.ljust(size - len(head))) + NOT_FOUND)


SURPLUS = {
    "another response after a whole read": after_a_whole_read,
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


def test_a_connection_that_the_server_says_it_closes_is_not_used_again(kind: Kind, server: Server) -> None:
    def with_an_announcement(connection: socket.socket, body: bytes) -> None:
        connection.sendall(http(200, body).replace(b"\r\n", b"\r\nConnection: close\r\n", 1))

    connections = CountedConnections(server, with_an_announcement)
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


def test_a_kept_connection_over_tls_is_used_again(kind: Kind, tls_server: Server) -> None:
    connections = CountedConnections(tls_server, sent_with(b""))
    assert Caller(kind, tls_server.base_url, RealClock()).run(results_of) == dict.fromkeys(TASKS)
    assert list(connections.requests.values()) == [len(TASKS)]


def test_the_end_of_sending_reaches_the_server(server: Server) -> None:
    async def main() -> None:
        server.script(task())
        host, port = server.base_url.removeprefix("http://").split(":")
        async with await anyio.connect_tcp(host, int(port)) as stream:
            whole = _WholeReads(stream)
            await whole.send_eof()
            with pytest.raises(anyio.EndOfStream):
                await whole.receive()

    anyio.run(main)


def test_a_second_response_through_a_proxy_closes_the_connection(
    kind: Kind, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.base_url)
    connections = CountedConnections(server, sent_with(NOT_FOUND))
    caller = Caller(kind, "http://api.example", RealClock(), {"private_hosts": ["http://api.example"]})
    assert caller.run(results_of) == dict.fromkeys(TASKS)
    assert list(connections.requests.values()) == [1] * len(TASKS)


def test_a_response_too_many_that_arrives_a_moment_later_closes_the_connection(client: Caller, server: Server) -> None:
    received, sent = threading.Event(), threading.Event()

    def later(connection: socket.socket, body: bytes) -> None:
        connection.sendall(http(200, body))
        received.wait(LONG)
        received.clear()
        connection.sendall(NOT_FOUND)
        sent.set()

    async def body(client: AsyncVideoClient) -> None:
        for task_id in TASKS:
            assert (await client.get(task_id)).id == task_id
            received.set()
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


@pytest.mark.parametrize(("status", "is_kept"), [(404, False), (401, False), (429, True), (503, True)])
def test_the_connection_of_an_error_that_ends_a_wait_is_not_used_again(
    client: Caller, server: Server, status: int, *, is_kept: bool
) -> None:
    # A late response to another request may look like the error.
    connections = list[socket.socket]()

    def respond(connection: socket.socket) -> bool:
        connections.append(connection)
        return response(status)(connection)

    async def body(client: AsyncVideoClient) -> None:
        for _ in range(2):
            with pytest.raises(APIError):
                await client.get("task-1")

    client.settings["max_retries"] = 0
    server.script(respond)
    client.run(body)
    assert (connections[0] is connections[1]) == is_kept


def test_only_the_broken_one_of_the_kept_connections_of_aiohttp_is_closed(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshapi_video._async.session.HAS_AIOHTTP", True)
    open_connections = set[socket.socket]()
    all_arrived = threading.Barrier(5)

    def together(connection: socket.socket) -> bool:
        open_connections.add(connection)
        all_arrived.wait(LONG)
        return task()(connection)

    def broken(connection: socket.socket) -> bool:
        open_connections.discard(connection)
        return False

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=server.base_url) as client:
            async with anyio.create_task_group() as group:
                for _ in range(5):
                    group.start_soon(client.get, "task-1")
            server.script(*server.responses, broken, task())
            await client.get("task-1")
            assert len(server.requests) == 7
            await anyio.sleep(0.02)
            # The event loop would have seen the end of the others.
            assert all(_is_open(connection) for connection in open_connections)

    server.script(*[together] * 5)
    anyio.run(main)


def _is_open(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except BlockingIOError:
        return True


def test_the_connection_of_an_invalid_response_over_http_2_stays_open_for_other_requests() -> None:
    class Stream:
        def get_extra_info(self, _info: str) -> socket.socket:
            raise AssertionError("the socket is used")

    for version, is_used in ((b"HTTP/2", False), (b"HTTP/1.1", True)):
        found = httpx.Response(200, extensions={"http_version": version, "network_stream": Stream()})
        with pytest.raises(AssertionError) if is_used else nullcontext():
            shut_down_connection(found)


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
            sent = session.request("post", "/v1/video/generations")
            if inspect.isawaitable(sent):
                await sent

    client.user_client = user_client
    server.script(task(), close)
    with pytest.raises(ConnectionFailed):
        client.run(body)
    assert [request.method for request in server.requests] == ["POST", "POST"]
