"""The fixtures that all tests share."""

from __future__ import annotations

import gc
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
import trustme

from support.clients import ASYNC_DRIVERS, DRIVERS, KEY, Caller, Driver, Kind, kind_of
from support.fault_table import print_faults
from support.leaks import watching
from support.server import Server, serving


def pytest_configure() -> None:
    # To import all tests and libraries makes no garbage, and looking for it takes a fifth of that time.
    gc.disable()
    # A shell starts a command in the background with ctrl-C ignored. The processes that tests interrupt would inherit
    # that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    # What exists now stays. Many tests collect garbage: to search all tests and libraries for it each time would take
    # a large part of all time.
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_sessionfinish() -> None:
    # trio, which hypothesis imports now, searches for an object that was frozen.
    gc.unfreeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    print_faults(terminalreporter)


@pytest.fixture(scope="session")
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with one certificate authority. To load those of the system takes 20 ms for each client."""
    file = tmp_path_factory.mktemp("authorities") / "one.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    return file


@pytest.fixture(autouse=True)
def no_ambient_settings(monkeypatch: pytest.MonkeyPatch, one_authority: Path) -> None:
    for name in ("MESHAPI_API_KEY", "MESHAPI_BASE_URL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(one_authority))


@pytest.fixture(autouse=True)
def the_key_leaks_nowhere() -> Generator[None]:
    with watching(KEY) as leaks:
        yield
    assert leaks.found == []


@pytest.fixture
def server() -> Generator[Server]:
    with serving() as started:
        yield started


@pytest.fixture(autouse=True)
def over_httpcore(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the driver `aiohttp` uses aiohttp, whether or not it is installed."""
    monkeypatch.setattr("meshapi_video._async.session.HAS_AIOHTTP", False)


def use_driver(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> Driver:
    if driver == "aiohttp":
        monkeypatch.setattr("meshapi_video._async.session.HAS_AIOHTTP", True)
    return driver


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Driver:
    return use_driver(request.param, monkeypatch)


@pytest.fixture
def kind(driver: Driver) -> Kind:
    return kind_of(driver)


@pytest.fixture(params=ASYNC_DRIVERS)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Kind:
    """An event loop for an asynchronous client."""
    return kind_of(use_driver(request.param, monkeypatch))


@pytest.fixture
def client(kind: Kind, server: Server) -> Caller:
    """A client of each kind (sync, asyncio, trio) for the test's server."""
    return Caller(kind, server.base_url)
