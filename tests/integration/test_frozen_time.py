"""A test that freezes the time can use the clients and the sandbox. Nothing hangs, and the sandbox runs on."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final

import anyio
import freezegun
import pytest
import time_machine

from meshapi_video import (
    AsyncVideoClient,
    ConnectionTimeout,
    PollPolicy,
    VideoClient,
    VideoTaskResponse,
    WaitTimeout,
)
from meshapi_video_sandbox import Sandbox, running_sandbox
from meshapi_video_sandbox._clock import monotonic
from meshapi_video_sandbox.pytest_plugin import pytest_collection_finish
from support.clients import Driver, as_async, complete, kind_of
from support.many_tasks import LONG, collect
from support.server import Server, finished, task

DATE: Final = datetime(2030, 1, 2, tzinfo=UTC)
SHORTLY: Final = PollPolicy(initial_delay=0.1, multiplier=1.0, max_delay=0.1, jitter=0.0)
FREEZERS: Final[dict[str, Callable[[], AbstractContextManager[Any]]]] = {
    "freeze_time": lambda: freezegun.freeze_time(DATE),
    "time_machine": lambda: time_machine.travel(DATE, tick=False),
    "real_asyncio": lambda: freezegun.freeze_time(DATE, real_asyncio=True),
    "tick": lambda: freezegun.freeze_time(DATE, tick=True),
    "ignore": lambda: freezegun.freeze_time(DATE, ignore=["asyncio", "trio"]),
    "travel": lambda: time_machine.travel(DATE),
}
# The lines of the documentation, for the timers of a program's own event loop.
LINES: Final = [
    ("asyncio", "real_asyncio"),
    *[(backend, line) for backend in ("asyncio", "trio") for line in ("tick", "ignore", "travel")],
]


@pytest.fixture
def sandbox_before() -> Generator[Sandbox]:
    """A sandbox that starts before the time is frozen."""
    with running_sandbox() as started:
        yield started


@pytest.fixture(params=["freeze_time", "time_machine", "tick"])
def frozen(request: pytest.FixtureRequest) -> Generator[None]:
    with FREEZERS[request.param]():
        yield


# The order of the fixtures: the time is frozen when the sandbox starts, and when it stops.
@pytest.fixture
def sandbox(frozen: None) -> Generator[Sandbox]:
    del frozen
    with running_sandbox() as started:
        yield started


def run(driver: Driver, base_url: str, body: Callable[[AsyncVideoClient], Any], **settings: Any) -> Any:  # noqa: ANN401
    """In real time, unlike the other tests."""
    if driver == "sync":
        with VideoClient("rsk_sandbox", base_url=base_url, **settings) as client:
            return complete(body(as_async(client)))

    async def main() -> Any:  # noqa: ANN401
        async with AsyncVideoClient("rsk_sandbox", base_url=base_url, **settings) as client:
            return await body(client)

    return anyio.run(main, backend=kind_of(driver))


def test_waits_end_while_the_time_is_frozen(sandbox: Sandbox, driver: Driver) -> None:
    task_ids = [sandbox.create_task(queued_for=0.1, running_for=0.2) for _ in range(3)]

    async def body(client: AsyncVideoClient) -> set[str]:
        video = await client.wait(task_ids[0], poll=SHORTLY)
        return {video.id} | {result.task_id for result in await collect(client.wait_many(task_ids[1:], poll=SHORTLY))}

    assert run(driver, sandbox.base_url, body) == set(task_ids)


def test_a_request_times_out_while_the_time_is_frozen(server: Server, driver: Driver) -> None:
    server.script(server.stall())
    with freezegun.freeze_time(DATE), pytest.raises(ConnectionTimeout):
        run(driver, server.base_url, lambda client: client.get("t"), timeout=0.2, max_retries=0)


def test_a_wait_runs_out_of_time_while_the_time_is_frozen(server: Server, driver: Driver) -> None:
    server.script(task())
    with freezegun.freeze_time(DATE), pytest.raises(WaitTimeout):
        run(driver, server.base_url, lambda client: client.wait("t", timeout=0.2, poll=SHORTLY))


def test_the_time_may_be_frozen_and_thawed_during_a_wait(server: Server, driver: Driver) -> None:
    server.script(task("queued"), task("queued"), task("running"), task("running"), finished("t"))
    freezer = freezegun.freeze_time(DATE)
    changes: dict[str, Callable[[], object]] = {
        "queued": freezer.start,
        "running": freezer.stop,
        "succeeded": lambda: None,
    }

    def on_update(task: VideoTaskResponse) -> None:
        changes[task.status]()

    video = run(driver, server.base_url, lambda client: client.wait("t", poll=SHORTLY, on_update=on_update))
    assert video.id == "t"


@pytest.mark.parametrize(("backend", "line"), LINES)
def test_a_documented_line_lets_the_timers_of_an_event_loop_run(backend: str, line: str) -> None:
    async def main() -> None:
        await anyio.sleep(0.01)

    with FREEZERS[line]():
        anyio.run(main, backend=backend)


@pytest.mark.parametrize("freeze", [FREEZERS["freeze_time"], FREEZERS["time_machine"]])
def test_the_sandbox_stops_soon_while_the_time_is_frozen_and_a_request_is_in_flight(
    freeze: Callable[[], AbstractContextManager[Any]],
) -> None:
    with ExitStack() as stack:
        sandbox = stack.enter_context(running_sandbox())
        task_id = sandbox.create_task(faults=[{"at": "gateway", "delay": 60}])
        hasty = VideoClient("rsk_sandbox", base_url=sandbox.base_url, timeout=0.1, max_retries=0)
        with freeze(), hasty, VideoClient("rsk_sandbox", base_url=sandbox.base_url) as client:
            with pytest.raises(ConnectionTimeout):
                hasty.get(task_id)
            # This one keeps its connection.
            assert task_id in {task.id for task in client.list()}
            began_at = monotonic()
            stack.close()
            assert monotonic() - began_at < LONG


@pytest.mark.parametrize("freeze", [FREEZERS["freeze_time"], FREEZERS["time_machine"]])
def test_the_sandbox_runs_on_whatever_a_test_does_to_the_time_of_its_process(
    freeze: Callable[[], AbstractContextManager[Any]], sandbox_before: Sandbox
) -> None:
    before = sandbox_before.now()
    with freeze():
        assert before < sandbox_before.now() < before + LONG
        sandbox_before.advance(60)
        with running_sandbox() as begun_now:
            assert 0 <= begun_now.now() - DATE.timestamp() < LONG
    assert before + 60 < sandbox_before.now() < before + 60 + LONG


def test_a_sandbox_is_imported_before_the_tests_that_use_it_because_they_may_freeze_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Pydantic cannot be imported while freezegun freezes the time.
    imported = list[str]()
    monkeypatch.setattr("meshapi_video_sandbox.pytest_plugin.importlib", SimpleNamespace(import_module=imported.append))
    session = SimpleNamespace(items=[SimpleNamespace(fixturenames=["tmp_path"]), object()])
    pytest_collection_finish(session)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - it reads the items
    assert imported == []
    session.items.append(SimpleNamespace(fixturenames=["tmp_path", "meshapi_sandbox"]))
    pytest_collection_finish(session)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - it reads the items
    assert imported == ["meshapi_video_sandbox._run"]
