"""How the connections are kept that looks are sent over, where they are httpcore's."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest

from meshapi_video._config import ApiKey, Config
from meshapi_video._connections import AsyncConnections, Connections
from meshapi_video._prepared import Prepared
from meshapi_video._transport import tls_context
from support.by_id import LONG, eventually, eventually_so
from support.clients import KEY, Kind
from support.server import Server, task

PATH = "/v1/video/generations/task-1"


@pytest.fixture(params=["sync", "asyncio", "trio"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Without the driver over aiohttp, which keeps connections of its own."""
    kind: Kind = request.param
    return kind


@pytest.fixture
def prepared(server: Server) -> Prepared:
    return Prepared(Config.resolve(ApiKey(KEY), server.base_url, timeout=LONG, max_retries=0))


class Crowd:
    """So many looks at once, none of which is answered before `go_on`, and the connections they came over."""

    def __init__(self, kind: Kind, server: Server, prepared: Prepared) -> None:
        self.kind = kind
        self.prepared = prepared
        self.seen = list[socket.socket]()
        self.go_on = threading.Event()
        server.script(self.answer)

    def answer(self, connection: socket.socket) -> bool:
        self.seen.append(connection)
        self.go_on.wait(LONG)
        return task("running")(connection)

    @property
    def left_open(self) -> int:
        return sum(connection.fileno() >= 0 for connection in self.seen)

    def comes(self, looks: int, *, left: int, closed_meanwhile: bool = False) -> list[int]:
        """The statuses of the answers, after which so many connections should be left."""
        tls = tls_context("http://")
        if self.kind == "sync":
            connections = Connections(self.prepared, tls, None)
            with ThreadPoolExecutor(looks) as pool:
                sent = [pool.submit(connections.send, "get", PATH) for _ in range(looks)]
                eventually(lambda: len(self.seen) == looks)
                if closed_meanwhile:
                    connections.close()
                self.go_on.set()
                statuses = [answer.result(LONG).status_code for answer in sent]
            eventually(lambda: self.left_open == left)
            connections.close()
            return statuses
        statuses = list[int]()

        async def main() -> None:
            connections = AsyncConnections(self.prepared, tls, None)

            async def one() -> None:
                statuses.append((await connections.send("get", PATH)).status_code)

            async with anyio.create_task_group() as group:
                for _ in range(looks):
                    group.start_soon(one)
                await eventually_so(lambda: len(self.seen) == looks)
                if closed_meanwhile:
                    await connections.aclose()
                self.go_on.set()
            await eventually_so(lambda: self.left_open == left)
            await connections.aclose()

        anyio.run(main, backend=self.kind)
        return statuses


@pytest.fixture
def crowd(kind: Kind, server: Server, prepared: Prepared) -> Crowd:
    return Crowd(kind, server, prepared)


def test_after_a_crowd_all_connections_are_kept_that_may_be_of_use(crowd: Crowd) -> None:
    assert crowd.comes(4, left=4) == [200] * 4


def test_those_that_were_idle_for_too_long_are_closed(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshapi_video._sockets.KEPT", 0.0)
    assert crowd.comes(4, left=1) == [200] * 4


def test_looks_under_way_when_all_is_closed_are_answered_and_leave_no_connection(crowd: Crowd) -> None:
    assert crowd.comes(4, left=0, closed_meanwhile=True) == [200] * 4
