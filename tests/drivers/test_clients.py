"""How clients open, share and close connections, and where they send the key."""

from __future__ import annotations

import gc
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest

from meshapi_video import (
    AsyncVideoClient,
    ConnectionFailed,
    ConnectionTimeout,
    MeshVideoError,
    VideoClient,
    WaitTimeout,
)
from meshapi_video._async.session import has_aiohttp
from meshapi_video._settings import CAPACITY
from support.clients import KEY, Caller, Kind
from support.many_tasks import LONG, eventually, eventually_async
from support.server import Server, task


@pytest.mark.parametrize("polls", [0, 1])
def test_a_closed_client_sends_nothing_and_leaves_nothing_open(kind: Kind, server: Server, polls: int) -> None:
    server.script(task())

    async def body(client: AsyncVideoClient) -> None:
        for _ in range(polls):
            await client.get("task-1")
        await client.close()
        with pytest.raises(RuntimeError, match="closed"):
            await client.get("task-1")

    Caller(kind, server.base_url).run(body)
    assert len(server.requests) == polls
    # An open connection would warn here.
    gc.collect()


def test_tls_works_and_the_timeout_limits_it(kind: Kind, tls_server: Server) -> None:
    client = Caller(kind, tls_server.base_url, settings={"timeout": 0.5, "max_retries": 0})
    tls_server.script(task("running"), tls_server.stall())
    assert client.get().status == "running"
    with pytest.raises(ConnectionTimeout, match="no complete response"):
        client.get()
    # An open connection would warn here.
    gc.collect()


def test_an_untrusted_certificate_is_refused(kind: Kind, tls_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ConnectionFailed, match=r"(?i)certificate"):
        Caller(kind, tls_server.base_url, settings={"max_retries": 0}).get()
    assert tls_server.requests == []


def test_the_proxy_of_the_environment_is_used(kind: Kind, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.base_url)
    server.script(task("running"))
    assert (
        Caller(kind, "http://api.example:8080", settings={"private_hosts": ["http://api.example"]}).get().status
        == "running"
    )
    assert server.requests[0].target == "http://api.example:8080/v1/video/generations/task-1"


def test_requests_beyond_the_capacity_wait_for_a_free_connection(server: Server, backend: str) -> None:
    server.script(server.slow(task(), 0.01))
    count = 2 * CAPACITY + 1
    statuses = list[str]()

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=server.base_url) as client:

            async def get() -> None:
                statuses.append((await client.get("task-1")).status)

            async with anyio.create_task_group() as group:
                for _ in range(count):
                    group.start_soon(get)

    anyio.run(main, backend=backend)
    assert statuses == ["running"] * count
    assert 1 < server.max_in_flight <= CAPACITY


def test_a_poll_without_a_free_connection_says_so_and_does_not_blame_the_server(
    server: Server, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshapi_video._polling.state.FINAL_POLL_TIMEOUT", 0.1)
    server.script(server.stall())

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=server.base_url) as client, anyio.create_task_group() as group:
            for _ in range(CAPACITY):
                group.start_soon(client.get, "task-1")
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(WaitTimeout) as caught:
                await client.wait("task-1", timeout=0)
            assert isinstance(caught.value.last_error, ConnectionFailed)
            assert "no free connection within 0.1 s: 250 requests are in flight" in str(caught.value.last_error)
            assert caught.value.polls == 0
            group.cancel_scope.cancel()

    anyio.run(main, backend=backend)


def test_ctrl_c_during_a_sleep_ends_the_wait_at_once(server: Server) -> None:
    server.script(task())

    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    with VideoClient(KEY, base_url=server.base_url) as client:
        client._sleep = interrupted
        with pytest.raises(KeyboardInterrupt):
            client.wait("task-1")
    assert len(server.requests) == 1


@pytest.mark.parametrize("file", ["missing.pem", "empty.pem"])
def test_certificate_authorities_that_cannot_be_loaded_are_an_error(
    kind: Kind, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty.pem").touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / file))
    with pytest.raises(MeshVideoError, match=r"SSL_CERT_FILE names .*, which cannot be loaded: "):
        Caller(kind, "https://api.example").get()


def test_a_handshake_that_stalls_leaves_no_open_connection_in_its_error(kind: Kind) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stalling:
        stalling.settimeout(LONG)
        url = f"https://127.0.0.1:{stalling.getsockname()[1]}"
        with pytest.raises(ConnectionTimeout) as kept:
            Caller(kind, url, settings={"timeout": 0.3, "max_retries": 0}).get()
        connection, _ = stalling.accept()
        with connection:
            connection.settimeout(LONG / 4)
            while connection.recv(65536):
                pass
    assert "no complete response" in str(kept.value)


def test_close_closes_every_connection_during_a_cancellation(server: Server, backend: str) -> None:
    connections = list[socket.socket]()

    def respond(connection: socket.socket) -> bool:
        connections.append(connection)
        eventually(lambda: len(connections) >= 4)
        return task()(connection)

    server.script(respond)

    async def main() -> None:
        with anyio.CancelScope() as scope:
            async with AsyncVideoClient(KEY, base_url=server.base_url) as client:
                async with anyio.create_task_group() as group:
                    for _ in range(4):
                        group.start_soon(client.get, "task-1")
                scope.cancel()
        await eventually_async(lambda: all(connection.fileno() < 0 for connection in connections))

    anyio.run(main, backend=backend)
    assert len(connections) == 4


def test_a_forked_process_opens_its_own_connections(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    connections = list[socket.socket]()

    def respond(connection: socket.socket) -> bool:
        connections.append(connection)
        return task()(connection)

    server.script(respond)
    with VideoClient(KEY, base_url=server.base_url) as client:
        client.get("task-1")
        client.get("task-1")
        transport_of_the_parent = client._session.open()
        monkeypatch.setattr("meshapi_video._sync.session.os", SimpleNamespace(getpid=lambda: -1))
        client.get("task-1")
        transport_of_the_parent.close()
    assert connections[0] is connections[1]
    assert connections[2] is not connections[0]
    assert client._session.is_closed


@pytest.mark.parametrize("found", [None, SimpleNamespace(IS_NEW_ENOUGH=False)])
def test_without_the_extra_or_with_an_old_aiohttp_aiohttp_is_not_used(
    found: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None makes the import fail.
    monkeypatch.setitem(sys.modules, "meshapi_video._async.aiohttp", found)
    assert not has_aiohttp()
