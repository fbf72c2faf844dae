"""A program without OpenTelemetry pays nothing for it: no import, and two look-ups for a call."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from types import ModuleType

import pytest

from meshapi_video import Telemetry
from meshapi_video._polling.state import start_get
from meshapi_video._telemetry.client import ClientTelemetry
from meshapi_video._transport.operations import GET
from support.telemetry import Recorded

PROGRAM = """
import sys
from meshapi_video import AsyncVideoClient, ConnectionFailed, Telemetry, VideoClient
telemetry = Telemetry(propagate=True)
client = VideoClient("rsk_test_0123456789", base_url="http://127.0.0.1:1", max_retries=0, telemetry=telemetry)
AsyncVideoClient("rsk_test_0123456789")
try:
    client.get("task-1")
except ConnectionFailed:
    print([name for name in sys.modules if name.startswith("opentelemetry") or name.endswith("_telemetry.tracing")])
"""


def test_the_sdk_never_imports_opentelemetry_first() -> None:
    # It is installed here.
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_a_program_that_imports_opentelemetry_and_sets_no_provider_has_no_spans(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import opentelemetry.metrics  # noqa: PLC0415 - the program imports it
    import opentelemetry.trace  # noqa: PLC0415

    assert {"opentelemetry.trace", "opentelemetry.metrics"} <= sys.modules.keys()
    telemetry = ClientTelemetry(Telemetry(propagate=True), "https://api.meshapi.ai")
    monkeypatch.setattr("meshapi_video._telemetry.tracing.Tracing", None)
    assert isinstance(telemetry.call("create"), nullcontext)
    assert isinstance(telemetry.wait(start_get("task-1", 0, 0.0), lambda: 0.0), nullcontext)
    with telemetry.request(GET, 0):
        assert telemetry.headers() == {}
    assert opentelemetry.trace.get_current_span() is opentelemetry.trace.INVALID_SPAN
    assert opentelemetry.metrics.get_meter_provider() is not None


def test_opentelemetry_that_another_thread_is_importing_ends_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    telemetry = ClientTelemetry(Telemetry(), "https://api.meshapi.ai")
    # The import system shows a module before its code has run.
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", ModuleType("opentelemetry.trace"))
    monkeypatch.setitem(sys.modules, "opentelemetry.metrics", ModuleType("opentelemetry.metrics"))
    assert isinstance(telemetry.call("create"), nullcontext)


def test_a_provider_that_raises_ends_no_call_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    class Provider:
        def get_tracer(self, name: str, version: str | None = None, /) -> object:
            raise ZeroDivisionError(name, version)

    telemetry = ClientTelemetry(Telemetry(tracer_provider=Provider()), "https://api.meshapi.ai")
    for _ in range(3):
        assert isinstance(telemetry.call("create"), nullcontext)
    [record] = caplog.records
    assert "could not be recorded: ZeroDivisionError" in record.getMessage()


def test_an_environment_whose_provider_cannot_be_loaded_ends_no_call(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> object:
        raise ImportError("no such provider")

    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", fail)
    telemetry = ClientTelemetry(Telemetry(), "https://api.meshapi.ai")
    assert isinstance(telemetry.call("create"), nullcontext)
    assert "could not be recorded: ImportError" in caplog.text


def test_a_call_in_a_program_with_metrics_only_costs_nothing() -> None:
    # No metric is about a call.
    telemetry = ClientTelemetry(Telemetry(meter_provider=Recorded().meter_provider), "https://api.meshapi.ai")
    assert isinstance(telemetry.call("create"), nullcontext)


def test_a_client_asks_once_for_its_tracer(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, asked = Recorded(), list[str]()
    get_tracer = recorded.tracer_provider.get_tracer

    def count(name: str, version: str) -> object:
        asked.append(name)
        return get_tracer(name, version)

    monkeypatch.setattr(recorded.tracer_provider, "get_tracer", count)
    telemetry = ClientTelemetry(recorded.telemetry(), "https://api.meshapi.ai")
    for _ in range(3):
        with telemetry.call("create"):
            pass
    assert asked == ["meshapi_video"]
