"""Every step of a blocking request gets no more time than is left, whatever its own timeout."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Generator
from types import SimpleNamespace
from typing import Any

import httpcore
import httpx
import pytest

from meshapi_video._deadline import request_deadline
from meshapi_video._sockets import DeadlineTransport
from support.server import Server, http


class Network(httpcore.SyncBackend):
    """Notes the time that each step is given."""

    def __init__(self) -> None:
        self.given: list[tuple[str, float | None]] = []
        self.asked: list[str] = []
        self.refuses: Callable[[str], bool] = lambda _address: False
        self.now = 1000.0

    def step(self, name: str, timeout: float | None) -> None:
        """Each takes a second."""
        self.given.append((name, timeout))
        self.now += 1

    def connect(self, host: str, _port: int, timeout: float | None, *_rest: object) -> Stream:
        self.asked.append(host)
        self.step("connect", timeout)
        if self.refuses(host):
            raise httpcore.ConnectError(f"{host} refused")
        return Stream(self)


class Stream(httpcore.NetworkStream):
    def __init__(self, network: Network) -> None:
        self.network = network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - httpcore's signature
        self.network.step("read", timeout)
        return b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - httpcore's signature
        self.network.step("write", timeout)

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,  # noqa: ARG002 - httpcore's signature
        server_hostname: str | None = None,  # noqa: ARG002 - httpcore's signature
        timeout: float | None = None,
    ) -> Stream:
        self.network.step("tls", timeout)
        return self

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401, ARG002 - httpcore's signature
        return None

    def close(self) -> None:
        pass


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    fake = Network()
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", fake.connect)
    monkeypatch.setattr("meshapi_video._deadline.time", SimpleNamespace(monotonic=lambda: fake.now))
    return fake


@pytest.fixture
def client() -> Generator[httpx.Client]:
    transport = DeadlineTransport(ssl.create_default_context(), None)
    with httpx.Client(transport=transport, timeout=30) as made:
        yield made


def names(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Has every name lead to these addresses."""

    def getaddrinfo(_host: str, port: int, type: int) -> list[Any]:  # noqa: A002 - socket's own name for it
        return [(socket.AF_INET, type, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_connecting_tls_writing_and_reading_get_what_is_left(
    client: httpx.Client, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, "192.0.2.1")
    with request_deadline(10):
        assert client.get("https://x.example").status_code == 204
    assert {step for step, _ in network.given} == {"connect", "tls", "write", "read"}
    assert [seconds for _, seconds in network.given] == list(range(10, 10 - len(network.given), -1))


def test_a_name_with_several_addresses_is_tried_at_each(
    client: httpx.Client, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    network.refuses = lambda address: address != "192.0.2.2"
    assert client.get("http://x.example").status_code == 204
    assert network.asked == ["192.0.2.1", "192.0.2.2"]


def test_an_address_that_hangs_leaves_time_to_the_others(
    client: httpx.Client, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, "192.0.2.1", "192.0.2.2")
    network.refuses = lambda address: address == "192.0.2.1"
    with request_deadline(10):
        client.get("http://x.example")
    assert network.given[:2] == [("connect", 5), ("connect", 9)]


@pytest.mark.parametrize(
    ("addresses", "said"), [((), "x.example has no address"), (("192.0.2.1",), "192.0.2.1 refused")]
)
def test_a_name_without_an_address_that_answers_is_an_error(
    client: httpx.Client, network: Network, monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...], said: str
) -> None:
    names(monkeypatch, *addresses)
    network.refuses = lambda _address: True
    with pytest.raises(httpx.ConnectError, match=said):
        client.get("http://x.example")


def test_no_address_is_tried_after_the_deadline(
    client: httpx.Client, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, "192.0.2.1", "192.0.2.2")
    network.refuses = lambda _address: True
    with request_deadline(0.5), pytest.raises(TimeoutError, match="deadline has passed"):
        client.get("http://x.example")
    assert network.asked == ["192.0.2.1"]


def test_a_name_that_cannot_be_looked_up_is_no_connection(client: httpx.Client) -> None:
    with pytest.raises(httpx.ConnectError):
        client.get("http://a..b")


def test_waiting_for_a_connection_gets_what_is_left(server: Server) -> None:
    server.script(server.stall(http(200, b" ")[:-1]))
    transport = DeadlineTransport(ssl.create_default_context(), None)
    transport._pool._max_connections = 1  # pyright: ignore[reportAttributeAccessIssue]
    with (
        httpx.Client(transport=transport, timeout=9999) as client,
        client.stream("GET", server.base_url),
        request_deadline(0.2),
        pytest.raises(httpx.PoolTimeout),
    ):
        client.get(server.base_url)
