"""A create sends one request, and a second one only if it is certain that the first one made no task."""

from __future__ import annotations

import json
import logging
import socket
import threading
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from meshapi_video import (
    APIError,
    AuthenticationError,
    ConnectionFailed,
    CreatedTask,
    CreateUncertain,
    RateLimitedError,
    RequestRejectedError,
    first_frame,
)
from meshapi_video._create import items
from meshapi_video._create.media import Inspected, data_uri
from support.clients import Caller, Kind
from support.http_library import httpx
from support.marks import unclosed_generators
from support.server import Response, Server, close, finished, http, reset, reset_after, response, serving, task

MODEL = "byteplus/dreamina-seedance-2-0"
BOTH_CLIENTS = pytest.mark.parametrize("user_client", [None, {"trust_env": False}], ids=["own", "user client"])


def create(client: Caller, **arguments: Any) -> CreatedTask:  # noqa: ANN401
    return client.run(lambda each: each.create(MODEL, "a lake at sunrise", **arguments))


@pytest.fixture
def client(kind: Kind, server: Server, user_client: dict[str, Any] | None) -> Caller:
    return Caller(kind, server.base_url, user_client=user_client)


@pytest.fixture
def user_client() -> dict[str, Any] | None:
    return None


CREATED = response(200, {"id": "t-1"})


@BOTH_CLIENTS
def test_a_create_returns_the_task_at_once(client: Caller, server: Server) -> None:
    server.script(CREATED)
    created = create(client, duration=5)
    [request] = server.requests
    assert (request.method, request.target) == ("POST", "/v1/video/generations")
    body = json.loads(request.body)
    assert body["model"] == MODEL
    assert body["content"] == [{"type": "text", "text": "a lake at sunrise"}]
    assert body["duration"] == 5
    assert (created.id, created.request_id) == ("t-1", request.headers["x-request-id"])


