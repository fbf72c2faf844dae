"""No step of a blocking request gets more time than is left, whatever the timeout of the step."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

import anyio
import httpcore
import httpx
import pytest

from meshapi_video._async import network as async_network
from meshapi_video._async.network import AsyncConnectionTransport
from meshapi_video._sync.deadline import limit_timeouts, request_deadline
from meshapi_video._sync.network import ConnectionTransport, httpcore_pool
from support.server import Server, http

TLS = ssl.create_default_context()


class Network(httpcore.SyncBackend):
    """A fake network that records the timeout of each step."""

    def __init__(self) -> None:
        self.timeouts: list[tuple[str, float | None]] = []
        self.addresses: list[str] = []
        self.read_sizes: list[int] = []
        self.refuses: Callable[[str], bool] = lambda _address: False
        self.now = 1000.0

    def step(self, name: str, timeout: float | None) -> None:
        """Each step takes a second."""
        self.timeouts.append((name, timeout))
        self.now += 1

    def connect(self, host: str, _port: int, timeout: float | None, *_rest: object) -> Stream:
        self.addresses.append(host)
        self.step("connect", timeout)
        if self.refuses(host):
            raise httpcore.ConnectError(f"{host} refused")
        return Stream(self)


class Stream(httpcore.NetworkStream):
    def __init__(self, network: Network) -> None:
        self.network = network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.network.read_sizes.append(max_bytes)
        self.network.step("read", timeout)
        return b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - the signature of httpcore
        self.network.step("write", timeout)

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,  # noqa: ARG002 - the signature of httpcore
        server_hostname: str | None = None,  # noqa: ARG002 - the signature of httpcore
        timeout: float | None = None,
    ) -> Stream:
        self.network.step("tls", timeout)
        return self

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401, ARG002 - the signature of httpcore
        return None

    def close(self) -> None:
        pass


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    fake = Network()
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", fake.connect)
    monkeypatch.setattr("meshapi_video._sync.deadline.monotonic", lambda: fake.now)
    return fake


@pytest.fixture
def client() -> Generator[httpx.Client]:
    with httpx.Client(transport=ConnectionTransport(httpcore_pool(TLS, None)), timeout=30) as client:
        yield client


def set_addresses(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Gives every host name these addresses."""

    def getaddrinfo(_host: str, port: int, type: int) -> list[Any]:  # noqa: A002 - the signature of `socket`
        return [(socket.AF_INET, type, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_connecting_tls_writing_and_reading_get_the_time_that_is_left(
    client: httpx.Client, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_addresses(monkeypatch, "192.0.2.1")
    with request_deadline(10):
        assert client.get("https://x.example").status_code == 204
    assert {step for step, _ in network.timeouts} == {"connect", "tls", "write", "read"}
    assert [seconds for _, seconds in network.timeouts] == list(range(10, 10 - len(network.timeouts), -1))


def test_each_address_of_a_host_is_tried(
    client: httpx.Client, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_addresses(monkeypatch, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    network.refuses = lambda address: address != "192.0.2.2"
    assert client.get("http://x.example").status_code == 204
    assert network.addresses == ["192.0.2.1", "192.0.2.2"]


def test_an_address_that_hangs_leaves_time_for_the_others(
    client: httpx.Client, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_addresses(monkeypatch, "192.0.2.1", "192.0.2.2")
    network.refuses = lambda address: address == "192.0.2.1"
    with request_deadline(10):
        client.get("http://x.example")
    assert network.timeouts[:2] == [("connect", 5), ("connect", 9)]


@pytest.mark.parametrize(
    ("addresses", "message"), [((), "x.example has no address"), (("192.0.2.1",), "192.0.2.1 refused")]
)
def test_a_host_without_an_address_that_accepts_is_an_error(
    client: httpx.Client, network: Network, monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...], message: str
) -> None:
    set_addresses(monkeypatch, *addresses)
    network.refuses = lambda _address: True
    with pytest.raises(httpcore.ConnectError, match=message):
        client.get("http://x.example")


def test_no_address_is_tried_after_the_deadline(
    client: httpx.Client, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_addresses(monkeypatch, "192.0.2.1", "192.0.2.2")
    network.refuses = lambda _address: True
    with request_deadline(0.5), pytest.raises(TimeoutError, match="deadline has passed"):
        client.get("http://x.example")
    assert network.addresses == ["192.0.2.1"]


def test_a_host_name_that_cannot_be_resolved_is_a_connect_error(client: httpx.Client) -> None:
    with pytest.raises(httpcore.ConnectError):
        client.get("http://a..b")


def test_waiting_for_a_free_connection_gets_the_time_that_is_left(server: Server) -> None:
    server.script(server.stall(http(200, b" ")[:-1]))
    transport = httpx.HTTPTransport(limits=httpx.Limits(max_connections=1))
    request = httpx.Request("GET", server.base_url, extensions={"timeout": httpx.Timeout(9999).as_dict()})
    with transport, closing(transport.handle_request(request)), request_deadline(0.2):
        limit_timeouts(request)
        with pytest.raises(httpx.PoolTimeout):
            transport.handle_request(request)


def test_a_pool_reads_at_least_its_read_size_at_once(
    client: httpx.Client, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_addresses(monkeypatch, "192.0.2.1")
    assert client.get("http://x.example").status_code == 204
    with httpx.Client(transport=ConnectionTransport(httpcore_pool(TLS, None, read_size=1024**2))) as large:
        assert large.get("http://x.example").status_code == 204
    assert network.read_sizes[0] < 1024**2
    assert network.read_sizes[-1] == 1024**2


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_transport_without_a_request_has_nothing_to_close(backend: str) -> None:
    async def close_async() -> None:
        await AsyncConnectionTransport(async_network.httpcore_pool(TLS, None)).aclose()

    ConnectionTransport(httpcore_pool(TLS, None)).close()
    anyio.run(close_async, backend=backend)
