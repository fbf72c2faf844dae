"""The libraries, also the fork httpx2, have the private parts that the SDK uses. docs/design.md has the reasons."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Generator
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import h11
import httpx
import pytest
import wrapt
from opentelemetry import metrics

from meshapi_video._settings import ApiKey, Settings
from meshapi_video._transport.httpcore_request import CheckedParts, HttpcoreRequest
from meshapi_video._transport.request import RequestTemplate
from support.forked_httpx import forked_httpx
from support.server import Server, task

DESIGN = (Path(__file__).parents[2] / "docs" / "design.md").read_text("utf-8")


@pytest.fixture(params=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> Generator[ModuleType]:
    if request.param == "httpx":
        yield httpx
        return
    with forked_httpx() as fork:
        yield fork


def attributes(value: object) -> set[str]:
    return set(vars(value))


@pytest.fixture
def core(library: ModuleType) -> ModuleType:
    """The library below: httpcore, or httpcore2."""
    name = library.__name__.replace("httpx", "httpcore")
    # The copy of httpx, which stands for httpx2 where that is not installed, uses httpcore.
    return importlib.import_module(name if importlib.util.find_spec(name) else "httpcore")


@pytest.mark.parametrize(
    "name", ["_transport_for_url", "_send_handling_auth", "_send_handling_redirects", "_send_single_request"]
)
def test_both_clients_of_both_libraries_have_each_step_of_a_request(library: ModuleType, name: str) -> None:
    assert callable(getattr(library.Client, name))
    assert callable(getattr(library.AsyncClient, name))
    assert f"`{name}`" in DESIGN


def test_the_transports_of_both_libraries_have_their_pool(library: ModuleType, core: ModuleType) -> None:
    assert type(library.HTTPTransport()._pool) is core.ConnectionPool
    assert type(library.AsyncHTTPTransport()._pool) is core.AsyncConnectionPool
    assert "`_pool`" in DESIGN


def test_a_connection_of_both_libraries_has_its_parser(core: ModuleType, server: Server) -> None:
    server.script(task())
    with core.ConnectionPool() as pool:
        pool.request("GET", server.base_url)
        (connection,) = pool.connections
        assert type(connection._connection._h11_state) is h11.Connection
    assert "`_connection` and `_h11_state`" in DESIGN


def test_a_request_of_the_sdk_has_every_attribute_of_a_request_of_both_libraries(core: ModuleType) -> None:
    template = RequestTemplate(Settings.resolve(ApiKey("rsk_k"), "https://mesh.example/api", 30.0, 0))
    own = HttpcoreRequest(template.build("get", "/v1/tasks/t"), CheckedParts(template))
    full: Any = core.Request("GET", "https://mesh.example/api/v1/tasks/t")
    assert attributes(own) >= attributes(full)
    assert attributes(own.url) >= attributes(full.url)
    assert (bytes(own.url), str(own.url.origin)) == (bytes(full.url), str(full.url.origin))
    assert "`Request` and `URL`" in DESIGN


def test_h11_takes_its_own_headers_as_checked() -> None:
    checked = h11.Request(method="GET", target="/", headers=[("host", "mesh.example")]).headers
    assert h11.Request(method="GET", target="/t", headers=checked).headers is checked
    assert "`Headers` of h11" in DESIGN


def test_an_asynchronous_stream_of_both_libraries_has_the_stream_of_anyio(core: ModuleType, server: Server) -> None:
    async def check() -> None:
        host, _, port = server.base_url.partition("://")[2].partition(":")
        stream = await core.AnyIOBackend().connect_tcp(host, int(port))
        assert isinstance(stream._stream, anyio.abc.ByteStream)
        await stream.aclose()

    anyio.run(check)
    assert "`_stream`" in DESIGN


def test_a_wrapper_of_an_instrumentation_has_its_function() -> None:
    # Any: the types of wrapt do not show its private parts.
    def watch(*_: Any) -> Any:  # noqa: ANN401
        """Stands for a function of an instrumentation."""

    wrapper: Any = wrapt.FunctionWrapper(httpx.Client.send, watch)
    assert wrapper._self_wrapper is watch
    assert "`_self_wrapper`" in DESIGN


def test_a_provider_of_metrics_that_is_not_set_has_the_name_that_the_sdk_knows() -> None:
    assert type(metrics.get_meter_provider()).__name__ == "_ProxyMeterProvider"
    assert "`_ProxyMeterProvider`" in DESIGN
