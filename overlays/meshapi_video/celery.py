"""Waits for video tasks on Celery workers: `VideoWaits`. Install `meshapi-video[celery]`.

A message carries the tokens of a chunk of waits. A worker waits for these tasks for some seconds, the budget, calls
`on_end` for each wait that ends, sends the other tokens on in new messages, and only then acknowledges the old message:

| event                                        | the tokens                                                       |
|----------------------------------------------|------------------------------------------------------------------|
| the budget is over, or a worker stops warmly | sent on, then the old message is acknowledged                    |
| a worker or its child process is killed      | still in the message, which the broker delivers again; Redis may |
|                                              | lose a message here, and a worker sends its copy                 |
| the broker restarts                          | cannot be sent on: the broker delivers the old message again     |
| `on_end` raises                              | sent on, with a backoff: `on_end` is called again                |

So the broker holds each token at every moment, for a moment or after a failure even twice. `on_end` is called at least
once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final
from weakref import WeakKeyDictionary

try:
    from celery import Celery, Task, signals
    from kombu.exceptions import OperationalError
except ImportError as _missing:
    raise ImportError("meshapi_video.celery needs Celery: pip install 'meshapi-video[celery]'") from _missing

from meshapi_video._celery.messages import Messages, token_of
from meshapi_video._celery.run import Runner
from meshapi_video._celery.settings import check_settings
from meshapi_video._celery.worker import ProcessClient, WorkerState, consumer_step
from meshapi_video._polling.adaptive import AdaptivePolicy
from meshapi_video._polling.policy import PollPolicy
from meshapi_video._polling.results import WaitResult
from meshapi_video._sync.callbacks import blocking_callback
from meshapi_video._sync.client import VideoClient
from meshapi_video._tasks import TaskRef
from meshapi_video._token import WaitToken
from meshapi_video._validation import check_count, check_number

__all__ = ["VideoWaits"]

MAX_BUDGET: Final = 600.0
"""RabbitMQ closes a connection that leaves a message unacknowledged for 30 minutes."""
NO_LIMIT: Final = 10**8
"""Celery acknowledges a message whose task exceeds a time limit, and takes 0 for the limit of the settings."""
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
        self._messages = Messages(app, queue, chunk=check_count("chunk", chunk, least=1))
        self._runner = Runner(self._messages, self._worker, self._client, self._on_end, poll, self._budget)
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
        tokens = {token.task_id: token for token in map(token_of, tasks)}
        if self._app.conf.task_always_eager:
            self._wait_eagerly(list(tokens.values()))
            return
        self._check_settings(self._app.conf.worker_prefetch_multiplier)
        connection = self._messages.connect()
        try:
            with connection, connection.channel() as channel:
                self._messages.send([token.to_json() for token in tokens.values()], channel)
        except (*connection.connection_errors, *connection.channel_errors) as error:
            raise OperationalError(
                f"the broker {connection.as_uri()} did not confirm that it stores the waits: {error}. Add all again"
            ) from error

    # On a worker.

    def _register(self) -> None:
        """Registers the Celery task, and what a worker needs around it."""

        # Any arguments: Celery would acknowledge a message whose arguments do not fit.
        def wait(task: Task[..., None], /, *args: object, **kwargs: object) -> None:
            self._runner.run(str(task.request.id), args, kwargs)

        # Not shared: otherwise every app of the process would have the task.
        self._app.task(
            name=self._messages.task_name,
            bind=True,
            shared=False,
            ignore_result=True,
            acks_late=True,
            reject_on_worker_lost=True,
            serializer="json",
            time_limit=NO_LIMIT,
            soft_time_limit=NO_LIMIT,
        )(wait)
        name = f"{self._queue}.step"
        step = consumer_step(name, self._check_settings, self._messages.send_lost, self._worker.stop)
        self._app.steps["consumer"].add(step)
        signals.celeryd_init.connect(self._on_worker_init, weak=False)
        signals.worker_shutting_down.connect(self._on_shutting_down, weak=False)
        signals.worker_process_shutdown.connect(self._on_process_end, weak=False)
        signals.worker_shutdown.connect(self._on_process_end, weak=False)

    def _on_worker_init(self, **_signal: object) -> None:
        # In the main process, before the fork and before Celery selects the queues of `-Q`.
        self._worker.start()
        queues = self._app.amqp.queues
        # A program that has added the queue itself has not made the workers consume it.
        if self._queue not in queues.consume_from:
            queues.select_add(queues[self._queue])

    def _on_shutting_down(self, **_signal: object) -> None:
        self._worker.stop()

    def _on_process_end(self, **_signal: object) -> None:
        self._client.close()

    def _check_settings(self, prefetch_multiplier: int) -> None:
        check_settings(self._app.conf, self._budget, prefetch_multiplier)

    def _wait_eagerly(self, tokens: Sequence[WaitToken]) -> None:
        for result in self._client.get().wait_many(tokens, timeout=None, poll=self._poll):
            self._on_end(result)
