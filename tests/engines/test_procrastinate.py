"""The worker on the page about other queues loses no wait, with the real Procrastinate on PostgreSQL.

The module, the commands and the table are those of the page.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final

import pytest

from meshapi_video import WaitToken
from meshapi_video_sandbox import Sandbox, running_sandbox
from tools.fleet.engine import POLL_DELAY, Worker
from tools.fleet.procrastinate_engine import MODULE, ProcrastinateEngine, load
from tools.fleet.servers import PostgreSQL

TASKS: Final = 20
"""As many as a worker takes at once."""


@pytest.fixture(scope="module")
def sandbox() -> Generator[Sandbox]:
    with running_sandbox() as started:
        yield started


@pytest.fixture(scope="module")
def engine(postgresql: PostgreSQL, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> ProcrastinateEngine:
    folder = tmp_path_factory.mktemp("procrastinate")
    engine = ProcrastinateEngine(folder / "server", postgresql)
    engine.prepare(folder, sandbox.base_url)
    return engine


@pytest.fixture(autouse=True)
def _environment(engine: ProcrastinateEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**engine.environment, POLL_DELAY: "0.5"}.items():
        monkeypatch.setenv(name, value)
    with engine.connect() as connection:
        connection.execute("TRUNCATE procrastinate_jobs, videos CASCADE")


@pytest.fixture
def start_worker(engine: ProcrastinateEngine, tmp_path: Path) -> Generator[Callable[[], Worker]]:
    workers = list[Worker]()

    def start() -> Worker:
        workers.append(engine.start_worker(tmp_path / "record"))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()


def jobs(engine: ProcrastinateEngine, status: str) -> list[WaitToken]:
    """The tokens of the messages that wait (`todo`), or that a worker has taken (`doing`)."""
    query = (
        "SELECT args->>'token' FROM procrastinate_jobs WHERE status = %s::procrastinate_job_status AND args ? 'token'"
    )
    with engine.connect() as connection:
        return [WaitToken.from_json(row[0]) for row in connection.execute(query, [status])]


def recorded(engine: ProcrastinateEngine) -> set[str]:
    """The tasks in the table of the page."""
    with engine.connect() as connection:
        return {row[0] for row in connection.execute("SELECT task_id FROM videos WHERE url IS NOT NULL")}


def wait_until(condition: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def first_steps_taken(engine: ProcrastinateEngine) -> bool:
    return any(token.polls for token in jobs(engine, "todo"))


def test_no_wait_is_lost_when_a_worker_is_killed_in_the_middle_of_its_steps(
    engine: ProcrastinateEngine, sandbox: Sandbox, start_worker: Callable[[], Worker]
) -> None:
    # The first poll of each task has no response.
    faults = [{"polls": [1], "delay": 60}]
    task_ids = [sandbox.create_task(queued_for=0, running_for=0, faults=faults) for _ in range(TASKS)]
    worker = start_worker()
    engine.add(task_ids)
    wait_until(lambda: len(jobs(engine, "doing")) == TASKS)
    worker.kill()
    assert len(jobs(engine, "doing")) == TASKS
    start_worker()
    wait_until(lambda: recorded(engine) == set(task_ids))
    wait_until(lambda: not jobs(engine, "doing"))


def test_no_wait_is_lost_when_postgresql_restarts(
    engine: ProcrastinateEngine, postgresql: PostgreSQL, sandbox: Sandbox, start_worker: Callable[[], Worker]
) -> None:
    task_ids = [sandbox.create_task(queued_for=0, running_for=3600) for _ in range(TASKS)]
    worker = start_worker()
    engine.add(task_ids)
    wait_until(lambda: first_steps_taken(engine))
    postgresql.restart()
    sandbox.advance(3600)

    def all_recorded() -> bool:
        nonlocal worker
        if worker.process.poll() is not None:  # a supervisor starts it again
            worker = start_worker()
        return recorded(engine) == set(task_ids)

    wait_until(all_recorded)


def test_a_worker_finishes_its_steps_at_sigterm(
    engine: ProcrastinateEngine, sandbox: Sandbox, start_worker: Callable[[], Worker]
) -> None:
    task_ids = [sandbox.create_task(queued_for=0, running_for=3600) for _ in range(TASKS)]
    worker = start_worker()
    engine.add(task_ids)
    wait_until(lambda: first_steps_taken(engine))
    worker.stop()
    assert worker.process.returncode == 0
    assert not jobs(engine, "doing")
    assert {token.task_id for token in jobs(engine, "todo")} == set(task_ids)


def test_two_messages_for_one_task_become_one(engine: ProcrastinateEngine) -> None:
    """A worker that is killed after `send`, and before its job is finished, leaves two."""
    waits = load(engine.environment[MODULE])
    before = WaitToken(task_id="task", started=1, polls=1, not_before=0)
    after = WaitToken(task_id="task", started=1, polls=2, not_before=0)

    async def kill_after_send() -> None:
        async with waits.app.open_async():
            dead = await waits.app.job_manager.register_worker()
            await waits.send(before)
            assert await waits.app.job_manager.fetch_job(queues=None, worker_id=dead)
            await waits.send(after)
            await waits.app.connector.execute_query_async(
                "UPDATE procrastinate_workers SET last_heartbeat = '1970-01-01'"
            )
            assert (jobs(engine, "doing"), jobs(engine, "todo")) == ([before], [after])
            await waits.requeue(0)

    asyncio.run(kill_after_send())
    assert (jobs(engine, "doing"), jobs(engine, "todo")) == ([], [after])


def test_a_task_that_is_recorded_twice_has_one_row(engine: ProcrastinateEngine, sandbox: Sandbox) -> None:
    waits = load(engine.environment[MODULE])
    task_id = sandbox.create_task(queued_for=0, running_for=0)

    async def record_twice() -> None:
        async with waits.app.open_async(), waits.client:
            step = await waits.client.step(task_id)
            await waits.record(step)
            await waits.record(step)

    asyncio.run(record_twice())
    assert recorded(engine) == {task_id}
