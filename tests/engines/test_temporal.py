"""On Temporal's development server, waits and creates survive their workers, and histories stay small."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError
from temporalio.worker import Worker as InProcessWorker

from engines.temporal_workflow import TypedVideo
from meshapi_video import AsyncVideoClient, PollPolicy
from meshapi_video.temporal import VideoActivities
from meshapi_video_sandbox import Sandbox, running_sandbox
from tools.fleet.engine import POLL_DELAY, Worker
from tools.fleet.servers import TemporalServer
from tools.fleet.temporal_engine import TemporalWaits
from tools.fleet.temporal_worker import MakeVideo

REQUEST: Final = {"model": "byteplus/dreamina-seedance-2-0", "prompt": "a lake at sunrise"}
QUICKLY: Final = ("4", "1")
"""Seconds for a worker: after a create, the list has settled; and the tasks of a killed worker go to another one."""
QUICK: Final = PollPolicy(initial_delay=0.2, max_delay=0.2)


@pytest.fixture
def sandbox() -> Generator[Sandbox]:
    with running_sandbox() as started:
        yield started


class Fleet:
    """An engine with workers in processes of their own."""

    def __init__(self, engine: TemporalWaits, server: TemporalServer, folder: Path, sandbox: Sandbox) -> None:
        self.engine = engine
        self.record = folder / "record"
        self.record.touch()
        self.workers = list[Worker]()
        engine.server = server
        engine.heartbeat_timeout = 1.0
        engine.prepare(folder, sandbox.base_url)

    def start(self, *arguments: str) -> Worker:
        self.workers.append(self.engine.start_worker(self.record, *arguments))
        return self.workers[-1]

    def recorded(self) -> list[str]:
        return [line.split()[0] for line in self.record.read_text("ascii").splitlines()]


def until(condition: Callable[[], bool], timeout: float = 60) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.05)


@pytest.fixture
def fleet(
    temporal_server: TemporalServer, tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> Generator[Fleet]:
    monkeypatch.setenv(POLL_DELAY, "0.3")
    fleet = Fleet(TemporalWaits(tmp_path / "server"), temporal_server, tmp_path, sandbox)
    yield fleet
    for worker in fleet.workers:
        worker.kill()


def polls_of(sandbox: Sandbox, task_id: str) -> int:
    return sandbox.inspect(task_id).upstream_polls


def test_another_worker_ends_the_waits_of_a_killed_and_of_a_stopped_one(fleet: Fleet, sandbox: Sandbox) -> None:
    task_ids = [sandbox.create_task(queued_for=0, running_for=3600) for _ in range(6)]
    killed = fleet.start(*QUICKLY)
    fleet.engine.add(task_ids[:3])
    fleet.engine.activity = "poll_video"
    fleet.engine.add(task_ids[3:])
    until(lambda: all(polls_of(sandbox, task_id) for task_id in task_ids))
    killed.kill()
    stopped = fleet.start(*QUICKLY)
    before = {task_id: polls_of(sandbox, task_id) for task_id in task_ids}
    until(lambda: all(polls_of(sandbox, task_id) > before[task_id] for task_id in task_ids))
    fleet.start(*QUICKLY)
    assert stopped.stop() < 5
    sandbox.advance(3600)
    until(lambda: len(fleet.recorded()) >= len(task_ids))
    assert sorted(fleet.recorded()) == sorted(task_ids)


async def attempts_of(handle: WorkflowHandle[Any, Any]) -> int:
    """How often the activity of a workflow was started."""
    pending = (await handle.describe()).raw_description.pending_activities
    return max((each.attempt for each in pending if each.last_started_time.seconds), default=0)


def test_a_worker_that_is_killed_in_a_create_pays_once(fleet: Fleet, sandbox: Sandbox) -> None:
    # Both tasks are made, one before the worker is killed and one after that. Neither create gets its response.
    delays = {"slow_after": 6, "slow_before": 2}
    faults = [{"fault": name, "creates": [n], "delay": delays[name]} for n, name in enumerate(delays, 1)]
    sandbox.plan_creates(queued_for=0, running_for=0, create_faults=faults)
    killed = fleet.start(*QUICKLY)

    async def main() -> list[str]:
        client = await Client.connect(fleet.engine.server.url)
        start = partial(client.start_workflow, MakeVideo.run, args=[REQUEST, 3], task_queue=fleet.engine.queue)
        handles = [await start(id=str(uuid.uuid4())) for _ in delays]
        while not all([await attempts_of(handle) for handle in handles]):  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        killed.kill()
        fleet.start(*QUICKLY)
        return [await handle.result() for handle in handles]

    urls = asyncio.run(main())
    made = [record.id for record in sandbox.creates()]
    assert len(made) == 2
    assert all(any(task_id in url for url in urls) for task_id in made)


PAGE: Final = Path(__file__).parents[2] / "docs" / "temporal.md"
PROGRAM: Final = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND: Final = re.compile(r"^python -c '(.*)'$", re.MULTILINE)


def test_the_program_on_the_page_makes_a_video_in_a_small_history(
    temporal_server: TemporalServer, sandbox: Sandbox, tmp_path: Path
) -> None:
    page = PAGE.read_text("utf-8")
    [program], [work, make] = PROGRAM.findall(page), COMMAND.findall(page)
    (tmp_path / "videos.py").write_text(program.replace("localhost:7233", temporal_server.url), "utf-8")
    sandbox.plan_creates(queued_for=0, running_for=0)
    environment = {
        "MESHAPI_BASE_URL": sandbox.base_url,
        "MESHAPI_API_KEY": sandbox.api_key,
        "PYTHONPATH": str(tmp_path),
    }
    worker = Worker.start(sys.executable, "-c", work, log=tmp_path / "log", environment=environment)
    try:
        # Without `check`: temporalio now and then aborts at the end of a program, after the program has done its work.
        url = subprocess.run(
            [sys.executable, "-c", make], env={**os.environ, **environment}, capture_output=True, text=True, check=False
        ).stdout
        assert worker.stop() < 10
    finally:
        worker.kill()
    [made] = sandbox.creates()
    assert made.id in url

    async def history() -> tuple[int, int]:
        client = await Client.connect(temporal_server.url)
        events = (await client.get_workflow_handle("order-7").fetch_history()).events
        return len(events), sum(event.ByteSize() for event in events)

    events, size = asyncio.run(history())
    assert f"{events} events" in page
    assert size < 3000


@dataclass
class Workflows:
    """Starts workflows for a worker in this process."""

    client: Client
    queue: str

    async def start(self, task_id: str, **settings: object) -> WorkflowHandle[TypedVideo, str]:
        return await self.client.start_workflow(
            TypedVideo.run, args=[task_id, settings], id=str(uuid.uuid4()), task_queue=self.queue
        )


def in_workflows(
    server: TemporalServer, sandbox: Sandbox, body: Callable[[Workflows], Coroutine[None, None, None]]
) -> None:
    async def main() -> None:
        # The queue is new, so that no worker of another test gets the activities.
        workflows = Workflows(await Client.connect(server.url), str(uuid.uuid4()))
        async with (
            AsyncVideoClient(sandbox.api_key, base_url=sandbox.base_url) as videos,
            InProcessWorker(
                workflows.client,
                task_queue=workflows.queue,
                workflows=[TypedVideo],
                activities=VideoActivities(videos, poll=QUICK).activities,
            ),
        ):
            await body(workflows)

    asyncio.run(main())


def test_polls_add_nothing_to_the_history_whatever_the_retry_policy_says(
    temporal_server: TemporalServer, sandbox: Sandbox
) -> None:
    task_id = sandbox.create_task(queued_for=0, running_for=3600)
    other_id = sandbox.create_task(queued_for=0, running_for=3600)

    async def body(workflows: Workflows) -> None:
        polled = await workflows.start(task_id, poll=True, retry_after=600)
        waited = await workflows.start(other_id)
        while await attempts_of(polled) < 3 or polls_of(sandbox, other_id) < 4:  # noqa: ASYNC110 - in a server
            await asyncio.sleep(0.05)
        sandbox.advance(3600)
        for handle, ended in ((polled, task_id), (waited, other_id)):
            assert ended in await handle.result()
            history = await handle.fetch_history()
            assert len(history.events) == 11
            assert sum(event.ByteSize() for event in history.events) < 4000

    in_workflows(temporal_server, sandbox, body)


def test_a_cancelled_workflow_ends_its_wait_and_another_one_learns_how_a_task_without_a_video_ended(
    temporal_server: TemporalServer, sandbox: Sandbox
) -> None:
    failed_id = sandbox.create_task("failed", queued_for=0, running_for=0)
    task_id = sandbox.create_task(queued_for=0, running_for=3600)

    async def body(workflows: Workflows) -> None:
        handle = await workflows.start(task_id, heartbeat_timeout=1)
        while not polls_of(sandbox, task_id):  # noqa: ASYNC110 - in a server
            await asyncio.sleep(0.05)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as caught:
            await asyncio.wait_for(handle.result(), 5)
        assert isinstance(caught.value.cause, CancelledError | ActivityError)
        polls = polls_of(sandbox, task_id)
        await asyncio.sleep(0.5)
        assert polls_of(sandbox, task_id) == polls

        handle = await workflows.start(failed_id)
        with pytest.raises(WorkflowFailureError) as caught:
            await handle.result()
        assert isinstance(caught.value.cause, ActivityError)
        error = caught.value.cause.cause
        assert isinstance(error, ApplicationError)
        assert (error.type, error.non_retryable, error.details[0]["task_id"]) == ("TaskFailed", True, failed_id)
        history = await handle.fetch_history()
        assert sandbox.api_key.encode() not in b"".join(event.SerializeToString() for event in history.events)

    in_workflows(temporal_server, sandbox, body)
