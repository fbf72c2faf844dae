"""The fixtures of the tests of the drivers: clients in real time, a server over TLS, and a server with a video."""

from __future__ import annotations

import ssl
from collections.abc import Generator
from pathlib import Path

import pytest
import trustme

from meshapi_video import Video
from support.clients import Caller, Kind
from support.files import StoredFile, video_at
from support.many_tasks import RealClock, WaitManyCaller
from support.server import Server, serving


@pytest.fixture
def real_time_client(kind: Kind, server: Server) -> Caller:
    return Caller(kind, server.base_url, RealClock())


@pytest.fixture
def wait_many(kind: Kind, server: Server) -> WaitManyCaller:
    """Runs `wait_many` loops in real time, and checks that nothing is left running."""
    return WaitManyCaller(kind, server)


@pytest.fixture
def tls_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Server]:
    """A server over TLS. SSL_CERT_FILE names its certificate authority."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # trustme does not state the type of a context of the standard library.
    authority.issue_cert("127.0.0.1").configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    with serving(context) as started:
        yield started


@pytest.fixture
def store() -> Generator[Server]:
    """The server with the videos. It is not the server of the API."""
    with serving() as started:
        yield started


@pytest.fixture
def stored(store: Server) -> StoredFile:
    file = StoredFile(store)
    store.script(file)
    return file


@pytest.fixture
def video(store: Server) -> Video:
    return video_at(store)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.mp4"
