"""Waits on Celery workers, without a server: what a message carries on, and which settings are refused.

The broker is kombu's memory. tests/engines/test_celery.py kills real workers of real brokers.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import re
import runpy
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from attrs import evolve
from celery import Celery, signals
from celery.exceptions import ImproperlyConfigured, Reject
from kombu import Message, Queue
from kombu.exceptions import OperationalError
from kombu.transport.memory import Channel

from meshapi_video import (
    APIError,
    CreatedTask,
    PollPolicy,
    TaskFailed,
    VideoClient,
    VideoTaskResponse,
    WaitResult,
    WaitToken,
)
from meshapi_video.celery import VideoWaits
from support.clients import KEY
from support.server import task_json

NAME = "meshapi_video.wait"


@dataclass
class Mesh:
    """The tasks at Mesh. A task that is not in `statuses` succeeds at once."""

    statuses: dict[str, str] = field(default_factory=dict[str, str])
    polled: list[str] = field(default_factory=list[str])
    when_polled: Callable[[], object] = field(default=lambda: None)

    def handle(self, request: httpx.Request) -> httpx.Response:
        task_id = request.url.path.rsplit("/", 1)[-1]
        self.polled.append(task_id)
        self.when_polled()
        status = self.statuses.get(task_id, "succeeded")
        content = {"content": {"video_url": "https://cdn.example/v.mp4"}} if status == "succeeded" else {}
        return httpx.Response(200, json=task_json(status, task_id, **content))

    def client(self) -> VideoClient:
        return VideoClient(KEY, http_client=httpx.Client(transport=httpx.MockTransport(self.handle)))


@pytest.fixture
def mesh() -> Mesh:
    return Mesh()


@pytest.fixture
def app() -> Generator[Celery]:
    app = Celery("videos", broker="memory://", set_as_current=False)
    # The brokers of all tests share one memory.
    Channel.queues.clear()
    yield app
    app.close()
    for signal in (
        signals.celeryd_init,
        signals.worker_shutting_down,
        signals.worker_process_shutdown,
        signals.worker_shutdown,
    ):
        signal.receivers = [each for each in signal.receivers or [] if "VideoWaits" not in repr(each)]


@dataclass
class Ends:
    """An `on_end` that keeps the results, and raises `error` the first `failures` times."""

    results: list[WaitResult] = field(default_factory=list[WaitResult])
    failures: int = 0
    error: BaseException = field(default_factory=lambda: OSError("the database is down"))

    def __call__(self, result: WaitResult) -> None:
        self.results.append(result)
        if len(self.results) <= self.failures:
            raise self.error

    @property
    def ids(self) -> list[str]:
        return sorted(result.task_id for result in self.results)


@pytest.fixture
def ends() -> Ends:
    return Ends()


@pytest.fixture
def waits(app: Celery, ends: Ends, mesh: Mesh) -> VideoWaits:
    return VideoWaits(app, ends, client=mesh.client)


def message(app: Celery, queue: str = "meshapi_video") -> Message | None:
    """The next message on the queue."""
    with app.connection_for_read() as connection, connection.channel() as channel:
        found: Message | None = app.amqp.queues[queue].bind(channel).get(no_ack=True, accept=["json"])
        return found


def texts(found: Message) -> list[str]:
    tokens: list[str] = found.payload[0][0]
    return tokens


def queued(app: Celery, queue: str = "meshapi_video") -> list[list[WaitToken]]:
    """Takes all messages from the queue, and returns their tokens."""
    messages = list[list[WaitToken]]()
    while found := message(app, queue):
        messages.append([WaitToken.from_json(text) for text in texts(found)])
    return messages


def ids_of(messages: list[list[WaitToken]]) -> list[list[str]]:
    return [[token.task_id for token in tokens] for tokens in messages]


def run_one(app: Celery) -> None:
    """Runs the task with the next message, as a worker does. Raises `Reject` if the message goes back."""
    found = message(app)
    assert found is not None
    app.tasks[NAME](*found.payload[0])


def shut_down_after_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker shuts down where it would let the rest of the budget pass, after something has failed."""

    def after_failure(_seconds: float) -> None:
        shut_down()

    monkeypatch.setattr(time, "sleep", after_failure)


