"""A client of httpx2, the fork of httpx, works as `http_client` like one of httpx. httpx2 is no dependency."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from types import ModuleType
from unittest import mock

import httpx
import pytest

from meshapi_video import (
    AsyncVideoClient,
    ConnectionFailed,
    ConnectionTimeout,
    CreateUncertain,
    DownloadError,
    MeshVideoError,
    Video,
    VideoClient,
    VideoTaskResponse,
)
from support.clients import Caller, Kind
from support.files import SIGNATURE, StoredFile, video_at
from support.forked_httpx import forked_httpx
from support.many_tasks import collect, respond_by_id
from support.server import Server, close, finished, reset, response, task

MODEL = "byteplus/dreamina-seedance-2-0"


@pytest.fixture(scope="module")
def httpx2() -> Generator[ModuleType]:
    with forked_httpx() as fork:
        yield fork


@pytest.fixture
def client(kind: Kind, server: Server, httpx2: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Caller:
    """A client that sends through a client of httpx2."""
    monkeypatch.setattr("support.clients.httpx", httpx2)
    return Caller(kind, server.base_url, settings={"max_retries": 0}, user_client={})


def test_a_client_of_httpx2_is_no_client_of_httpx(httpx2: ModuleType) -> None:
    assert not issubclass(httpx2.Client, httpx.Client)
    assert not issubclass(httpx2.HTTPError, httpx.HTTPError)


def test_polls_and_waits_go_through_it(client: Caller, server: Server) -> None:
    server.script(task("running"), finished())
    assert client.get().status == "running"
    assert client.wait().url == "https://cdn.example/v.mp4"
    assert len(server.requests) == 2


def test_wait_many_goes_through_it(client: Caller, server: Server) -> None:
    respond_by_id(server, lambda task_id, _poll: finished(task_id))

    async def wait_for_all(each: AsyncVideoClient) -> set[str]:
        return {result.task_id for result in await collect(each.wait_many(["a", "b", "c"]))}

    assert client.run(wait_for_all) == {"a", "b", "c"}
    assert len(server.requests) == 3


def test_lists_go_through_it(client: Caller, server: Server) -> None:
    page = {"data": list[object](), "has_more": False, "total": 0, "limit": 100, "offset": 0}
    server.script(response(200, page))

    async def all_tasks(each: AsyncVideoClient) -> list[VideoTaskResponse]:
        return await collect(each.list())

    assert client.run(all_tasks) == []
    assert len(server.requests) == 1


def test_creates_go_through_it(client: Caller, server: Server) -> None:
    server.script(response(200, {"id": "t-1"}))
    assert client.run(lambda each: each.create(MODEL, "a lake at sunrise")).id == "t-1"


def test_a_create_that_breaks_is_uncertain_as_with_httpx(client: Caller, server: Server) -> None:
    server.script(reset)
    with pytest.raises(CreateUncertain):
        client.run(lambda each: each.create(MODEL, "a lake at sunrise"))
    assert len(server.requests) == 1


def test_a_create_without_a_connection_made_no_task(client: Caller) -> None:
    client.base_url = "http://127.0.0.1:1"
    with pytest.raises(ConnectionFailed, match="no complete response from"):
        client.run(lambda each: each.create(MODEL, "a lake at sunrise"))


def test_downloads_go_through_it(client: Caller, store: Server, stored: StoredFile, video: Video, out: Path) -> None:
    client.run(lambda each: each.download(video, out))
    assert out.read_bytes() == stored.content
    assert "authorization" not in store.requests[0].headers


def test_a_download_goes_on_after_a_broken_connection(
    client: Caller, store: Server, stored: StoredFile, video: Video, out: Path
) -> None:
    store.script(stored.broken(100_000, close), stored)
    client.settings = {"max_retries": 1}
    client.run(lambda each: each.download(video, out))
    assert out.read_bytes() == stored.content
    assert [request.headers.get("range") for request in store.requests] == [None, "bytes=100000-"]


def test_its_errors_become_typed_errors(client: Caller, server: Server, store: Server, video: Video, out: Path) -> None:
    server.script(reset)
    with pytest.raises(ConnectionFailed):
        client.get()
    store.script(reset)
    with pytest.raises(DownloadError, match=r"the connection to 127\.0\.0\.1 failed"):
        client.run(lambda each: each.download(video, out))
    server.script(server.stall())
    client.settings = {"max_retries": 0, "timeout": 0.2}
    with pytest.raises(ConnectionTimeout, match=r"within 0\.2 s"):
        client.get()


def test_a_hook_that_consumes_the_response_is_named_in_the_error(client: Caller, server: Server, kind: Kind) -> None:
    def consume(response: httpx.Response) -> None:
        for _ in response.iter_raw():
            pass

    async def consume_async(response: httpx.Response) -> None:
        async for _ in response.aiter_raw():
            pass

    server.script(task())
    client.user_client = {"event_hooks": {"response": [consume if kind == "sync" else consume_async]}}
    with pytest.raises(MeshVideoError, match="a hook of the http_client consumed the response"):
        client.get()


def test_its_requests_of_downloads_hide_the_signed_url(client: Caller, httpx2: ModuleType, out: Path) -> None:
    shown = list[str]()

    def respond(request: httpx.Request) -> httpx.Response:
        shown.append(repr(request))
        found: httpx.Response = httpx2.Response(200, content=b"a video")
        return found

    client.user_client = {"transport": httpx2.MockTransport(respond)}
    client.run(lambda each: each.download(video_at("https://files.example/v"), out))
    assert out.read_bytes() == b"a video"
    assert shown == ["<Request('GET', 'files.example')>"]
    assert SIGNATURE not in shown[0]


def test_a_replaced_transport_of_the_library_sees_downloads_and_a_replaced_send_does_not(
    client: Caller, kind: Kind, httpx2: ModuleType, monkeypatch: pytest.MonkeyPatch, out: Path
) -> None:
    def handle(*_args: object, **_options: object) -> httpx.Response:
        found: httpx.Response = httpx2.Response(200, content=b"a video")
        return found

    async def handle_async(*_args: object, **_options: object) -> httpx.Response:
        return handle()

    is_sync = kind == "sync"
    owner, name = ("HTTPTransport", "handle_request") if is_sync else ("AsyncHTTPTransport", "handle_async_request")
    monkeypatch.setattr(getattr(httpx2, owner), name, handle if is_sync else handle_async)
    # A tracing tool wraps `send`. It would see the signed URL, and run the hooks of the client.
    sender = "Client" if is_sync else "AsyncClient"
    monkeypatch.setattr(getattr(httpx2, sender), "send", mock.Mock(side_effect=AssertionError))
    client.run(lambda each: each.download(video_at("https://files.example/v"), out))
    assert out.read_bytes() == b"a video"


def test_a_client_of_the_other_kind_is_refused(httpx2: ModuleType) -> None:
    with pytest.raises(TypeError, match=r"should be an httpx\.Client or an httpx2\.Client, not AsyncClient"):
        VideoClient("rsk_1", http_client=httpx2.AsyncClient())
    with pytest.raises(TypeError, match=r"should be an httpx\.AsyncClient or an httpx2\.AsyncClient, not Client"):
        AsyncVideoClient("rsk_1", http_client=httpx2.Client())
