"""The messages on the queue: which tokens they carry, and which messages are merged."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest
from celery import Celery
from celery.exceptions import Reject
from kombu.exceptions import OperationalError
from kombu.transport.memory import Channel

from meshapi_video import (
    CreatedTask,
    WaitToken,
)
from meshapi_video.celery import VideoWaits
from support.celery_waits import (
    NAME,
    Ends,
    Mesh,
    ids_of,
    message,
    queued,
    run_one,
    shut_down,
    shut_down_after_failure,
    texts,
)


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


def test_a_broker_that_cannot_be_reached_is_named_without_its_password(ends: Ends) -> None:
    app = Celery("videos", broker="amqp://me:secret@127.0.0.1:1//", set_as_current=False)
    waits = VideoWaits(app, ends)
    with pytest.raises(OperationalError, match=r"127\.0\.0\.1.*refused.*Add all again") as failed:
        waits.add(["task-1"])
    assert "secret" not in str(failed.value)
