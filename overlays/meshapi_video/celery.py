"""Waits for video tasks on Celery workers: `VideoWaits`. Install `meshapi-video[celery]`.

A message carries the tokens of a chunk of waits. A worker waits for these tasks for some seconds, the budget, calls
`on_end` for each wait that ends, sends the other tokens on in new messages, and only then acknowledges the old message:

| event                                        | the tokens                                                       |
|----------------------------------------------|------------------------------------------------------------------|
| the budget is over, or a worker stops warmly | sent on, then the old message is acknowledged                    |
| a worker or its child process is killed      | still in the message, which the broker delivers again            |
| the broker restarts                          | cannot be sent on: the broker delivers the old message again     |
| `on_end` raises                              | sent on, with a backoff: `on_end` is called again                |

So the broker holds each token at every moment, for a moment or after a failure even twice. `on_end` is called at least
once.
"""

from __future__ import annotations

import contextlib
import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

try:
    from celery import Celery, signals
    from celery.exceptions import Reject
    from kombu import Connection
    from kombu.common import maybe_declare
    from kombu.exceptions import OperationalError
except ImportError as _missing:
    raise ImportError("meshapi_video.celery needs Celery: pip install 'meshapi-video[celery]'") from _missing

from attrs import evolve

from meshapi_video._celery.settings import check_settings
from meshapi_video._celery.worker import ConsumerStep, ProcessClient, Stop, WorkerState
from meshapi_video._errors import WaitStopped
from meshapi_video._polling.adaptive import AdaptivePolicy
from meshapi_video._polling.policy import PollPolicy
from meshapi_video._polling.results import WaitResult
from meshapi_video._sync.callbacks import blocking_callback
from meshapi_video._sync.client import VideoClient
from meshapi_video._tasks import CreatedTask, TaskRef, check_task_id
from meshapi_video._token import WaitToken
from meshapi_video._validation import check_count, check_number

if TYPE_CHECKING:
    from kombu import Message
    from kombu.transport.base import StdChannel

__all__ = ["VideoWaits"]

MAX_BUDGET: Final = 600.0
"""RabbitMQ closes a connection that leaves a message unacknowledged for 30 minutes."""
CONFIRM_TIMEOUT: Final = 30.0
"""Seconds for RabbitMQ to confirm that it stores a message."""
NO_LIMIT: Final = 10**8
"""Celery acknowledges a message whose task exceeds a time limit, and takes 0 for the limit of the settings."""
RETRY: Final = PollPolicy(initial_delay=5.0, multiplier=1.0, max_delay=300.0)
"""The backoff between two calls of an `on_end` that raises."""

_log: Final = logging.getLogger("meshapi_video.celery")
_queues_in_use: Final = WeakKeyDictionary[Celery, set[str]]()


