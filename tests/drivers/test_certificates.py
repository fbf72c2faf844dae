"""An asynchronous client loads the certificates in a thread, so that the event loop goes on meanwhile."""

from __future__ import annotations

import ssl
import threading
from pathlib import Path

import anyio
import pytest

from meshapi_video import AsyncVideoClient, Video
from meshapi_video._transport import connection_settings
from support.clients import KEY, Kind
from support.files import StoredFile, video_at
from support.server import TASK_ID, Server, task


@pytest.fixture
def loading_threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The threads that load certificates, each time that one does."""
    threads: list[int] = []
    load = ssl.SSLContext.load_verify_locations

    def recording(context: ssl.SSLContext, *args: str | None, **named: str | None) -> None:
        threads.append(threading.get_ident())
        load(context, *args, **named)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", recording)
    return threads


def test_requests_that_begin_together_load_them_once_and_not_in_the_thread_of_the_event_loop(
    backend: Kind, tls_server: Server, loading_threads: list[int]
) -> None:
    tls_server.script(task())

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=tls_server.base_url) as client, anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(client.get, TASK_ID)

    anyio.run(main, backend=backend)
    assert len(tls_server.requests) == 5
    assert len(loading_threads) == 1
    assert threading.get_ident() not in loading_threads


def test_a_download_does_not_load_them_in_the_thread_of_the_event_loop(
    backend: Kind, tls_server: Server, loading_threads: list[int], out: Path
) -> None:
    tls_server.script(StoredFile(tls_server))
    video: Video = video_at(tls_server)

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=tls_server.base_url, private_hosts=["127.0.0.1"]) as client:
            await client.download(video, out)

    anyio.run(main, backend=backend)
    assert out.exists()
    assert len(loading_threads) == 1
    assert threading.get_ident() not in loading_threads


def test_a_client_that_is_closed_meanwhile_opens_no_connection(
    backend: Kind, tls_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, closed = threading.Event(), threading.Event()

    def load() -> ssl.SSLContext:
        began.set()
        assert closed.wait(60)
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    monkeypatch.setattr(connection_settings, "default_context", load)

    async def main() -> None:
        client = AsyncVideoClient(KEY, base_url=tls_server.base_url)

        async def get() -> None:
            with pytest.raises(RuntimeError, match="has been closed"):
                await client.get(TASK_ID)

        async with anyio.create_task_group() as group:
            group.start_soon(get)
            await anyio.to_thread.run_sync(began.wait)
            await client.close()
            closed.set()

    anyio.run(main, backend=backend)
    assert tls_server.requests == []
