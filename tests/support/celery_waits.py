"""Waits on a Celery worker without a server: the tasks at Mesh, `on_end`, and the messages of the queue."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import pytest
from celery import Celery, signals
from kombu import Message
from kombu.asynchronous.timer import Timer

from meshapi_video import (
    VideoClient,
    WaitResult,
    WaitToken,
)
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
    task = app.tasks[NAME]
    task.push_request(id=found.headers["id"])
    try:
        # As a worker does: a call of the task would hide the id.
        task.run(*found.payload[0])
    finally:
        task.pop_request()


def shut_down_after_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker shuts down where it would let the rest of the budget pass, after something has failed."""

    def after_failure(_seconds: float) -> None:
        shut_down()

    monkeypatch.setattr(time, "sleep", after_failure)


def shut_down() -> None:
    signals.worker_shutting_down.send(sender="worker", sig="SIGTERM", how="Warm", exitcode=0)


def start(app: Celery, *queues: str) -> list[str]:
    """Starts the app like a worker with `-Q`, and returns the queues from which it consumes."""
    signals.celeryd_init.send(sender="worker", instance=None, conf=app.conf, options={})
    app.amqp.queues.select(list(queues))
    return sorted(app.amqp.queues.consume_from)


@dataclass
class Consumer:
    """The consumer of a worker, as its steps know it."""

    app: Celery
    prefetch_multiplier: int = 1
    timer: Timer = field(default_factory=Timer)