def test_an_event_loop_does_not_wait_for_files(
    client: Caller, server: Server, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.script(CREATED)
    threads = list[threading.Thread]()

    def record(source: Path | bytes, inspected: Inspected) -> str:
        threads.append(threading.current_thread())
        return data_uri(source, inspected)

    monkeypatch.setattr(items, "data_uri", record)
    create(client, content=[first_frame(b"\x89PNG\r\n\x1a\n")])
    assert (threads == [threading.current_thread()]) is (kind == "sync")


@BOTH_CLIENTS
def test_a_large_body_arrives_whole(client: Caller, server: Server) -> None:
    server.script(CREATED)
    image = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8_000
    create(client, content=[first_frame(image)])
    [request] = server.requests
    url = json.loads(request.body)["content"][1]["image_url"]["url"]
    assert b64decode(url.partition(",")[2]) == image
    assert "transfer-encoding" not in request.headers
    assert request.headers["content-type"] == "application/json"


def test_each_create_has_a_request_id_of_its_own(client: Caller, server: Server) -> None:
    server.script(CREATED)
    first, second = create(client), create(client)
    assert first.request_id != second.request_id


# Each leaves open whether the server made a task.
UNCLEAR: dict[str, Response] = {
    "a reset": reset,
    "a closed connection": close,
    "half a head": reset_after(b"HTTP/1.1 200 OK\r\ncontent-le"),
    "half a body": reset_after(b'HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{"id":'),
    "no JSON": response(200, b"<html>Welcome</html>", content_type="text/html"),
    "no id": response(200, {"task": "t-1"}),
    "an id that is none": response(200, {"id": "../.."}),
    "202": response(202, {"id": "t-1"}),
    "408": response(408, {"error": {"code": "timeout", "message": "late"}}),
    "500": response(500, {"error": {"code": "internal_error", "message": "broken"}}),
    "502": response(502, b"<html>Bad gateway</html>", content_type="text/html"),
    "503 with Retry-After": response(503, {"error": None}, retry_after="1"),
    "504": response(504, {"error": {"code": "gateway_timeout", "message": "late"}}),
}


@BOTH_CLIENTS
@pytest.mark.parametrize("unclear", UNCLEAR.values(), ids=UNCLEAR.keys())
def test_nothing_is_sent_again_after_an_unclear_response(client: Caller, server: Server, unclear: Response) -> None:
    server.script(unclear, CREATED)
    with pytest.raises(CreateUncertain) as caught:
        create(client)
    [request] = server.requests
    assert caught.value.request_id == request.headers["x-request-id"]
    assert caught.value.request_id in str(caught.value)


@BOTH_CLIENTS
def test_nothing_is_sent_again_after_a_response_that_comes_too_late(
    kind: Kind, server: Server, user_client: dict[str, Any] | None
) -> None:
    server.script(server.stall())
    client = Caller(kind, server.base_url, settings={"timeout": 0.2}, user_client=user_client)
    with pytest.raises(CreateUncertain, match=r"no complete response from .* within 0.2 s"):
        create(client)
    assert len(server.requests) == 1


# Not over aiohttp: if a write fails, aiohttp reads no further, and sometimes has not read the response yet.
@pytest.mark.parametrize("driver", ["sync", "asyncio", "trio"], indirect=True)
@unclosed_generators
def test_a_refusal_is_raised_although_the_server_did_not_read_the_body(kind: Kind) -> None:
    refusal = http(413, b'{"error": {"code": "too_large", "message": "too large"}}', connection="close")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(refusal)

        thread = threading.Thread(target=refuse)
        thread.start()
        client = Caller(kind, f"http://127.0.0.1:{listener.getsockname()[1]}")
        # More than the system takes before the server reads.
        large = first_frame(b"\x89PNG\r\n\x1a\n".ljust(8_000_000))
        with pytest.raises(APIError, match=r"HTTP 413 too_large: too large\. No task was made"):
            create(client, content=[large])
        thread.join()


@BOTH_CLIENTS
def test_a_refusal_is_raised_and_nothing_is_sent_again(client: Caller, server: Server) -> None:
    problem = {"loc": ["body", "duration"], "msg": "too long", "type": "value_error"}
    for status, body, error_type in (
        (401, {"error": {"code": "unauthorized", "message": "no"}}, AuthenticationError),
        (422, {"detail": [problem]}, RequestRejectedError),
        (307, {}, APIError),
    ):
        server.requests.clear()
        server.script(response(status, body))
        with pytest.raises(error_type) as caught:
            create(client)
        assert len(server.requests) == 1
        assert caught.value.request_id == server.requests[0].headers["x-request-id"]


@BOTH_CLIENTS
def test_a_create_is_sent_again_after_429_and_makes_one_task(client: Caller, server: Server) -> None:
    server.script(response(429, {}, retry_after="3"), CREATED)
    assert create(client).id == "t-1"
    first, second = server.requests
    assert first.headers["x-request-id"] == second.headers["x-request-id"]
    assert client.clock.now >= 3


def test_429_is_raised_after_the_last_retry(client: Caller, server: Server) -> None:
    server.script(response(429, {}))
    with pytest.raises(RateLimitedError):
        create(client)
    assert len(server.requests) == 3


@BOTH_CLIENTS
def test_a_create_is_tried_again_while_no_connection_can_be_made(
    kind: Kind, user_client: dict[str, Any] | None, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(down=True) as server, caplog.at_level(logging.DEBUG, "meshapi_video.tasks"):
        client = Caller(kind, server.base_url, user_client=user_client)
        with pytest.raises(ConnectionFailed, match="request create-") as caught:
            create(client)
    assert not isinstance(caught.value, CreateUncertain)
    assert len([line for line in caplog.messages if "made no task" in line]) == 2
    assert all(caught.value.request_id in line for line in caplog.messages if caught.value.request_id)


def test_a_create_uses_no_kept_connection(client: Caller, server: Server) -> None:
    connections = list[int]()

    def count(connection: Any) -> bool:  # noqa: ANN401
        connections.append(id(connection))
        return task()(connection) if len(connections) == 1 else CREATED(connection)

    server.script(count)

    async def body(each: Any) -> None:  # noqa: ANN401
        await each.get("task-1")
        await each.create(MODEL, "a lake")

    client.run(body)
    assert len(server.requests) == 2
    assert connections[0] != connections[1]


def test_a_created_task_stands_wherever_an_id_can(client: Caller, server: Server) -> None:
    server.script(response(200, {"id": "task-1"}), finished())

    async def body(each: Any) -> None:  # noqa: ANN401
        created = await each.create(MODEL, "a lake")
        assert (await each.get(created)).id == "task-1"
        assert (await each.wait(created)).id == "task-1"
        assert [result.task_id async for result in each.wait_many([created])] == ["task-1"]
        assert [update.id async for update in each.updates(created)] == ["task-1"]

    client.run(body)


@pytest.mark.parametrize("failure", [httpx.ReadError("reset"), RuntimeError("a bug")])
def test_a_failure_of_a_users_own_transport_is_uncertain(kind: Kind, failure: Exception) -> None:
    def respond(_request: httpx.Request) -> httpx.Response:
        raise failure

    client = Caller(kind, "https://api.example", user_client={"transport": httpx.MockTransport(respond)})
    if isinstance(failure, httpx.ReadError):
        with pytest.raises(CreateUncertain):
            create(client)
        return
    with pytest.raises(RuntimeError) as caught:
        create(client)
    assert "a task may have been made" in " ".join(caught.value.__notes__)


@pytest.mark.parametrize("failure", [httpx.ConnectError, httpx.ConnectTimeout])
def test_a_users_own_transport_that_reports_no_steps_may_have_sent_the_request(
    kind: Kind, failure: type[httpx.TransportError]
) -> None:
    attempts = 0

    # A transport over aiohttp raises these two when the server closes the connection after the request.
    def respond(_request: httpx.Request) -> httpx.Response:
        nonlocal attempts
        attempts += 1
        raise failure("Server disconnected")

    client = Caller(kind, "https://api.example", user_client={"transport": httpx.MockTransport(respond)})
    with pytest.raises(CreateUncertain):
        create(client)
    assert attempts == 1


def test_a_users_own_transport_without_a_free_connection_made_no_task(kind: Kind) -> None:
    attempts = 0

    def respond(_request: httpx.Request) -> httpx.Response:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise httpx.PoolTimeout("no free connection")
        return httpx.Response(200, json={"id": "t-1"})

    client = Caller(kind, "https://api.example", user_client={"transport": httpx.MockTransport(respond)})
    assert create(client).id == "t-1"
    assert attempts == 2