class VideoWaits:
    """Waits for video tasks on the workers of a Celery app, and calls `on_end` for each wait that has ended.

    Create it where your Celery tasks are, so that the workers import it. It registers one Celery task,
    `meshapi_video.wait`, with a queue of its own, from which a worker without `-Q` consumes, too.

    Args:
        app: The Celery app. Its broker is RabbitMQ, or Redis with a `visibility_timeout`.
        on_end: Called on a worker with the `WaitResult` of each wait that has ended: a video, a task that ended
            without one, an error that another poll cannot change, or `WaitTimeout` after the task's expiry. It is
            called at least once, so that it should store a result under the task's id. If it raises, it is
            called again later.
        poll: When to poll.
        chunk: The most waits in one message.
        budget: Seconds, from 1 to 600, for which a worker waits for the tasks of one message. A message takes one
            process or thread of a worker for so long, and at most twice as long if `on_end` is slow.
        client: Makes the client of a worker process, after the fork.
        queue: The name of the queue, for these waits only. `task_routes` does not change it.

    Raises:
        TypeError: `on_end` is a coroutine function.
        ValueError: A number is out of its range, or the app has a `VideoWaits` with this queue already.
    """

    def __init__(
        self,
        app: Celery,
        on_end: Callable[[WaitResult], object],
        *,
        poll: PollPolicy | AdaptivePolicy = PollPolicy(),
        chunk: int = 1000,
        budget: float = 30.0,
        client: Callable[[], VideoClient] = VideoClient,
        queue: str = "meshapi_video",
    ) -> None:
        self._app = app
        # `or` is for type checkers: the function is not None.
        self._on_end = blocking_callback("on_end", on_end) or on_end
        self._poll = poll
        self._chunk = check_count("chunk", chunk, least=1)
        expected = f"a number of seconds from 1 to {MAX_BUDGET:g}"
        self._budget = check_number("budget", budget, expected, is_valid=lambda n: 1 <= n <= MAX_BUDGET)
        self._queue = queue
        if queue in _queues_in_use.setdefault(app, set()):
            raise ValueError(
                f"this app has a VideoWaits with the queue {queue!r} already: give this one another queue="
            )
        _queues_in_use[app].add(queue)
        self._client = ProcessClient(client)
        self._worker = WorkerState()
        self._merges = True
        self._has_failed = False
        self._register()

    def add(self, tasks: Iterable[TaskRef]) -> None:
        """Gives waits to the workers. When it returns, the broker has stored them.

        With Celery's `task_always_eager`, it waits here until all tasks have ended.

        Args:
            tasks: Ids, tasks as `create` returned them, and tokens of earlier waits. A duplicate is waited for once.

        Raises:
            ValueError: A string cannot be a task's id. Nothing was sent.
            TypeError: `tasks` is a single string.
            celery.exceptions.ImproperlyConfigured: The app's settings would lose waits. The text has the line
                that mends them.
            kombu.exceptions.OperationalError: The broker cannot be reached or refuses a message. Some waits may
                have been added: add all again.
        """
        if isinstance(tasks, str | bytes):
            raise TypeError("tasks should be an iterable of ids; for one task, pass [task_id]")
        tokens = {token.task_id: token for token in map(_token_of, tasks)}
        if self._app.conf.task_always_eager:
            self._wait_eagerly(list(tokens.values()))
            return
        self._check_settings(self._app.conf.worker_prefetch_multiplier)
        connection = self._connect()
        try:
            with connection, connection.channel() as channel:
                self._send([token.to_json() for token in tokens.values()], channel)
        except (*connection.connection_errors, *connection.channel_errors) as error:
            raise OperationalError(
                f"the broker {connection.as_uri()} did not confirm that it stores the waits: {error}. Add all again"
            ) from error

    # On a worker.

    def _register(self) -> None:
        """Registers the Celery task, and what a worker needs around it."""

        # Any arguments: Celery would acknowledge a message whose arguments do not fit.
        def wait(*args: object, **kwargs: object) -> None:
            self._run(args, kwargs)

        # Not shared: otherwise every app of the process would have the task.
        self._task = self._app.task(
            name=f"{self._queue}.wait",
            shared=False,
            ignore_result=True,
            acks_late=True,
            reject_on_worker_lost=True,
            serializer="json",
            time_limit=NO_LIMIT,
            soft_time_limit=NO_LIMIT,
        )(wait)
        functions = {"check_settings": staticmethod(self._check_settings), "shut_down": staticmethod(self._worker.stop)}
        step = type("VideoWaitsStep", (ConsumerStep,), {"name": f"{self._queue}.step", **functions})
        self._app.steps["consumer"].add(step)
        signals.celeryd_init.connect(self._on_worker_init, weak=False)
        signals.worker_shutting_down.connect(self._on_shutting_down, weak=False)
        signals.worker_process_shutdown.connect(self._on_process_end, weak=False)
        signals.worker_shutdown.connect(self._on_process_end, weak=False)

    def _on_worker_init(self, **_signal: object) -> None:
        # In the main process, before the fork and before Celery selects the queues of `-Q`.
        self._worker.start()
        queues = self._app.amqp.queues
        # A program that added the queue or looked it up has not made the workers consume it.
        if self._queue not in queues.consume_from:
            queues.select_add(queues[self._queue])

    def _on_shutting_down(self, **_signal: object) -> None:
        self._worker.stop()

    def _on_process_end(self, **_signal: object) -> None:
        self._client.close()

    def _check_settings(self, prefetch_multiplier: int) -> None:
        check_settings(self._app.conf, self._budget, prefetch_multiplier)

    def _connect(self) -> Connection:
        """A connection on which RabbitMQ confirms each message: another one may be lost when the broker restarts."""
        connection: Connection = self._app.connection_for_write(transport_options={"confirm_publish": True})
        return connection

    def _send(self, texts: Sequence[str], channel: StdChannel) -> None:
        """Sends the tokens in messages of at most one chunk. They are stored when it returns."""
        producer = self._app.amqp.Producer(channel, auto_declare=False)
        for start in range(0, len(texts), self._chunk):
            some = texts[start : start + self._chunk]
            # Without `retry`: the messages that are acknowledged afterwards belong to this connection.
            self._task.apply_async((some,), producer=producer, queue=self._queue, retry=False, **_options(len(some)))

    def _run(self, args: Sequence[object], kwargs: Mapping[str, object]) -> None:
        """Waits for the tasks of one message, and sends on the tokens of the waits that have not ended."""
        stop = Stop(self._worker, self._budget)
        merged: list[Message] = []
        try:
            texts = _tokens_in(args, kwargs)
            # Connected before the waiting: a broker that restarts delivers the old messages again, and then nothing can
            # be sent on this connection.
            with self._connect() as connection, connection.channel() as channel:
                try:
                    self._merge(texts, merged, channel)
                    rest = self._wait(texts, stop)
                    self._worker.check_main_process()
                    self._send(rest, channel)
                except BaseException:
                    for message in merged:
                        with contextlib.suppress(Exception):
                            message.requeue()
                    raise
                for message in merged:
                    message.ack()
        except (SystemExit, KeyboardInterrupt):
            # The process ends, and its message is not acknowledged.
            raise
        except BaseException as error:
            _log.error(
                "a message of waits for videos is given back to the broker: %r",
                error,
                exc_info=None if self._has_failed else error,
            )
            self._has_failed = True
            # The next attempt is a budget away. A quorum queue drops a message that was given back too often.
            stop.wait_until_set()
            # As text: an error of the user's code may be one that pickle cannot bring to the main process.
            raise Reject(repr(error), requeue=True) from error
        self._has_failed = False

    def _merge(self, texts: list[str], merged: list[Message], channel: StdChannel) -> None:
        """Takes more messages from the queue until the chunk is full: small messages should not take a slot each."""
        queue = self._app.amqp.queues[self._queue].bind(channel)
        # Somebody may have deleted it.
        maybe_declare(queue, channel)
        while self._merges and len(texts) < self._chunk and (message := queue.get(accept=["json"])) is not None:
            try:
                if message.headers.get("task") == self._task.name:
                    texts += _tokens_in(*message.payload[:2])
                    merged.append(message)
                    continue
                problem = "another task wrote it: give VideoWaits its own queue"
            except ValueError as error:
                problem = str(error)
            # This process merges no more: a quorum queue drops a message that was given back too often.
            self._merges = False
            message.requeue()
            _log.warning("a message on the queue %s is given back: %s", self._queue, problem)

    def _wait(self, texts: Sequence[str], stop: Stop) -> list[str]:
        """Waits until `stop`, and returns the tokens of the waits that have not ended."""
        pending, rest = _read_tokens(texts)
        try:
            for result in self._client.get().wait_many(
                list(pending.values()), timeout=None, poll=self._poll, max_waiting=max(len(pending), 1), stop=stop
            ):
                if isinstance(result.error, WaitStopped):
                    rest.append(result.error.token.to_json())
                elif stop.is_late():
                    rest.append(pending[result.task_id].to_json())
                elif (again := self._end(result, pending[result.task_id])) is not None:
                    rest.append(again.to_json())
                del pending[result.task_id]
        except Exception:  # noqa: BLE001 - whatever the client raises, no token is lost
            _log.exception("%d waits for videos are sent on", len(pending))
            rest += [token.to_json() for token in pending.values()]
        if rest:
            # After a failure, the next attempt is a budget away.
            stop.wait_until_set()
        return rest

    def _end(self, result: WaitResult, token: WaitToken) -> WaitToken | None:
        """Calls `on_end`. Returns the token for another attempt if it raised."""
        try:
            self._on_end(result)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:  # noqa: BLE001 - the user's function may raise anything, also asyncio.CancelledError
            failures = token.failures + 1
            delay = RETRY.delay(0, random.random(), failures)  # noqa: S311 - not for a secret
            _log.exception("on_end raised for task %s, and is called again in %.0f s", result.task_id, delay)
            return evolve(token, failures=failures, next_poll_at=time.time() + delay)
        return None

    def _wait_eagerly(self, tokens: Sequence[WaitToken]) -> None:
        for result in self._client.get().wait_many(tokens, timeout=None, poll=self._poll):
            self._on_end(result)


