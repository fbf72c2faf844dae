"""Which spans a program has: from the SDK, and from OpenTelemetry's own instrumentations of httpx and aiohttp.

The table stands in docs/observability.md. The test measures each of its cells.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

from meshapi_video import AsyncVideoClient
from meshapi_video._transport.choice import uses_httpx
from support.clients import Caller, Driver
from support.forked_httpx import forked_httpx
from support.many_tasks import RealClock, ResponsesById, collect
from support.server import Response, Server, finished, raw, response
from support.telemetry import Recorded

PAGE: Final = Path(__file__).parents[2] / "docs" / "observability.md"
TASKS: Final = [f"t{number}" for number in range(20)]
VIDEO: Final = b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 100
FILE: Final = raw(b"HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\ncontent-length: %d\r\n\r\n" % len(VIDEO) + VIDEO)
INSTRUMENTATION: Final = "opentelemetry.instrumentation."


def table_of_the_page() -> dict[str, dict[str, str]]:
    """The cells of the table, by the name of the row and of the column."""
    _, _, rest = PAGE.read_text(encoding="utf-8").partition("<!-- who sees what: begin -->\n")
    lines = [line.strip("| ").split(" | ") for line in rest.partition("<!-- who sees what: end -->")[0].split("\n")]
    heading, *rows = [line for line in lines if len(line) > 1]
    return {row[0]: dict(zip(heading[1:], row[1:], strict=True)) for row in rows}


TABLE: Final = table_of_the_page()


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    """Both instrumentations are on, and record the spans in the same place as the SDK."""
    recorded = Recorded()
    instrumentors: list[Any] = [HTTPXClientInstrumentor(), AioHttpClientInstrumentor()]
    for each in instrumentors:
        each.instrument(tracer_provider=recorded.tracer_provider)
    yield recorded
    for each in instrumentors:
        each.uninstrument()


async def use(client: AsyncVideoClient, server: Server, recorded: Recorded, folder: Path) -> dict[str, str]:
    """For each method: the spans of the SDK, those of the instrumentations, and whether `traceparent` was sent."""

    def count(scope: str) -> int:
        return sum(span.instrumentation_scope.name.startswith(scope) for span in recorded.spans)  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess] - each span has one

    async def wait_many() -> None:
        assert len(await collect(client.wait_many(TASKS))) == len(TASKS)

    video = finished("t0", url=f"{server.base_url}/v.mp4")
    calls: dict[str, tuple[Callable[[], Awaitable[object]], list[Response]]] = {
        "get": (lambda: client.get("t0"), [video]),
        "wait": (lambda: client.wait("t0"), [video]),
        "wait_many": (wait_many, ResponsesById(server, lambda task_id, _: finished(task_id))),
        "create": (lambda: client.create("byteplus/dreamina-seedance-2-0", "a lake"), [response(200, {"id": "t0"})]),
        "download": (lambda: client.download("t0", folder / "v.mp4"), [video, FILE]),
    }
    cells = dict[str, str]()
    for name, (call, responses) in calls.items():
        server.requests.clear()
        server.responses = responses
        recorded.clear()
        await call()
        sent = any("traceparent" in request.headers for request in server.requests)
        cells[f"`{name}`"] = f"{count('meshapi_video')} + {count(INSTRUMENTATION)}{', sent' if sent else ''}"
    return cells


def row(client: Caller, server: Server, recorded: Recorded, folder: Path) -> dict[str, str]:
    client.clock = RealClock()
    client.settings.setdefault("telemetry", recorded.telemetry())
    return client.run(lambda each: use(each, server, recorded, folder))


def test_a_default_client(client: Caller, driver: Driver, server: Server, recorded: Recorded, tmp_path: Path) -> None:
    name = "with `[aiohttp]`, on asyncio" if driver == "aiohttp" else "by default"
    assert row(client, server, recorded, tmp_path) == TABLE[name]


def test_a_client_without_telemetry(client: Caller, server: Server, recorded: Recorded, tmp_path: Path) -> None:
    client.settings["telemetry"] = None
    found = row(client, server, recorded, tmp_path)
    assert {cell.partition(" ")[0] for cell in found.values()} == {"0"}


def test_a_client_that_sends_the_trace(
    client: Caller, driver: Driver, server: Server, recorded: Recorded, tmp_path: Path
) -> None:
    client.settings["telemetry"] = recorded.telemetry(propagate=True)
    if driver != "aiohttp":
        assert row(client, server, recorded, tmp_path) == TABLE["`Telemetry(propagate=True)`"]


def test_a_client_over_plain_httpx(client: Caller, server: Server, recorded: Recorded, tmp_path: Path) -> None:
    client.settings["transport"] = "httpx"
    assert row(client, server, recorded, tmp_path) == TABLE['`transport="httpx"`']


def test_a_users_client_of_httpx(
    client: Caller, server: Server, recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("support.clients.httpx", httpx)
    client.user_client = {}
    assert row(client, server, recorded, tmp_path) == TABLE["`http_client=` of httpx"]


def test_a_users_client_of_httpx2(
    client: Caller, server: Server, recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with forked_httpx() as httpx2:
        monkeypatch.setattr("support.clients.httpx", httpx2)
        client.user_client = {}
        # A session answers every import of httpx with httpx2.
        name = "httpx" if httpx2 is httpx else "httpx2"
        assert row(client, server, recorded, tmp_path) == TABLE[f"`http_client=` of {name}"]


def test_an_instrumented_httpx_is_no_mock(client: Caller, recorded: Recorded) -> None:
    # Otherwise each request would have a connection of its own, and 20 would be in flight at most.
    assert recorded.spans == []
    client.run(is_over_the_builtin_connections)


async def is_over_the_builtin_connections(client: AsyncVideoClient) -> None:
    assert not uses_httpx(client._settings)


def mock(_transport: object, _request: object) -> None:
    """In place of httpx's own method."""


def test_a_mock_below_an_instrumentation_is_still_a_mock(client: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("httpx.HTTPTransport.handle_request", mock)
    HTTPXClientInstrumentor().instrument()

    async def body(each: AsyncVideoClient) -> None:
        assert uses_httpx(each._settings)

    try:
        client.run(body)
    finally:
        HTTPXClientInstrumentor().uninstrument()
