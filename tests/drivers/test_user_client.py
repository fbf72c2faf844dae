"""Requests through the user's own httpx client have the same results, whatever its hooks and transports are."""

from __future__ import annotations

import gzip
import json
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from meshapi_video import (
    APIError,
    AsyncVideoClient,
    AuthenticationError,
    ConnectionTimeout,
    InvalidResponse,
    MeshVideoError,
    VideoClient,
    VideoTaskResponse,
    WaitTimeout,
)
from support.clients import KEY, Caller, Kind
from support.http_library import httpx
from support.marks import unclosed_generators
from support.server import Server, raw, response, serving, task, task_json


def get(kind: Kind, base_url: str, **user_client: Any) -> VideoTaskResponse:  # noqa: ANN401
    """One poll through a user's client with these arguments of httpx's."""
    return Caller(kind, base_url, settings={"max_retries": 0}, user_client=user_client).get()


def hooks(kind: Kind, *actions: str) -> dict[str, list[Any]]:
    """Hooks that do these things to every response, one after the other."""

    async def consume(response: httpx.Response) -> None:
        async for _ in response.aiter_raw():
            pass

    async def check(response: httpx.Response) -> None:
        response.raise_for_status()

    def consume_blocking(response: httpx.Response) -> None:
        for _ in response.iter_raw():
            pass

    blocking = {"read": httpx.Response.read, "consume": consume_blocking, "raise": httpx.Response.raise_for_status}
    awaited = {"read": httpx.Response.aread, "consume": consume, "raise": check}
    return {"response": [(blocking if kind == "sync" else awaited)[action] for action in actions]}


def test_a_user_client_is_used_and_neither_changed_nor_closed(kind: Kind, server: Server) -> None:
    server.script(task("running"))
    # `Caller` compares the user's client before the SDK's client is created and after it is closed.
    client = Caller(kind, server.base_url, user_client={"headers": {"x-mine": "1"}, "auth": ("me", "secret")})
    assert client.get("task-1").status == "running"
    (request,) = server.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"


def test_clients_that_share_a_user_client_each_send_their_own_key(server: Server) -> None:
    server.script(task())
    with httpx.Client() as http_client:
        clients = [VideoClient(key, base_url=server.base_url, http_client=http_client) for key in ("rsk_1", "rsk_2")]
        for client in (*clients, clients[0]):
            client.get("task-1")
    sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Bearer rsk_1", "Bearer rsk_2", "Bearer rsk_1"]


def test_a_mock_transport_works_like_a_server(kind: Kind) -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=task_json("running", seed=7))

    assert get(kind, "https://api.example", transport=httpx.MockTransport(handler)).seed == 7


@pytest.mark.parametrize("actions", [(), ("read",), ("raise",), ("read", "raise")])
def test_a_hook_that_reads_or_checks_a_response_changes_nothing(
    kind: Kind, server: Server, actions: tuple[str, ...]
) -> None:
    body = gzip.compress(json.dumps(task_json("running", seed=7)).encode())
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n"
    server.script(raw(head + chunked))
    assert get(kind, server.base_url, event_hooks=hooks(kind, *actions)).seed == 7


@pytest.mark.parametrize("actions", [("raise",), ("read", "raise")])
def test_an_error_that_a_hook_raises_becomes_a_typed_error(
    kind: Kind, server: Server, actions: tuple[str, ...]
) -> None:
    server.script(response(401, {"error": {"code": "unauthorized", "message": "Who?"}}))
    with pytest.raises(AuthenticationError) as caught:
        get(kind, server.base_url, event_hooks=hooks(kind, *actions))
    # httpx closes a response that was not read before the hook raised.
    assert caught.value.message == ("Who?" if "read" in actions else "Unauthorized")


def test_a_hook_that_consumes_the_response_is_named_in_the_error(kind: Kind, server: Server) -> None:
    server.script(task())
    with pytest.raises(MeshVideoError, match=r"task task-1: a hook of the http_client consumed the resp") as caught:
        get(kind, server.base_url, event_hooks=hooks(kind, "consume"))
    assert caught.value.__context__ is None


def test_a_user_client_that_follows_redirects_does_not_follow_them_for_the_sdk(kind: Kind, server: Server) -> None:
    with serving() as other:
        other.script(task())
        server.script(response(308, b"", location=f"{other.base_url}/v1/video/generations/task-1"))
        with pytest.raises(APIError, match="which is not followed"):
            get(kind, server.base_url, follow_redirects=True)
        assert other.requests == []


@unclosed_generators
def test_a_response_that_was_not_read_completely_is_closed(kind: Kind, server: Server) -> None:
    server.script(response(200, b"not gzip" * 99_999, content_encoding="gzip"))
    responses = list[httpx.Response]()

    async def keep(response: httpx.Response) -> None:
        await anyio.lowlevel.checkpoint()
        responses.append(response)

    with pytest.raises(InvalidResponse, match="cannot be decompressed"):
        get(kind, server.base_url, event_hooks={"response": [responses.append if kind == "sync" else keep]})
    # The list keeps it alive, so the garbage collector has not closed it. Its connection is free again.
    assert [response.is_closed for response in responses] == [True]


def test_the_deadline_of_a_wait_limits_a_user_client(
    kind: Kind, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshapi_video._polling.state.FINAL_POLL_TIMEOUT", 0.2)
    server.script(server.stall())
    with pytest.raises(WaitTimeout):
        Caller(kind, server.base_url, settings={"timeout": 9999}, user_client={}).wait(timeout=0.0)


def test_the_timeout_limits_a_dripping_body_through_a_user_client(server: Server) -> None:
    server.script(server.drip(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n" + b" " * 999, every=0.01))
    client = Caller("sync", server.base_url, settings={"timeout": 0.6, "max_retries": 0}, user_client={})
    with pytest.raises(ConnectionTimeout, match=r"no complete response from .* within 0\.6 s"):
        client.get()


def test_other_coroutines_run_between_the_polls_of_a_client_that_never_pauses(backend: str) -> None:
    polled = list[str]()

    def respond(request: httpx.Request) -> httpx.Response:
        polled.append(request.url.path.rpartition("/")[2])
        return httpx.Response(200, json=task_json("failed", polled[-1]))

    async def record(counts: set[int]) -> None:
        while True:
            counts.add(len(polled))
            await anyio.lowlevel.checkpoint()

    async def main() -> set[int]:
        counts = set[int]()
        async with (
            httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http_client,
            anyio.create_task_group() as group,
        ):
            group.start_soon(record, counts)
            async with AsyncVideoClient(KEY, base_url="https://api.example", http_client=http_client) as client:
                ids = [f"t{number}" for number in range(50)]
                async for _ in client.wait_many(ids, max_in_flight=1):
                    pass
            group.cancel_scope.cancel()
        return counts

    assert len(anyio.run(main, backend=backend)) > 15