def shut_down() -> None:
    signals.worker_shutting_down.send(sender="worker", sig="SIGTERM", how="Warm", exitcode=0)


def test_waits_are_added_in_messages_of_at_most_one_chunk_each(app: Celery, mesh: Mesh, ends: Ends) -> None:
    VideoWaits(app, ends, chunk=2, client=mesh.client).add(f"task-{number}" for number in range(5))
    assert ids_of(queued(app)) == [["task-0", "task-1"], ["task-2", "task-3"], ["task-4"]]


def test_a_message_is_kept_by_a_broker_that_restarts_and_shows_no_ids_to_the_log(
    app: Celery, waits: VideoWaits, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = list[object]()
    publish = Channel.basic_publish

    def spy(channel: Channel, *args: Any, **options: Any) -> None:  # noqa: ANN401 - it passes them on
        published.append(options["confirm_timeout"])
        publish(channel, *args, **options)

    monkeypatch.setattr(Channel, "basic_publish", spy)
    waits.add(["task-1"])
    found = message(app)
    assert found is not None
    assert dict[str, object](found.properties)["delivery_mode"] == 2
    assert app.amqp.queues["meshapi_video"].durable
    # It exceeds the pauses of a busy RabbitMQ: a message that is stored but confirmed too late is sent twice.
    assert published == [120]
    assert found.headers["argsrepr"] == "(1 waits,)"


def test_tasks_and_tokens_can_be_added_like_ids_and_a_duplicate_is_waited_for_once(
    app: Celery, waits: VideoWaits
) -> None:
    token = WaitToken(task_id="task-2", started=5.0, polls=3, not_before=7.0)
    created = CreatedTask("task-3", "request-3", 9.0)
    waits.add(["task-1", token, created, "task-1"])
    [[first, second, third]] = queued(app)
    assert (first.task_id, first.polls) == ("task-1", 0)
    assert second == token
    assert third == created.token


@pytest.mark.parametrize(
    "wrong",
    ["../task", WaitToken(task_id="", started=0, polls=0, not_before=0), CreatedTask("../task", "request-1", 9.0)],
)
def test_an_id_that_cannot_be_a_tasks_id_is_refused_before_anything_is_sent(
    app: Celery, waits: VideoWaits, wrong: str | WaitToken | CreatedTask
) -> None:
    with pytest.raises(ValueError, match="task id"):
        waits.add(["task-1", wrong])
    assert queued(app) == []


def test_a_single_id_is_refused_because_its_letters_are_no_ids(waits: VideoWaits) -> None:
    with pytest.raises(TypeError, match=r"\[task_id\]"):
        waits.add("task-1")


@pytest.mark.parametrize("settings", [{"chunk": 0}, {"budget": 0.5}, {"budget": 601}, {"budget": True}])
def test_a_chunk_or_a_budget_out_of_its_range_is_refused(app: Celery, ends: Ends, settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        VideoWaits(app, ends, **settings)


def test_a_coroutine_function_is_refused_as_on_end(app: Celery) -> None:
    async def on_end(_result: WaitResult) -> None: ...

    with pytest.raises(TypeError, match="on_end"):
        VideoWaits(app, on_end)


def test_a_second_object_for_the_same_queue_is_refused_and_one_for_another_queue_works(
    app: Celery, waits: VideoWaits, ends: Ends, mesh: Mesh
) -> None:
    with pytest.raises(ValueError, match="queue="):
        VideoWaits(app, ends)
    other = Ends()
    others = VideoWaits(app, other, queue="others", client=mesh.client)
    waits.add(["task-1"])
    others.add(["task-2"])
    assert ids_of(queued(app, "others")) == [["task-2"]]
    run_one(app)
    assert (ends.ids, other.ids) == (["task-1"], [])


def test_the_task_is_no_task_of_other_apps(waits: VideoWaits) -> None:  # noqa: ARG001 - it registers the task
    assert NAME not in Celery("another", set_as_current=False).tasks


def test_on_end_is_called_with_the_video_or_the_error_of_each_task_and_nothing_is_left(
    app: Celery, waits: VideoWaits, ends: Ends, mesh: Mesh
) -> None:
    mesh.statuses["task-2"] = "failed"
    waits.add(["task-1", "task-2"])
    run_one(app)
    first, second = sorted(ends.results, key=lambda result: result.task_id)
    assert first.video is not None
    assert isinstance(second.error, TaskFailed)
    assert queued(app) == []


def test_a_warm_shutdown_sends_the_waits_on_that_have_not_ended(
    app: Celery, waits: VideoWaits, ends: Ends, mesh: Mesh
) -> None:
    mesh.statuses["task-2"] = "running"
    waits.add(["task-1", "task-2"])
    mesh.when_polled = lambda: shut_down() if ends.ids and len(mesh.polled) > 2 else None
    waits._runner._poll = PollPolicy(initial_delay=0.01, multiplier=1, max_delay=0.01)
    run_one(app)
    assert ends.ids == ["task-1"]
    [[token]] = queued(app)
    assert (token.task_id, token.polls) == ("task-2", mesh.polled.count("task-2"))


def test_a_remote_shutdown_without_a_signal_stops_the_waits_too(app: Celery, waits: VideoWaits, mesh: Mesh) -> None:
    mesh.statuses["task-1"] = "running"
    waits.add(["task-1"])
    [step] = app.steps["consumer"]
    mesh.when_polled = lambda: step(None).close(None)
    run_one(app)
    assert ids_of(queued(app)) == [["task-1"]]


def test_when_the_budget_is_over_the_waits_are_sent_on(
    app: Celery, waits: VideoWaits, mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("meshapi_video._celery.worker.monotonic", lambda: now)

    def pass_time() -> None:
        nonlocal now
        now += 30

    mesh.statuses["task-1"] = "running"
    mesh.when_polled = pass_time
    waits.add(["task-1"])
    run_one(app)
    assert ids_of(queued(app)) == [["task-1"]]


def test_a_slow_on_end_is_called_for_at_most_twice_the_budget(
    app: Celery, mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("meshapi_video._celery.worker.monotonic", lambda: now)
    ended = list[str]()

    def on_end(result: WaitResult) -> None:
        nonlocal now
        ended.append(result.task_id)
        # In the first call, the other tasks end.
        [results] = slow._client.get()._wait_results.values()
        while results.progress.ended < 5:
            time.sleep(0.001)
        now += 25

    slow = VideoWaits(app, on_end, client=mesh.client)
    slow.add(f"task-{number}" for number in range(5))
    run_one(app)
    assert len(ended) == 3
    [rest] = ids_of(queued(app))
    assert sorted([*ended, *rest]) == [f"task-{number}" for number in range(5)]


def test_if_on_end_raises_the_wait_is_sent_on_with_a_backoff_and_on_end_is_called_again(
    app: Celery, waits: VideoWaits, ends: Ends, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ends.failures = 1
    waits.add(["task-1", "task-2"])
    before = time.time()
    shut_down_after_failure(monkeypatch)
    run_one(app)
    assert ends.ids == ["task-1", "task-2"]
    [[token]] = queued(app)
    assert token.task_id == ends.results[0].task_id
    assert token.failures == 1
    assert 4.5 < token.next_poll_at - before < 7
    assert f"on_end raised for task {token.task_id}" in caplog.text
    assert "after the budget" in caplog.text
    assert "the database is down" in caplog.text
    start(app)
    waits.add([evolve(token, next_poll_at=before)])
    run_one(app)
    assert [result.task_id for result in ends.results].count(token.task_id) == 2


@pytest.mark.parametrize("error", [asyncio.CancelledError(), GeneratorExit()])
def test_an_on_end_that_is_cancelled_is_called_again_like_one_that_raises_an_error(
    app: Celery, waits: VideoWaits, ends: Ends, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    ends.failures, ends.error = 1, error
    waits.add(["task-1", "task-2"])
    shut_down_after_failure(monkeypatch)
    run_one(app)
    assert ends.ids == ["task-1", "task-2"]
    assert ids_of(queued(app)) == [[ends.results[0].task_id]]


@pytest.mark.parametrize("error", [SystemExit(), KeyboardInterrupt()])
def test_an_on_end_that_ends_the_process_ends_it_and_the_broker_delivers_the_messages_again(
    app: Celery, waits: VideoWaits, ends: Ends, error: BaseException
) -> None:
    ends.failures, ends.error = 1, error
    waits.add(["task-1"])
    waits.add(["task-2"])
    with pytest.raises(type(error)):
        run_one(app)
    # Celery gives the first message back when the process has ended; the merged one goes back at once.
    assert ids_of(queued(app)) == [["task-2"]]


def test_a_run_that_is_cancelled_gives_its_message_back_to_the_broker(
    app: Celery, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    def new_client() -> VideoClient:
        raise asyncio.CancelledError

    VideoWaits(app, ends, client=new_client).add(["task-1"])
    shut_down_after_failure(monkeypatch)
    with pytest.raises(Reject) as rejected:
        run_one(app)
    assert vars(rejected.value)["requeue"]


def test_the_backoff_of_on_end_grows_to_five_minutes(waits: VideoWaits, ends: Ends) -> None:
    ends.failures = 10
    token = WaitToken(task_id="task-1", started=0, polls=0, not_before=0)
    delays = list[float]()
    for _ in range(9):
        again = waits._runner._end(WaitResult("task-1", None, None), token)
        assert again is not None
        delays.append(again.next_poll_at - time.time())
        token = again
    assert delays[:7] == sorted(delays[:7])
    assert 269 < min(delays[6:]) <= max(delays) <= 300


def test_small_messages_are_merged_so_that_each_takes_no_slot_of_its_own(
    app: Celery, waits: VideoWaits, ends: Ends
) -> None:
    for number in range(4):
        waits.add([f"task-{number}"])
    waits.add(["task-0"])
    run_one(app)
    assert ends.ids == ["task-0", "task-1", "task-2", "task-3"]
    assert queued(app) == []


def test_messages_are_merged_only_until_the_chunk_is_full(app: Celery, mesh: Mesh, ends: Ends) -> None:
    waits = VideoWaits(app, ends, chunk=2, client=mesh.client)
    for number in range(3):
        waits.add([f"task-{number}"])
    run_one(app)
    assert ends.ids == ["task-0", "task-1"]
    assert ids_of(queued(app)) == [["task-2"]]


def test_a_message_of_another_task_on_the_queue_is_given_back_and_no_more_messages_are_merged(
    app: Celery, waits: VideoWaits, ends: Ends, caplog: pytest.LogCaptureFixture
) -> None:
    waits.add(["task-1"])
    app.send_task("another", queue="meshapi_video")
    waits.add(["task-2"])
    run_one(app)
    assert ends.ids == ["task-1"]
    assert "its own queue" in caplog.text
    left = [found.headers["task"] for found in iter(lambda: message(app), None) if found]
    assert sorted(left) == ["another", NAME]


def test_if_nothing_can_be_sent_on_the_messages_go_back_to_the_broker(
    app: Celery, waits: VideoWaits, mesh: Mesh, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    mesh.statuses.update({"task-1": "running", "task-2": "running"})
    mesh.when_polled = shut_down
    waits.add(["task-1"])
    waits.add(["task-2"])

    def publish(*_args: object, **_options: object) -> None:
        raise ConnectionResetError("the broker is down")

    with monkeypatch.context() as patch:
        patch.setattr(Channel, "basic_publish", publish)
        with pytest.raises(Reject) as rejected:
            run_one(app)
    assert vars(rejected.value)["requeue"]
    assert "the broker is down" in caplog.text
    # The first message goes back with the Reject, the merged one at once.
    assert ids_of(queued(app)) == [["task-2"]]


def test_a_message_goes_back_only_after_the_budget_so_that_a_broker_that_is_down_is_no_hot_loop(
    app: Celery, waits: VideoWaits, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    monkeypatch.setattr("meshapi_video._celery.worker.monotonic", lambda: now)

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(time, "sleep", sleep)
    waits.add(["task-1"])
    found = message(app)
    assert found is not None

    def fail(**_options: object) -> None:
        raise ConnectionRefusedError("the broker is down")

    with monkeypatch.context() as patch:
        patch.setattr(app, "connection_for_write", fail)
        for run in (1, 2):
            with pytest.raises(Reject):
                app.tasks[NAME](texts(found))
            assert now == pytest.approx(30 * run, abs=1)
    app.tasks[NAME](texts(found))
    assert "the broker is down" in caplog.records[1].getMessage()
    # Only the first of several failures in a row has a traceback.
    assert [bool(record.exc_info) for record in caplog.records] == [True, False]


@pytest.mark.parametrize(
    ("args", "kwargs"), [((["{}"], 1), {}), ((), {"tokens": ["{}"]}), ((["{}"],), {"more": 1}), (("{}",), {})]
)
def test_a_message_that_a_newer_release_wrote_goes_back_to_the_broker_after_a_pause(
    app: Celery,
    waits: VideoWaits,  # noqa: ARG001 - it registers the task
    monkeypatch: pytest.MonkeyPatch,
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> None:
    shut_down_after_failure(monkeypatch)
    with pytest.raises(Reject, match="newer release") as rejected:
        app.tasks[NAME](*args, **kwargs)
    assert vars(rejected.value)["requeue"]


def test_a_message_that_a_newer_release_wrote_is_not_merged(
    app: Celery, waits: VideoWaits, ends: Ends, caplog: pytest.LogCaptureFixture
) -> None:
    waits.add(["task-1"])
    app.send_task(NAME, (), {"tokens": []}, queue="meshapi_video")
    run_one(app)
    assert ends.ids == ["task-1"]
    found = message(app)
    assert found is not None
    assert found.payload[1] == {"tokens": []}
    assert "newer release" in caplog.text


def test_without_a_client_the_waits_are_sent_on_when_the_budget_is_over(
    app: Celery, ends: Ends, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waits = VideoWaits(app, ends)  # without an API key
    waits.add(["task-1"])
    shut_down_after_failure(monkeypatch)
    run_one(app)
    assert ids_of(queued(app)) == [["task-1"]]
    assert "MESHAPI_API_KEY" in caplog.text


def test_a_token_that_a_newer_release_wrote_is_sent_on_as_it_is(
    app: Celery, waits: VideoWaits, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits.add(["task-1"])
    newer = '{"version": 9}'
    found = message(app)
    assert found is not None
    shut_down_after_failure(monkeypatch)
    app.tasks[NAME]([*texts(found), newer])
    assert ends.ids == ["task-1"]
    found = message(app)
    assert found is not None
    assert texts(found) == [newer]


@pytest.mark.parametrize("position", [0, 1])
def test_a_token_with_an_invalid_id_stops_no_other_wait_of_its_message(
    app: Celery, waits: VideoWaits, ends: Ends, monkeypatch: pytest.MonkeyPatch, position: int
) -> None:
    waits.add(["task-1"])
    found = message(app)
    assert found is not None
    tokens = texts(found)
    invalid = WaitToken(task_id="a/b ../x", started=0, polls=0, not_before=0).to_json()
    tokens.insert(position, invalid)
    shut_down_after_failure(monkeypatch)
    app.tasks[NAME](tokens)
    assert ends.ids == ["task-1"]
    found = message(app)
    assert found is not None
    assert texts(found) == [invalid]


def test_the_log_has_one_line_for_all_tokens_of_a_run_that_cannot_be_read(
    app: Celery,
    waits: VideoWaits,  # noqa: ARG001 - it registers the task
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    shut_down_after_failure(monkeypatch)
    app.tasks[NAME](['{"version": 9}'] * 1000)
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert "1000 waits" in record.getMessage()
    assert "version 9" in record.getMessage()
    assert record.exc_info is None


def test_a_child_whose_worker_was_killed_sends_nothing_on_because_the_broker_delivers_the_message_again(
    app: Celery, waits: VideoWaits, mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(app)
    main = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: main + 1)
    parents = iter([main] * 3)
    monkeypatch.setattr(os, "getppid", lambda: next(parents, 1))
    mesh.statuses["task-1"] = "running"
    waits.add(["task-1"])
    with pytest.raises(Reject) as rejected:
        run_one(app)
    assert vars(rejected.value)["requeue"]
    assert queued(app) == []


def test_with_task_always_eager_the_tasks_are_waited_for_where_they_are_added(
    app: Celery, waits: VideoWaits, ends: Ends
) -> None:
    app.conf.task_always_eager = True
    waits.add(["task-1", "task-2"])
    assert ends.ids == ["task-1", "task-2"]


def test_a_process_has_one_client_which_is_closed_with_it_and_a_forked_process_makes_its_own(
    app: Celery, ends: Ends, mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = list[VideoClient]()

    def new_client() -> VideoClient:
        clients.append(mesh.client())
        return clients[-1]

    waits = VideoWaits(app, ends, client=new_client)
    for task_id in ("task-1", "task-2"):
        waits.add([task_id])
        run_one(app)
    [parent] = clients
    with monkeypatch.context() as patch:
        child = os.getpid() + 1
        patch.setattr(os, "getpid", lambda: child)
        waits._client.get()
        signals.worker_process_shutdown.send(sender=None, pid=child, exitcode=0)
    assert [client._is_closed for client in clients] == [False, True]
    signals.worker_shutdown.send(sender=None)
    assert not parent._is_closed  # it was replaced, as a fork replaces the memory of the child
    signals.worker_process_shutdown.send(sender=None, pid=os.getpid(), exitcode=0)


def start(app: Celery, *queues: str) -> list[str]:
    """Starts the app like a worker with `-Q`, and returns the queues from which it consumes."""
    signals.celeryd_init.send(sender="worker", instance=None, conf=app.conf, options={})
    app.amqp.queues.select(list(queues))
    return sorted(app.amqp.queues.consume_from)


def test_a_worker_consumes_the_waits_unless_its_queues_are_named(app: Celery, waits: VideoWaits) -> None:  # noqa: ARG001
    assert start(app) == ["celery", "meshapi_video"]


@pytest.mark.parametrize("name", ["celery", "meshapi_video"])
def test_with_named_queues_a_worker_consumes_only_these(app: Celery, waits: VideoWaits, name: str) -> None:  # noqa: ARG001
    assert start(app, name) == [name]


def test_a_queue_that_the_settings_declare_is_used_as_it_is(app: Celery, ends: Ends, mesh: Mesh) -> None:
    app.conf.task_queues = {"meshapi_video": {"exchange": "mine", "routing_key": "waits"}}
    VideoWaits(app, ends, client=mesh.client)
    assert start(app) == ["meshapi_video"]
    assert app.amqp.queues["meshapi_video"].exchange.name == "mine"


@pytest.mark.parametrize(("named", "consumed"), [([], ["celery", "meshapi_video"]), (["celery"], ["celery"])])
def test_a_worker_consumes_the_waits_also_if_the_program_has_added_their_queue_itself(
    app: Celery, waits: VideoWaits, named: list[str], consumed: list[str]
) -> None:
    queue = Queue("meshapi_video", routing_key="waits", queue_arguments={"x-queue-type": "quorum"})
    app.amqp.queues.add(queue)
    waits.add(["task-1"])
    assert start(app, *named) == consumed
    assert app.amqp.queues["meshapi_video"] is queue


def test_a_broker_that_cannot_be_reached_is_named_without_its_password(ends: Ends) -> None:
    app = Celery("videos", broker="amqp://me:secret@127.0.0.1:1//", set_as_current=False)
    waits = VideoWaits(app, ends)
    with pytest.raises(OperationalError, match=r"127\.0\.0\.1.*refused.*Add all again") as failed:
        waits.add(["task-1"])
    assert "secret" not in str(failed.value)


REDIS = [
    "redis://localhost/0",
    "rediss://localhost/0",
    "redis+socket:///run/redis.sock",
    "sentinel://localhost:1;sentinel://localhost:2",
    "amqp://localhost;redis://localhost",
    ["amqp://localhost", "redis://localhost"],
]


def on_redis(
    ends: Ends, broker: str | list[str] = "redis://localhost/0", *, budget: float = 30, **settings: object
) -> VideoWaits:
    app = Celery("videos", set_as_current=False)
    waits = VideoWaits(app, ends, budget=budget)
    # After `VideoWaits` was made, as a program may do it.
    app.conf.update(broker_url=broker, **settings)
    return waits


@pytest.mark.parametrize("broker", REDIS)
def test_a_redis_broker_with_the_default_visibility_timeout_is_refused_with_the_line_that_mends_it(
    ends: Ends, broker: str | list[str]
) -> None:
    with pytest.raises(ImproperlyConfigured, match="an hour") as refused:
        on_redis(ends, broker).add(["task-1"])
    assert 'broker_transport_options = {"visibility_timeout": 270}' in str(refused.value)


@pytest.mark.parametrize(("timeout", "multiplier"), [(269, 4), (89, 1), ("60", 1)])
def test_a_visibility_timeout_within_which_a_wait_may_still_run_is_refused(
    ends: Ends, timeout: float | str, multiplier: int
) -> None:
    waits = on_redis(
        ends, broker_transport_options={"visibility_timeout": timeout}, worker_prefetch_multiplier=multiplier
    )
    with pytest.raises(ImproperlyConfigured, match=f"{timeout} s is too short"):
        waits.add(["task-1"])


@pytest.mark.parametrize(
    ("timeout", "multiplier", "budget"), [(270, 4, 30), (90, 1, 30), ("90", 1, 30), (32, 1, 1), (43200, 4, 30)]
)
def test_a_visibility_timeout_that_is_long_enough_is_accepted(
    ends: Ends, timeout: float | str, multiplier: int, budget: float
) -> None:
    on_redis(ends, budget=budget, broker_transport_options={"visibility_timeout": timeout})._check_settings(multiplier)


def test_a_redis_broker_is_recognized_by_the_setting_of_the_transport_too(ends: Ends) -> None:
    with pytest.raises(ImproperlyConfigured, match="an hour"):
        on_redis(ends, "localhost", broker_transport="redis").add(["task-1"])


def test_a_redis_broker_with_an_endless_prefetch_is_refused(ends: Ends) -> None:
    waits = on_redis(ends, worker_prefetch_multiplier=0, broker_transport_options={"visibility_timeout": 43200})
    with pytest.raises(ImproperlyConfigured, match="worker_prefetch_multiplier = 1"):
        waits.add(["task-1"])


def test_an_app_that_would_drop_json_is_refused(app: Celery, waits: VideoWaits) -> None:
    app.conf.accept_content = ["pickle"]
    with pytest.raises(ImproperlyConfigured, match="accept_content"):
        waits.add(["task-1"])


def test_a_worker_with_such_settings_does_not_start(ends: Ends) -> None:
    waits = on_redis(ends, broker_transport_options={"visibility_timeout": 100})
    [step] = waits._app.steps["consumer"]

    class Consumer:
        prefetch_multiplier = 1

    step(None).start(Consumer)
    # From the command line: the settings do not have it.
    Consumer.prefetch_multiplier = 2
    with pytest.raises(ImproperlyConfigured, match="too short"):
        step(None).start(Consumer)


@pytest.mark.usefixtures("app")  # it disconnects the signals
@pytest.mark.parametrize("status", [401, 402, 404])
def test_the_worker_on_the_page_about_celery_goes_on_after_a_refusal_and_records_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "celery.md").read_text("utf-8")
    [code] = re.findall(r"^```python\n(import sqlite3.*?)^```$", page, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "videos.py").write_text(code, "utf-8")
    record = runpy.run_path("videos.py")["record"]
    refusal = httpx.MockTransport(lambda _: httpx.Response(status, json={}))
    with VideoClient(KEY, http_client=httpx.Client(transport=refusal)) as client:
        error = client.step("task-1").error
    assert isinstance(error, APIError)
    with pytest.raises(type(error)):
        record(WaitResult("task-1", None, error))
    record(WaitResult("task-1", None, TaskFailed(VideoTaskResponse(id="task-1", status="failed"))))
    with closing(sqlite3.connect("videos.db")) as db:
        assert db.execute("SELECT count(*) FROM videos").fetchone() == (1,)


def test_without_celery_the_import_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "celery", None)
    monkeypatch.delitem(sys.modules, "meshapi_video.celery")
    with pytest.raises(ImportError, match=r"pip install 'meshapi-video\[celery\]'"):
        importlib.import_module("meshapi_video.celery")


def test_the_sdk_imports_celery_only_for_its_users() -> None:
    program = "import sys, meshapi_video as m; m.VideoClient; print([n for n in sys.modules if n.startswith('celery')])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout == b"[]\n"
