"""How connections are kept for the next request, where they are httpcore's."""

from __future__ import annotations

import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest

from meshapi_video._async.connections import AsyncConnectionPool
from meshapi_video._settings import ApiKey, Settings
from meshapi_video._sync.connections import ConnectionPool
from meshapi_video._transport.request import RequestTemplate
from meshapi_video._transport.response import Response
from support.clients import KEY, Kind
from support.many_tasks import LONG, eventually, eventually_async
from support.server import Server, task


@pytest.fixture(params=["sync", "asyncio", "trio"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Every kind but aiohttp, which keeps connections of its own."""
    kind: Kind = request.param
    return kind


def accept(_response: Response) -> None:
    """A check that finds nothing wrong."""


class SimultaneousRequests:
    """Sends requests at the same time, which get their responses at the same time."""

    def __init__(self, kind: Kind, server: Server) -> None:
        self.kind = kind
        self.settings = Settings.resolve(ApiKey(KEY), server.base_url, timeout=LONG, max_retries=0)
        self.template = RequestTemplate(self.settings)
        self.request = self.template.build("get", "/v1/video/generations/task-1")
        self.connections = list[socket.socket]()
        self.may_respond = threading.Event()
        server.script(self.respond)

    def respond(self, connection: socket.socket) -> bool:
        self.connections.append(connection)
        self.may_respond.wait(LONG)
        return task("running")(connection)

    @property
    def open_connections(self) -> int:
        return sum(connection.fileno() >= 0 for connection in self.connections)

    def send(self, count: int, *, left_open: int, close_meanwhile: bool = False) -> list[int]:
        """The statuses of the responses. Waits until `left_open` connections are open afterwards."""
        if self.kind == "sync":
            return self._send_blocking(count, left_open, close_meanwhile=close_meanwhile)
        statuses = list[int]()

        async def main() -> None:
            pool = AsyncConnectionPool(self.template, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), None)

            async def send_one() -> None:
                statuses.append((await pool.send(self.request, accept)).status_code)

            async with anyio.create_task_group() as group:
                for _ in range(count):
                    group.start_soon(send_one)
                await eventually_async(lambda: len(self.connections) == count)
                if close_meanwhile:
                    await pool.aclose()
                self.may_respond.set()
            await eventually_async(lambda: self.open_connections == left_open)
            await pool.aclose()

        anyio.run(main, backend=self.kind)
        return statuses

    def _send_blocking(self, count: int, left_open: int, *, close_meanwhile: bool) -> list[int]:
        pool = ConnectionPool(self.template, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), None)
        with ThreadPoolExecutor(count) as threads:
            sent = [threads.submit(pool.send, self.request, accept) for _ in range(count)]
            eventually(lambda: len(self.connections) == count)
            if close_meanwhile:
                pool.close()
            self.may_respond.set()
            statuses = [response.result(LONG).status_code for response in sent]
        eventually(lambda: self.open_connections == left_open)
        pool.close()
        return statuses


@pytest.fixture
def requests(kind: Kind, server: Server) -> SimultaneousRequests:
    return SimultaneousRequests(kind, server)


def test_the_connections_of_simultaneous_requests_are_kept(requests: SimultaneousRequests) -> None:
    assert requests.send(4, left_open=4) == [200] * 4


def test_expired_connections_are_closed(requests: SimultaneousRequests, monkeypatch: pytest.MonkeyPatch) -> None:
    for side in ("_sync", "_async"):
        monkeypatch.setattr(f"meshapi_video.{side}.network.KEEPALIVE_EXPIRY", 0.0)
    assert requests.send(4, left_open=1) == [200] * 4


def test_requests_in_flight_at_close_get_their_responses_and_leave_no_connection(
    requests: SimultaneousRequests,
) -> None:
    assert requests.send(4, left_open=0, close_meanwhile=True) == [200] * 4
