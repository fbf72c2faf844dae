"""A sandbox in virtual time: its tasks grow old when the SDK sleeps."""

from __future__ import annotations

import logging
from collections.abc import Generator
from types import SimpleNamespace

import pytest

from meshapi_video import PollPolicy, VideoTaskResponse
from meshapi_video_sandbox import Sandbox, running_sandbox
from support.clients import KEY, Caller, Kind
from support.clock import Clock
from support.server import Server


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """One clock for the sandbox and for clients made inside the code under test."""
    clock = Clock(now=1_700_000_000.0)
    monkeypatch.setattr("meshapi_video_sandbox._clock.time", SimpleNamespace(time=clock))
    monkeypatch.setattr("meshapi_video._sync.time", SimpleNamespace(monotonic=clock, time=clock, sleep=clock.sleep))
    return clock


@pytest.fixture(autouse=True)
def _as_quiet_as_before() -> Generator[None]:
    """Takes back what `--debug` does for the rest of a process."""
    logger = logging.getLogger("meshapi_video")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.fixture
def hurried(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Has the time that a wait would sleep pass at once, for clients on an event loop too."""
    delay = PollPolicy.delay

    def passing(
        policy: PollPolicy, age: float, chance: float, misses: int = 0, task: VideoTaskResponse | None = None
    ) -> float:
        clock.now += delay(policy, age, chance, misses, task)
        return 0

    monkeypatch.setattr(PollPolicy, "delay", passing)
    monkeypatch.setattr("meshapi_video._async.time", SimpleNamespace(monotonic=clock, time=clock))
    return clock


@pytest.fixture
def configured(sandbox: Sandbox, hurried: Clock, monkeypatch: pytest.MonkeyPatch) -> Sandbox:  # noqa: ARG001 - the wait lives by it
    """A sandbox that the environment names."""
    monkeypatch.setenv("MESHAPI_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("MESHAPI_API_KEY", sandbox.api_key)
    return sandbox


@pytest.fixture
def scripted(server: Server, hurried: Clock, monkeypatch: pytest.MonkeyPatch) -> Server:  # noqa: ARG001 - the wait lives by it
    """A scripted server that the environment names."""
    monkeypatch.setenv("MESHAPI_BASE_URL", server.base_url)
    monkeypatch.setenv("MESHAPI_API_KEY", KEY)
    return server


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
