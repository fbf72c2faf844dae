"""A sandbox and a server in virtual time, and the environment variables that name them."""

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
    """One clock for the sandbox and for the clients that the tested code creates. The SDK's sleeps move it."""
    clock = Clock(now=1_700_000_000.0)
    monkeypatch.setattr("meshapi_video_sandbox._clock.time", SimpleNamespace(time=clock))
    monkeypatch.setattr("meshapi_video_sandbox._clock.monotonic", clock)
    monkeypatch.setattr("meshapi_video._base_client.time", SimpleNamespace(time=clock))
    monkeypatch.setattr("meshapi_video._base_client.monotonic", clock)
    monkeypatch.setattr("meshapi_video._sync.client.time", SimpleNamespace(sleep=clock.sleep))
    return clock


@pytest.fixture(autouse=True)
def _restore_log_level() -> Generator[None]:
    """Undoes what `--debug` sets for the rest of a process."""
    logger = logging.getLogger("meshapi_video")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.fixture
def no_delays(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Moves the clock by each delay of a poll policy instead of sleeping. Works on an event loop, too."""
    delay = PollPolicy.delay

    def move_clock(
        policy: PollPolicy, age: float, rand: float, failures: int = 0, task: VideoTaskResponse | None = None
    ) -> float:
        clock.now += delay(policy, age, rand, failures, task)
        return 0

    monkeypatch.setattr(PollPolicy, "delay", move_clock)
    return clock


@pytest.fixture
def env_sandbox(sandbox: Sandbox, no_delays: Clock, monkeypatch: pytest.MonkeyPatch) -> Sandbox:  # noqa: ARG001 - for its effect
    """A sandbox that the environment variables name."""
    monkeypatch.setenv("MESHAPI_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("MESHAPI_API_KEY", sandbox.api_key)
    return sandbox


@pytest.fixture
def env_server(server: Server, no_delays: Clock, monkeypatch: pytest.MonkeyPatch) -> Server:  # noqa: ARG001 - for its effect
    """A server with scripted responses that the environment variables name."""
    monkeypatch.setenv("MESHAPI_BASE_URL", server.base_url)
    monkeypatch.setenv("MESHAPI_API_KEY", KEY)
    return server


@pytest.fixture(scope="module")
def module_sandbox() -> Generator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(module_sandbox: Sandbox, clock: Clock) -> Sandbox:
    """A sandbox in virtual time."""
    module_sandbox.set_time(clock.now)
    return module_sandbox


@pytest.fixture
def client(kind: Kind, sandbox: Sandbox, clock: Clock) -> Caller:
    return Caller(kind, sandbox.base_url, clock, {"api_key": sandbox.api_key})
