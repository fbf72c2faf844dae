"""What a client opens it closes, what it borrows it leaves alone, and the key stays at home."""

from __future__ import annotations

import gc
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import anyio
import httpx
import pytest

from meshapi_video import AsyncVideoClient, ConnectionFailed, MeshVideoError, VideoClient, WaitTimeout
from meshapi_video._async_way import has_aiohttp
from meshapi_video._transport import CAPACITY
from support.by_id import LONG, eventually, eventually_so
from support.clients import KEY, Caller, Kind
from support.server import Server, task


def test_a_borrowed_client_is_sent_through_and_neither_changed_nor_closed(kind: Kind, server: Server) -> None:
    server.script(task("running"))
    if kind == "sync":
        with httpx.Client(headers={"x-mine": "1"}, auth=("me", "secret")) as borrowed:
            before = dict(borrowed.headers), borrowed.event_hooks
            with VideoClient(KEY, base_url=server.base_url, http_client=borrowed) as client:
                assert client.get("task-1").status == "running"
            assert not borrowed.is_closed
            assert (dict(borrowed.headers), borrowed.event_hooks) == before
    else:

        async def main() -> None:
            async with httpx.AsyncClient(headers={"x-mine": "1"}, auth=("me", "secret")) as borrowed:
                before = dict(borrowed.headers), borrowed.event_hooks
                async with AsyncVideoClient(KEY, base_url=server.base_url, http_client=borrowed) as client:
                    assert (await client.get("task-1")).status == "running"
                assert not borrowed.is_closed
                assert (dict(borrowed.headers), borrowed.event_hooks) == before

        anyio.run(main, backend=kind)
    (request,) = server.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"


def test_clients_that_share_a_borrowed_one_do_not_see_each_others_key(server: Server) -> None:
    server.script(task())
    with httpx.Client() as borrowed:
        clients = [VideoClient(key, base_url=server.base_url, http_client=borrowed) for key in ("rsk_1", "rsk_2")]
        for client in (*clients, clients[0]):
            client.get("task-1")
    sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Bearer rsk_1", "Bearer rsk_2", "Bearer rsk_1"]


