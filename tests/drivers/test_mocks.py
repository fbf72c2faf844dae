"""Tools for tests that replace parts of httpx see the requests of a default client. None reaches the real server."""

from __future__ import annotations

import functools
import pkgutil
import socket
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractContextManager
from pathlib import Path
from unittest.mock import MagicMock, create_autospec

import httpx
import pytest
import respx
import vcr  # type: ignore[import-untyped]
from pytest_httpx import HTTPXMock

from meshapi_video import AsyncVideoClient, ConnectionTimeout, DownloadError, MeshVideoError
from support.clients import KEY, Caller, Driver, Kind, kind_of
from support.files import PUBLIC, StoredFile, video_at
from support.listener import Listener, listener
from support.server import Response, Server, response, serving, task, task_json

MODEL = "byteplus/dreamina-seedance-2-0"
VIDEO = b"a video" * 1000
# vcrpy has no types.
use_cassette: Callable[..., AbstractContextManager[object]] = vcr.use_cassette  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


@pytest.fixture
def real_server() -> Generator[Listener]:
    with listener() as started:
        yield started


@pytest.fixture
def client(kind: Kind, real_server: Listener) -> Caller:
    """A default client, for the real server. If a request reached that, the test would fail after half a second."""
    return Caller(kind, real_server.base_url, settings={"timeout": 0.5, "max_retries": 0})


def respond(request: httpx.Request) -> httpx.Response:
    """The response of a mocked Mesh, in which each task has ended, and of a mocked file server."""
    if request.url.path == "/v.mp4":
        assert "authorization" not in request.headers
        return httpx.Response(200, content=VIDEO, headers={"content-type": "video/mp4"})
    assert request.headers["authorization"] == f"Bearer {KEY}"
    ended = task_json("succeeded", content={"video_url": "https://cdn.example/v.mp4", "last_frame_url": None})
    if request.method == "POST":
        return httpx.Response(200, json={"id": "task-1"})
    if request.url.path.endswith("/task-1"):
        return httpx.Response(200, json=ended)
    page = {"object": "list", "data": [ended], "has_more": False, "total": 1, "limit": 100, "offset": 0}
    return httpx.Response(200, json=page)


async def use(client: AsyncVideoClient, out: Path) -> None:
    """Sends each request that this package has."""
    created = await client.create(MODEL, "a lake at sunrise")
    assert (await client.get(created)).status == "succeeded"
    video = await client.wait(created)
    assert [listed.id async for listed in client.list()] == ["task-1"]
    async with client.wait_many([created.id]) as results:
        assert [result.task_id async for result in results] == ["task-1"]
    await client.download(video, out)
    await client.download("task-1", out, overwrite=True)


def test_pytest_httpx_sees_every_request(
    client: Caller, real_server: Listener, httpx_mock: HTTPXMock, tmp_path: Path
) -> None:
    httpx_mock.add_callback(respond, is_reusable=True)
    client.run(lambda each: use(each, tmp_path / "out.mp4"))
    assert (tmp_path / "out.mp4").read_bytes() == VIDEO
    assert len(httpx_mock.get_requests()) == 8
    assert real_server.connections() == 0


@pytest.mark.parametrize("using", ["httpcore", "httpx"])
def test_respx_sees_every_request(client: Caller, real_server: Listener, using: str, tmp_path: Path) -> None:
    with respx.mock(using=using) as router:
        router.route().mock(side_effect=respond)
        client.run(lambda each: use(each, tmp_path / "out.mp4"))
        assert len(router.calls) == 8
    assert (tmp_path / "out.mp4").read_bytes() == VIDEO
    assert real_server.connections() == 0


def test_vcr_records_every_request_once_and_replays_all_of_them(
    client: Caller, real_server: Listener, server: Server, store: Server, tmp_path: Path
) -> None:
    cassette, out = tmp_path / "cassette.yaml", tmp_path / "out.mp4"
    # `store` has the video, at a signed URL of this machine.
    stored = StoredFile(store)
    store.script(stored)
    server.script(mesh_with_video_at(server, f"{store.base_url}/v.mp4"))
    with use_cassette(str(cassette), filter_headers=["authorization"]):
        Caller(client.kind, server.base_url).run(lambda each: use(each, out))
    assert len(server.requests) + len(store.requests) == 8
    assert out.read_bytes() == stored.content
    recorded = cassette.read_text(encoding="utf-8")
    assert KEY not in recorded
    for recorded_server in (server, store):
        recorded = recorded.replace(recorded_server.base_url, real_server.base_url)
    cassette.write_text(recorded, encoding="utf-8")
    out.unlink()
    with use_cassette(str(cassette), record_mode="none", allow_playback_repeats=True):
        client.run(lambda each: use(each, out))
    assert out.read_bytes() == stored.content
    assert real_server.connections() == 0


