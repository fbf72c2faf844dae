"""The fixtures that the tests of drivers and integration share."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from support.clients import KEY, KINDS, Caller, Kind
from support.fault_table import print_faults
from support.leaks import watching
from support.server import Server, serving


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    print_faults(terminalreporter)


@pytest.fixture(autouse=True)
def no_ambient_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MESHAPI_API_KEY", "MESHAPI_BASE_URL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(autouse=True)
def the_key_shows_nowhere() -> Generator[None]:
    with watching(KEY) as leaks:
        yield
    assert leaks.found == []


@pytest.fixture
def server() -> Generator[Server]:
    with serving() as started:
        yield started


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


@pytest.fixture
def client(kind: Kind, server: Server) -> Caller:
    """A client of each kind, sync, asyncio and trio, of the test's server."""
    return Caller(kind, server.base_url)