def test_an_answer_that_drips_through_a_borrowed_client_is_bounded_too(server: Server) -> None:
    server.script(server.drip(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n" + b" " * 999, every=0.01))
    with (
        httpx.Client() as borrowed,
        VideoClient(KEY, base_url=server.base_url, http_client=borrowed, timeout=0.6, max_retries=0) as client,
        pytest.raises(ConnectionFailed, match="no whole answer"),
    ):
        client.get("task-1")


@pytest.mark.parametrize("looks", [0, 1])
def test_a_closed_client_looks_no_more_and_opens_nothing(kind: Kind, server: Server, looks: int) -> None:
    server.script(task())
    if kind == "sync":
        client = VideoClient(KEY, base_url=server.base_url)
        for _ in range(looks):
            client.get("task-1")
        client.close()
        with pytest.raises(RuntimeError, match="closed"):
            client.get("task-1")
    else:

        async def main() -> None:
            client = AsyncVideoClient(KEY, base_url=server.base_url)
            for _ in range(looks):
                await client.get("task-1")
            await client.close()
            with pytest.raises(RuntimeError, match="closed"):
                await client.get("task-1")

        anyio.run(main, backend=kind)
    assert len(server.requests) == looks
    # What was left open says so here.
    gc.collect()


def test_tls_is_spoken_and_bounded_by_the_timeout_as_well(kind: Kind, secure: Server) -> None:
    client = Caller(kind, secure.base_url, settings={"timeout": 0.5, "max_retries": 0})
    secure.script(task("running"), secure.stall())
    assert client.get().status == "running"
    with pytest.raises(ConnectionFailed, match="no whole answer"):
        client.get()
    # What was left open says so here.
    gc.collect()


def test_a_certificate_that_nobody_vouches_for_is_refused(
    kind: Kind, secure: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ConnectionFailed, match=r"(?i)certificate"):
        Caller(kind, secure.base_url, settings={"max_retries": 0}).get()
    assert secure.requests == []


def test_the_environments_proxy_is_asked(kind: Kind, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.base_url)
    server.script(task("running"))
    assert Caller(kind, "http://api.example:8080").get().status == "running"
    assert server.requests[0].target == "http://api.example:8080/v1/video/generations/task-1"


def test_many_requests_on_one_async_client_take_turns(server: Server, backend: str) -> None:
    server.script(server.slow(task(), 0.01))
    statuses = list[str]()

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=server.base_url) as client:

            async def look() -> None:
                statuses.append((await client.get("task-1")).status)

            async with anyio.create_task_group() as group:
                for _ in range(5 * CAPACITY):
                    group.start_soon(look)

    anyio.run(main, backend=backend)
    assert statuses == ["running"] * 5 * CAPACITY
    assert 1 < server.most_at_once <= CAPACITY


def test_a_look_that_gets_no_turn_says_so_and_blames_no_server(
    server: Server, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshapi_video._polling.LAST_LOOK", 0.1)
    server.script(server.stall())

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=server.base_url) as client, anyio.create_task_group() as group:
            for _ in range(CAPACITY):
                group.start_soon(client.get, "task-1")
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(WaitTimeout) as caught:
                await client.wait("task-1", timeout=0)
            assert isinstance(caught.value.last_error, ConnectionFailed)
            assert "no turn among the 250 requests under way within 0.1 s" in str(caught.value.last_error)
            assert caught.value.polls == 0
            group.cancel_scope.cancel()

    anyio.run(main, backend=backend)


def test_ctrl_c_in_a_wait_comes_through_at_once(server: Server) -> None:
    server.script(task())

    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    with VideoClient(KEY, base_url=server.base_url) as client:
        client._sleep = interrupted
        with pytest.raises(KeyboardInterrupt):
            client.wait("task-1")
    assert len(server.requests) == 1


@pytest.mark.parametrize("named", ["missing.pem", "empty.pem"])
def test_authorities_that_cannot_be_loaded_are_named(
    kind: Kind, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty.pem").touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / named))
    with pytest.raises(MeshVideoError, match=r"the certificates to trust cannot be loaded: .*SSL_CERT_FILE"):
        Caller(kind, "https://api.example").get()


def test_a_handshake_that_stalls_leaves_no_connection_with_the_error_that_tells_of_it(kind: Kind) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stalling:
        stalling.settimeout(LONG)
        address = f"https://127.0.0.1:{stalling.getsockname()[1]}"
        with pytest.raises(ConnectionFailed) as kept:
            Caller(kind, address, settings={"timeout": 0.3, "max_retries": 0}).get()
        connection, _ = stalling.accept()
        with connection:
            connection.settimeout(LONG / 4)
            while connection.recv(65536):
                pass
    assert "no whole answer" in str(kept.value)


def test_a_client_that_is_closed_while_all_is_cancelled_closes_every_connection(server: Server, backend: str) -> None:
    seen = list[socket.socket]()

    def reply(connection: socket.socket) -> bool:
        seen.append(connection)
        eventually(lambda: len(seen) >= 4)
        return task()(connection)

    server.script(reply)

    async def main() -> None:
        with anyio.CancelScope() as scope:
            async with AsyncVideoClient(KEY, base_url=server.base_url) as client:
                async with anyio.create_task_group() as group:
                    for _ in range(4):
                        group.start_soon(client.get, "task-1")
                scope.cancel()
        await eventually_so(lambda: all(connection.fileno() < 0 for connection in seen))

    anyio.run(main, backend=backend)
    assert len(seen) == 4


def test_a_forked_process_makes_connections_of_its_own(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = list[socket.socket]()

    def reply(connection: socket.socket) -> bool:
        seen.append(connection)
        return task()(connection)

    server.script(reply)
    with VideoClient(KEY, base_url=server.base_url) as client:
        client.get("task-1")
        client.get("task-1")
        parents, way = client._way.open(), client._way
        monkeypatch.setattr("meshapi_video._sync_way.os", SimpleNamespace(getpid=lambda: -1))
        client.get("task-1")
        parents[0].close()
    assert seen[0] is seen[1]
    assert seen[2] is not seen[0]
    assert way.is_closed


@pytest.mark.parametrize("found", [None, SimpleNamespace(IS_NEW_ENOUGH=False)])
def test_without_the_extra_or_with_too_old_an_aiohttp_it_is_not_used(
    found: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None makes the import fail.
    monkeypatch.setitem(sys.modules, "meshapi_video._aiohttp", found)
    assert not has_aiohttp()