def _options(waits: int) -> dict[str, Any]:
    """Options of a message that the types of Celery do not know."""
    # The log and the monitoring show this instead of the tokens.
    return {"argsrepr": f"({waits} waits,)", "confirm_timeout": CONFIRM_TIMEOUT, "add_to_parent": False}


def _tokens_in(args: Sequence[Any], kwargs: Mapping[str, object]) -> list[str]:
    """The tokens in the arguments of a message, as JSON. Raises `ValueError` for other arguments."""
    if len(args) != 1 or not isinstance(args[0], list) or kwargs:
        raise ValueError("a newer release wrote this message of waits: update meshapi-video on this worker")
    return list(args[0])


def _read_tokens(texts: Iterable[str]) -> tuple[dict[str, WaitToken], list[str]]:
    """The tokens by their task's id, and the texts that this release cannot read: a newer release may have."""
    tokens: dict[str, WaitToken] = {}
    unread: list[str] = []
    problem = ""
    for text in texts:
        try:
            token = WaitToken.from_json(text)
            tokens[check_task_id(token.task_id)] = token
        except ValueError as error:
            unread.append(text)
            problem = str(error)
    if unread:
        _log.error("%d waits for videos are sent on unread: %s", len(unread), problem)
    return tokens, unread


def _token_of(task: TaskRef) -> WaitToken:
    now = time.time()
    if isinstance(task, CreatedTask):
        token = task.token
    elif isinstance(task, WaitToken):
        token = task
    else:
        token = WaitToken(task_id=check_task_id(task), started=now, polls=0, not_before=now)
    check_task_id(token.task_id)
    return token