def mesh_with_video_at(server: Server, url: str) -> Response:
    """Mesh on a real socket: the same responses as `respond` has, but the video is at `url`."""

    def write(connection: socket.socket) -> bool:
        sent = server.requests[-1]
        request = httpx.Request(sent.method, f"{server.base_url}{sent.target}", headers=sent.headers)
        body = respond(request).content.replace(b"https://cdn.example/v.mp4", url.encode())
        return response(200, body)(connection)

    return write


class Seen(Exception):
    """A replaced part of httpx or httpcore was called."""


# The blocking and the asynchronous name of each part by which a request of httpx goes, before it has a connection.
PARTS = [
    *((f"httpx.Client.{name}", f"httpx.AsyncClient.{name}") for name in ("send", "_transport_for_url")),
    *(
        (f"httpx.Client._send_{name}", f"httpx.AsyncClient._send_{name}")
        for name in ("handling_auth", "handling_redirects", "single_request")
    ),
    ("httpx.HTTPTransport.handle_request", "httpx.AsyncHTTPTransport.handle_async_request"),
    ("httpcore.ConnectionPool.handle_request", "httpcore.AsyncConnectionPool.handle_async_request"),
    ("httpcore.HTTPConnection.handle_request", "httpcore.AsyncHTTPConnection.handle_async_request"),
    ("httpcore.SyncBackend.connect_tcp", "httpcore.AnyIOBackend.connect_tcp"),
]


@pytest.mark.parametrize("part", PARTS, ids=[blocking for blocking, _ in PARTS])
def test_each_part_of_httpx_sees_polls_creates_and_downloads_when_it_is_replaced(
    client: Caller,
    real_server: Listener,
    monkeypatch: pytest.MonkeyPatch,
    part: tuple[str, str],
    tmp_path: Path,
) -> None:
    video = video_at(f"{real_server.base_url}/v.mp4")
    requests: list[Callable[[AsyncVideoClient], Awaitable[object]]] = [
        lambda each: each.get("task-1"),
        lambda each: each.create(MODEL, "a lake at sunrise"),
        lambda each: each.download(video, tmp_path / "out.mp4"),
    ]
    # A mock; and two functions that pretend to be the original.
    for replace in (replaced_by_a_mock, replaced_by_a_wrapper, replaced_by_an_autospec):
        for request in requests:
            with monkeypatch.context() as patch:
                replace(patch, part[client.kind != "sync"])
                with pytest.raises(Seen):
                    client.run(request)
    assert real_server.connections() == 0


def replaced_by_a_mock(patch: pytest.MonkeyPatch, name: str) -> None:
    patch.setattr(name, MagicMock(side_effect=Seen))


def replaced_by_a_wrapper(patch: pytest.MonkeyPatch, name: str) -> None:
    def replacement(*_args: object, **_kwargs: object) -> None:
        raise Seen

    patch.setattr(name, functools.wraps(pkgutil.resolve_name(name))(replacement))


def replaced_by_an_autospec(patch: pytest.MonkeyPatch, name: str) -> None:
    """The replacement is a function of no module: its globals have no `__name__`."""
    patch.setattr(name, create_autospec(pkgutil.resolve_name(name), side_effect=Seen))


