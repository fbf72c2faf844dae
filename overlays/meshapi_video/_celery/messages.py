"""The messages of one queue. Each carries the tokens of a chunk of waits."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final

from celery import Celery
from kombu import Connection, uuid
from kombu.common import maybe_declare

from meshapi_video._celery.copies import copies_on
from meshapi_video._logging import task_logger
from meshapi_video._tasks import CreatedTask, TaskRef, check_task_id
from meshapi_video._token import WaitToken

if TYPE_CHECKING:
    from kombu import Message
    from kombu.transport.base import StdChannel

CONFIRM_TIMEOUT: Final = 120.0
"""Seconds for RabbitMQ to confirm that it stores a message. If it stored the message but confirms later, the waits are
in two messages."""

_log: Final = task_logger("meshapi_video.celery")


class Messages:
    """Sends the messages of one queue, and takes some back to merge them."""

    def __init__(self, app: Celery, queue: str, chunk: int) -> None:
        self.task_name = f"{queue}.wait"
        self._app = app
        self._queue = queue
        self._chunk = chunk

    def connect(self) -> Connection:
        """A connection on which RabbitMQ confirms each message: another one may be lost when the broker restarts."""
        connection: Connection = self._app.connection_for_write(transport_options={"confirm_publish": True})
        return connection

    def send(self, texts: Sequence[str], channel: StdChannel) -> None:
        """Sends the tokens in messages of at most one chunk. They are stored when it returns."""
        producer = self._app.amqp.Producer(channel, auto_declare=False)
        task = self._app.tasks[self.task_name]
        copies = copies_on(channel, self._queue)
        for start in range(0, len(texts), self._chunk):
            some = texts[start : start + self._chunk]
            options = _options(len(some))
            with copies.kept(options["task_id"], some) if copies else nullcontext():
                # Without `retry`: the messages that are acknowledged afterwards belong to this connection.
                task.apply_async((some,), producer=producer, queue=self._queue, retry=False, **options)

    def forget(self, message_ids: Iterable[str], channel: StdChannel) -> None:
        """Removes the copies of messages whose tokens were sent on."""
        if copies := copies_on(channel, self._queue):
            for message_id in message_ids:
                copies.forget(message_id)

    def send_lost(self) -> None:
        """Sends the messages again that Redis has lost. Does nothing if the broker is not Redis."""
        with self.connect() as connection, connection.channel() as channel:
            if (copies := copies_on(channel, self._queue)) is None:
                return
            for message_id in copies.lost():
                if texts := copies.texts(message_id):
                    _log.warning("%d waits are sent again: Redis has lost their message", len(texts))
                    self.send(texts, channel)
                copies.forget(message_id)

    def merge(self, texts: list[str], merged: list[Message], channel: StdChannel) -> None:
        """Takes more messages from the queue until the chunk is full: small messages should not take a slot each."""
        queue = self._app.amqp.queues[self._queue].bind(channel)
        # It may have been deleted.
        maybe_declare(queue, channel)
        while len(texts) < self._chunk and (message := queue.get(accept=["json"])) is not None:
            try:
                texts += self._tokens_of(message)
            except ValueError as error:
                message.requeue()
                _log.warning("a message on the queue %s is given back: %s", self._queue, error)
                return
            merged.append(message)

    def _tokens_of(self, message: Message) -> list[str]:
        if message.headers.get("task") != self.task_name:
            raise ValueError("another task wrote it: give VideoWaits its own queue")
        args, kwargs, _ = message.payload
        return tokens_in(args, kwargs)


def _options(waits: int) -> dict[str, Any]:
    """Options of a message that the types of Celery do not know."""
    # The log and the monitoring show this instead of the tokens.
    argsrepr = f"({waits} waits,)"
    return {"task_id": uuid(), "argsrepr": argsrepr, "confirm_timeout": CONFIRM_TIMEOUT, "add_to_parent": False}


def tokens_in(args: Sequence[Any], kwargs: Mapping[str, object]) -> list[str]:
    """The tokens in the arguments of a message, as JSON. Raises `ValueError` for other arguments."""
    if len(args) != 1 or not isinstance(args[0], list) or kwargs:
        raise ValueError("a newer release wrote this message of waits: update meshapi-video on this worker")
    return list(args[0])  # pyright: ignore[reportUnknownArgumentType] - it comes from JSON


def read_tokens(texts: Iterable[str]) -> tuple[dict[str, WaitToken], list[str]]:
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


def token_of(task: TaskRef) -> WaitToken:
    """The token of a task that is added. Raises `ValueError` for an invalid id."""
    now = time.time()
    if isinstance(task, CreatedTask):
        token = task.token
    elif isinstance(task, WaitToken):
        token = task
    else:
        token = WaitToken(task_id=check_task_id(task), started=now, polls=0, not_before=now)
    check_task_id(token.task_id)
    return token
