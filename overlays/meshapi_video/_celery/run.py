"""One run of the Celery task: a worker waits for the tasks of one message."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from attrs import evolve
from celery.exceptions import Reject

from meshapi_video._celery.messages import Messages, read_tokens, tokens_in
from meshapi_video._celery.worker import ProcessClient, Stop, WorkerState
from meshapi_video._errors import WaitStopped
from meshapi_video._logging import fields, task_logger
from meshapi_video._polling.adaptive import AdaptivePolicy
from meshapi_video._polling.policy import PollPolicy
from meshapi_video._polling.results import WaitResult
from meshapi_video._token import WaitToken

if TYPE_CHECKING:
    from kombu import Message

RETRY: Final = PollPolicy(initial_delay=5.0, multiplier=1.0, max_delay=300.0)
"""The backoff between two calls of an `on_end` that raises."""

_log: Final = task_logger("meshapi_video.celery")


class Runner:
    """Runs the Celery task in a process of a worker."""

    def __init__(
        self,
        messages: Messages,
        worker: WorkerState,
        client: ProcessClient,
        on_end: Callable[[WaitResult], object],
        poll: PollPolicy | AdaptivePolicy,
        budget: float,
    ) -> None:
        self._messages = messages
        self._worker = worker
        self._client = client
        self._on_end = on_end
        self._poll = poll
        self._budget = budget
        self._has_failed = False

    def run(self, message_id: str, args: Sequence[object], kwargs: Mapping[str, object]) -> None:
        """Waits for the tasks of one message, and sends on the tokens of the waits that have not ended."""
        stop = Stop(self._worker, self._budget)
        merged: list[Message] = []
        try:
            texts = tokens_in(args, kwargs)
            # Connected before the waiting: a broker that restarts delivers the old messages again, and then nothing can
            # be sent on this connection.
            with self._messages.connect() as connection, connection.channel() as channel:
                try:
                    self._messages.merge(texts, merged, channel)
                    rest = self._wait(texts, stop)
                    self._worker.check_main_process()
                    self._messages.send(rest, channel)
                except BaseException:
                    for message in merged:
                        with contextlib.suppress(Exception):
                            message.requeue()
                    raise
                self._messages.forget([message_id, *(message.headers["id"] for message in merged)], channel)
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

    def _wait(self, texts: Sequence[str], stop: Stop) -> list[str]:
        """Waits until `stop`, and returns the tokens of the waits that have not ended."""
        pending, rest = read_tokens(texts)
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
            _log.exception(
                "on_end raised for task %s: it is called again in %.0f s, after the budget of this run at the earliest",
                result.task_id,
                delay,
                extra=fields(task_id=result.task_id),
            )
            return evolve(token, failures=failures, next_poll_at=time.time() + delay)
        return None
