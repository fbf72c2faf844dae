"""A worker runs the messages: when `on_end` is called, and which waits are sent on."""

from __future__ import annotations

import asyncio
import os
import re
import runpy
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from attrs import evolve
from celery import Celery, signals
from celery.exceptions import Reject

from meshapi_video import (
    APIError,
    PollPolicy,
    TaskFailed,
    VideoClient,
    VideoTaskResponse,
    WaitResult,
    WaitToken,
)
from meshapi_video.celery import VideoWaits
from support.celery_waits import (
    Ends,
    Mesh,
    ids_of,
    queued,
    run_one,
    shut_down,
    shut_down_after_failure,
    start,
)
from support.clients import KEY


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


def test_without_a_client_the_waits_are_sent_on_when_the_budget_is_over(
    app: Celery, ends: Ends, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waits = VideoWaits(app, ends)  # without an API key
    waits.add(["task-1"])
    shut_down_after_failure(monkeypatch)
    run_one(app)
    assert ids_of(queued(app)) == [["task-1"]]
    assert "MESHAPI_API_KEY" in caplog.text


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


@pytest.mark.usefixtures("app")  # it disconnects the signals
@pytest.mark.parametrize("status", [401, 402, 404])
def test_the_worker_on_the_page_about_celery_goes_on_after_a_refusal_and_records_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "celery.md").read_text("utf-8")
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
