"""Waits on real Celery workers: none is lost when a worker, its child or the broker is killed or restarted."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import chdir, closing
from pathlib import Path
from typing import Final

import pytest
from celery import Celery
from kombu.exceptions import OperationalError

from meshapi_video import WaitToken
from meshapi_video.celery import VideoWaits
from meshapi_video_sandbox import Sandbox, running_sandbox
from tools.fleet.celery_engine import ROOT, CeleryOnRabbitMQ, CeleryOnRedis
from tools.fleet.celery_worker import SEARCH_INTERVAL
from tools.fleet.engine import POLL_DELAY, Worker
from tools.fleet.servers import RabbitMQ, Redis, Server
from tools.fleet.servers.server import LOCALHOST, free_port

TASKS: Final = 20
LONG: Final = 3600
VISIBILITY_TIMEOUT_PASSES: Final = """
for _, tag in ipairs(redis.call("ZRANGE", KEYS[1], 0, -1)) do redis.call("ZADD", KEYS[1], 1, tag) end
"""
"""Each message that is not acknowledged was delivered in 1970."""

Celeries = CeleryOnRabbitMQ | CeleryOnRedis


@pytest.fixture(scope="module")
def sandbox() -> Generator[Sandbox]:
    with running_sandbox() as started:
        yield started


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(POLL_DELAY, "0.3")


@pytest.fixture
def engine(request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path) -> Celeries:
    """The engine that the parameter of a test names, such as `rabbitmq threads`."""
    broker, pool = request.param.split()
    server: RabbitMQ | Redis = request.getfixturevalue(broker)
    # A budget that is not over before a worker is killed.
    engine = (
        CeleryOnRabbitMQ(tmp_path, server, pool=pool, budget=20)
        if isinstance(server, RabbitMQ)
        else CeleryOnRedis(tmp_path, server, pool=pool, budget=20)
    )
    engine.prepare(tmp_path, sandbox.base_url)
    # Messages of an earlier test.
    tokens_with_the_broker(engine)
    if isinstance(server, Redis):
        redis_cli(server, "FLUSHDB")
    return engine


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "record"


@pytest.fixture
def start_worker(engine: Celeries, record: Path) -> Generator[Callable[[], Worker]]:
    workers = list[Worker]()

    def start() -> Worker:
        workers.append(engine.start_worker(record))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()


def redis_cli(server: Server, *command: str) -> None:
    subprocess.run(["redis-cli", "-u", server.url, *command], check=True, capture_output=True)  # noqa: S607 - of the server's package


def wait_until(condition: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def recorded(record: Path) -> list[str]:
    """The ids of the tasks for which `on_end` was called."""
    return [line.split()[0] for line in record.read_text("ascii").splitlines()] if record.exists() else []


def begin(engine: Celeries, sandbox: Sandbox) -> list[str]:
    """Adds waits for tasks that are still running, and returns when a worker polls each."""
    sandbox.reset()
    task_ids = [sandbox.create_task(queued_for=0, running_for=LONG) for _ in range(TASKS)]
    engine.add(task_ids)
    wait_until(lambda: all(sandbox.inspect(task_id).upstream_polls for task_id in task_ids))
    return task_ids


def tokens_with_the_broker(engine: Celeries) -> list[WaitToken]:
    """Takes the tokens of all messages that no worker has taken."""
    app = Celery(broker=engine.server.url, set_as_current=False)
    tokens = list[WaitToken]()
    with app.connection_for_read() as connection, connection.channel() as channel:
        queue = app.amqp.queues["meshapi_video"].bind(channel)
        queue.declare()
        while message := queue.get(no_ack=True, accept=["json"]):
            tokens += map(WaitToken.from_json, message.payload[0][0])
    return tokens


def videos_in(database: Path) -> int:
    """The number of URLs that the worker on the page has recorded."""
    with closing(sqlite3.connect(database)) as db:
        # The first connection makes the file, and this may be it. The worker makes the table.
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'videos'").fetchone():
            return 0
        [found] = db.execute("SELECT count(*) FROM videos WHERE url IS NOT NULL").fetchone()
        return int(found)


# The fleet does each kill on both brokers.
@pytest.mark.parametrize("engine", ["redis prefork"], indirect=True)
def test_no_wait_is_lost_when_a_worker_is_killed_with_its_children(
    engine: Celeries, sandbox: Sandbox, start_worker: Callable[[], Worker], record: Path
) -> None:
    worker = start_worker()
    task_ids = begin(engine, sandbox)
    worker.kill()
    redis_cli(engine.server, "EVAL", VISIBILITY_TIMEOUT_PASSES, "1", "unacked_index")
    start_worker()
    sandbox.advance(LONG)
    wait_until(lambda: set(recorded(record)) == set(task_ids))


@pytest.mark.parametrize("engine", ["redis prefork"], indirect=True)
def test_no_wait_is_lost_when_a_worker_is_killed_while_it_takes_a_message(
    engine: Celeries,
    sandbox: Sandbox,
    start_worker: Callable[[], Worker],
    record: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(SEARCH_INTERVAL, "1")
    sandbox.reset()
    task_ids = [sandbox.create_task(queued_for=0, running_for=0) for _ in range(TASKS)]
    engine.add(task_ids)
    # The worker takes a message, and is killed before it notes that the message is not acknowledged.
    redis_cli(engine.server, "RPOP", "meshapi_video")
    redis_cli(engine.server, "EVAL", VISIBILITY_TIMEOUT_PASSES, "1", "meshapi_video.copies_index")
    start_worker()
    wait_until(lambda: set(recorded(record)) == set(task_ids))


@pytest.mark.parametrize("engine", ["rabbitmq prefork"], indirect=True)
def test_no_wait_is_lost_when_child_processes_are_killed(
    engine: Celeries, sandbox: Sandbox, start_worker: Callable[[], Worker], record: Path
) -> None:
    worker = start_worker()
    task_ids = begin(engine, sandbox)
    for child in worker.children():
        os.kill(child, signal.SIGKILL)
    sandbox.advance(LONG)
    wait_until(lambda: set(recorded(record)) == set(task_ids))


@pytest.mark.parametrize("engine", ["rabbitmq threads", "redis prefork"], indirect=True)
def test_a_worker_hands_its_waits_back_within_seconds_of_sigterm(
    engine: Celeries, sandbox: Sandbox, start_worker: Callable[[], Worker], record: Path
) -> None:
    worker = start_worker()
    task_ids = begin(engine, sandbox)
    assert worker.stop() < 10
    assert worker.process.returncode == 0
    tokens = tokens_with_the_broker(engine)
    assert sorted(token.task_id for token in tokens) == sorted(task_ids)
    assert all(token.polls for token in tokens)
    assert recorded(record) == []


@pytest.mark.parametrize("engine", ["redis prefork"], indirect=True)
def test_no_wait_is_lost_when_the_broker_restarts(
    engine: Celeries, sandbox: Sandbox, start_worker: Callable[[], Worker], record: Path
) -> None:
    start_worker()
    task_ids = begin(engine, sandbox)
    engine.server.restart()
    sandbox.advance(LONG)
    wait_until(lambda: set(recorded(record)) == set(task_ids))


@pytest.mark.parametrize("broker", ["amqp", "redis"])
def test_a_broker_that_cannot_be_reached_raises_the_error_that_add_documents(broker: str) -> None:
    app = Celery("videos", broker=f"{broker}://:secret@{LOCALHOST}:{free_port()}", set_as_current=False)
    app.conf.update(worker_prefetch_multiplier=1, broker_transport_options={"visibility_timeout": 90})
    with app, pytest.raises(OperationalError, match=r"Add all again") as failed:
        VideoWaits(app, print).add(["task-1"])
    assert f"{broker}://" in str(failed.value)
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize("engine", ["redis prefork"], indirect=True)
def test_a_worker_on_redis_with_the_default_visibility_timeout_stops_with_the_line_that_mends_it(
    engine: Celeries, tmp_path: Path
) -> None:
    module = tmp_path / "videos.py"
    module.write_text(
        f"""from celery import Celery