def test_a_subclass_in_place_of_httpx_s_client_sees_every_request(
    client: Caller, real_server: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = list[httpx.Request]()

    class Client(httpx.Client):
        def send(self, request: httpx.Request, **_options: object) -> httpx.Response:
            seen.append(request)
            return respond(request)

    class AsyncClient(httpx.AsyncClient):
        async def send(self, request: httpx.Request, **_options: object) -> httpx.Response:
            seen.append(request)
            return respond(request)

    monkeypatch.setattr(httpx, "Client", Client)
    monkeypatch.setattr(httpx, "AsyncClient", AsyncClient)
    assert client.get().status == "succeeded"
    assert len(seen) == 1
    assert real_server.connections() == 0


BLIND = ["get", "Client.request", "AsyncClient.post", "Client", "AsyncClient", "HTTPTransport"]


@pytest.mark.parametrize("name", BLIND)
def test_a_request_that_a_replaced_part_would_not_see_is_refused(
    kind: Kind, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", MagicMock(side_effect=AssertionError))
    monkeypatch.setattr(f"httpx.{name}", MagicMock())
    client = Caller(kind, "https://api.example", settings={"max_retries": 0})
    message = rf"httpx\.{name} has been replaced, as tests do, but would not see the requests of this client"
    with pytest.raises(MeshVideoError, match=message):
        client.wait()
    with pytest.raises(MeshVideoError, match=message):
        client.run(lambda each: each.create(MODEL, "a lake at sunrise"))


def test_a_class_without_the_parts_of_httpx_s_client_is_replaced_as_well(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httpx, "Client", object)
    with pytest.raises(MeshVideoError, match=r"httpx\.Client has been replaced"):
        Caller(kind, "https://api.example", settings={"max_retries": 0}).get()


@pytest.mark.parametrize("name", BLIND)
def test_a_request_to_this_machine_is_sent_whatever_has_been_replaced(
    kind: Kind, server: Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.script(task("running"))
    monkeypatch.setattr(f"httpx.{name}", MagicMock())
    assert Caller(kind, server.base_url).get().status == "running"


def test_a_client_that_is_older_than_a_mock_sends_through_it_until_the_mock_ends(kind: Kind, server: Server) -> None:
    server.script(task("running"))

    async def body(client: AsyncVideoClient) -> list[str]:
        statuses = [(await client.get("task-1")).status]
        with respx.mock as router:
            router.route().mock(side_effect=respond)
            statuses.append((await client.get("task-1")).status)
        return [*statuses, (await client.get("task-1")).status]

    assert Caller(kind, server.base_url).run(body) == ["running", "succeeded", "running"]
    assert len(server.requests) == 2


def test_the_builtin_transport_goes_past_a_mock(
    kind: Kind, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for part in PARTS[:6]:
        replaced_by_a_mock(monkeypatch, part[kind != "sync"])
    server.script(task("running"))
    client = Caller(kind, server.base_url, settings={"transport": "builtin"})
    assert client.get().status == "running"
    with serving() as store:
        store.script(StoredFile(store))
        client.run(lambda each: each.download(video_at(store), tmp_path / "out.mp4"))


@pytest.mark.parametrize("by_variable", [False, True])
def test_the_transport_httpx_sends_everything_through_httpx(
    driver: Driver, server: Server, store: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, by_variable: bool
) -> None:
    # Without a mock: httpx's own log shows the requests.
    names = ["_sync.connections.ConnectionPool", "_async.connections.AsyncConnectionPool"]
    names += ["_async.aiohttp.AiohttpTransport"] if driver == "aiohttp" else []
    for name in names:
        monkeypatch.setattr(f"meshapi_video.{name}.send", MagicMock(side_effect=AssertionError))
    for name in ("_sync.download.ConnectionTransport", "_async.download.AsyncConnectionTransport"):
        monkeypatch.setattr(f"meshapi_video.{name}", MagicMock(side_effect=AssertionError))
    monkeypatch.setenv("MESHAPI_TRANSPORT", "httpx" if by_variable else "")
    stored = StoredFile(store)
    store.script(stored)
    server.script(mesh_with_video_at(server, f"{store.base_url}/v.mp4"))
    client = Caller(kind_of(driver), server.base_url, settings={} if by_variable else {"transport": "httpx"})
    client.run(lambda each: use(each, tmp_path / "out.mp4"))
    assert (tmp_path / "out.mp4").read_bytes() == stored.content
    assert len(server.requests) + len(store.requests) == 8


def test_the_transport_httpx_keeps_its_connections(kind: Kind, server: Server) -> None:
    peers = set[object]()

    def respond_and_record(connection: socket.socket) -> bool:
        peers.add(connection.getpeername())
        return task("running")(connection)

    async def body(client: AsyncVideoClient) -> None:
        for _ in range(3):
            await client.get("task-1")

    server.script(respond_and_record)
    Caller(kind, server.base_url, settings={"transport": "httpx"}).run(body)
    assert len(server.requests) == 3
    assert len(peers) == 1


def test_the_transport_httpx_limits_headers_that_arrive_byte_by_byte(kind: Kind, server: Server) -> None:
    server.script(server.drip(b"HTTP/1.1 200 OK\r\nx-slow: " + b"1" * 999, every=0.05))
    client = Caller(kind, server.base_url, settings={"transport": "httpx", "timeout": 0.3, "max_retries": 0})
    with pytest.raises(ConnectionTimeout, match=r"within 0\.3 s"):
        client.get()


def test_the_transport_httpx_downloads_from_no_address_inside_the_network(kind: Kind, store: Server, out: Path) -> None:
    store.script(StoredFile(store))
    client = Caller(kind, PUBLIC, settings={"transport": "httpx"})
    port = store.base_url.rpartition(":")[2]
    with pytest.raises(DownloadError, match="inside"):
        client.run(lambda each: each.download(video_at(f"https://localhost:{port}/v"), out))
    assert store.requests == []


def test_an_unknown_transport_is_refused(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    message = "the transport should be 'builtin' or 'httpx', not 'aiohttp': check transport= and MESHAPI_TRANSPORT"
    with pytest.raises(ValueError, match=message):
        Caller(kind, "https://api.example", settings={"transport": "aiohttp"}).get()
    monkeypatch.setenv("MESHAPI_TRANSPORT", "aiohttp")
    with pytest.raises(ValueError, match=message):
        Caller(kind, "https://api.example").get()


def test_a_transport_beside_a_client_of_your_own_is_refused(kind: Kind) -> None:
    with pytest.raises(ValueError, match="pass http_client= or transport=, not both"):
        Caller(kind, "https://api.example", settings={"transport": "httpx"}, user_client={}).get()
