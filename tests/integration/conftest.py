"""A sandbox in virtual time: its tasks grow old when the SDK sleeps."""

from __future__ import annotations

from collections.abc import Generator
from types import SimpleNamespace

import pytest

from meshapi_video import PollPolicy
from meshapi_video_sandbox import Sandbox, running_sandbox
from support.clients import Caller, Kind
from support.clock import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """One clock for the sandbox and for clients made inside the code under test."""
    clock = Clock(now=1_700_000_000.0)
    monkeypatch.setattr("meshapi_video_sandbox._clock.time", SimpleNamespace(time=clock))
    monkeypatch.setattr("meshapi_video._sync.time", SimpleNamespace(monotonic=clock, time=clock, sleep=clock.sleep))
    return clock


@pytest.fixture
def hurried(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Has the time that a wait would sleep pass at once, for clients on an event loop too."""
    delay = PollPolicy.delay

    def passing(policy: PollPolicy, age: float, chance: float, misses: int = 0) -> float:
        clock.now += delay(policy, age, chance, misses)
        return 0

    monkeypatch.setattr(PollPolicy, "delay", passing)
    monkeypatch.setattr("meshapi_video._async.time", SimpleNamespace(monotonic=clock, time=clock))
    return clock


@pytest.fixture(scope="module")
def started() -> Generator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(started: Sandbox, clock: Clock) -> Sandbox:  # noqa: ARG001 - the sandbox lives by it
    return started


@pytest.fixture
def client(kind: Kind, sandbox: Sandbox, clock: Clock) -> Caller:
    return Caller(kind, sandbox.base_url, clock, {"api_key": sandbox.api_key})