from meshapi_video.celery import VideoWaits

app = Celery("videos", broker="{engine.server.url}")
waits = VideoWaits(app, print)
""",
        "ascii",
    )
    done = subprocess.run(
        [sys.executable, "-m", "celery", "--app", "videos", "worker", "--pool", "solo"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert re.search(r'Set broker_transport_options = \{"visibility_timeout": 270\}', done.stderr)


@pytest.mark.parametrize("engine", ["rabbitmq prefork"], indirect=True)
def test_the_worker_on_the_page_about_celery_records_a_video(
    engine: Celeries, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.reset()
    sandbox.plan_creates(queued_for=0, running_for=0)
    page = (ROOT / "docs" / "celery.md").read_text("utf-8")
    [code] = re.findall(r"^```python\n(import sqlite3.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert "amqp://localhost" in code
    (tmp_path / "videos.py").write_text(code.replace("amqp://localhost", engine.server.url), "utf-8")
    commands = dict.fromkeys(re.findall(r"^(celery|python) (.*)$", page, re.MULTILINE))
    (celery, worker), (python, order) = commands
    environment = {**engine.environment, "PYTHONPATH": str(tmp_path)}
    with chdir(tmp_path):
        running = Worker.start(sys.executable, "-m", celery, *worker.split(), log=engine.log, environment=environment)
        try:
            subprocess.run([python, *shlex.split(order)], env={**os.environ, **environment}, check=True)
            wait_until(lambda: videos_in(tmp_path / "videos.db") == 1)
        finally:
            running.kill()
