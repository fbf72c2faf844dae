"""The log lines of `meshapi_video.tasks`, `.polls` and `.downloads`.

The loggers `.celery` and `.telemetry` belong to the modules that log to them. The records of all five have `FIELDS`.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Final, NamedTuple

from meshapi_video._errors import ConnectionFailed, CreateUncertain, MeshVideoError
from meshapi_video._polling.state import new_task
from meshapi_video._text import one_line

if TYPE_CHECKING:
    from meshapi_video._create.attempts import CreateState
    from meshapi_video._download.state import TransferState
    from meshapi_video._polling.state import PollState

POLLS: Final = "meshapi_video.polls"
"""Logs each poll at DEBUG, except a failed poll after which the wait continues: at INFO. For a failed connection see
`ClientLog`."""

TASKS: Final = "meshapi_video.tasks"
"""Logs each change of a task's status at INFO, and an unknown status at WARNING."""

WARNING_INTERVAL: Final = 60.0
"""The least number of seconds between two warnings about failed connections of a client."""

FIELDS: Final = ("task_id", "status", "polls", "request_id")
"""The fields of every record of these loggers, for structured logs: None where a record is about none."""

_KEY: Final = "meshapi_video_fields"
"""The name under which a record brings its fields to `_add_fields`."""


def _add_fields(record: logging.LogRecord) -> bool:
    """A filter, which lets every record pass and gives it its fields.

    Not by `extra=` alone: Python raises an error if the program's own record factory sets one of these names, as many
    programs do for `request_id`. Then the value of the program stays.
    """
    fields = record.__dict__.pop(_KEY, {})
    for name in FIELDS:
        value = fields.get(name)
        # The texts of a server become one line, as in the message.
        record.__dict__.setdefault(name, one_line(value) if isinstance(value, str) else value)
    return True


def task_logger(name: str) -> logging.Logger:
    """A logger whose records have `FIELDS`."""
    logger = logging.getLogger(name)
    logger.addFilter(_add_fields)
    return logger


def fields(
    *, task_id: str | None = None, status: str | None = None, polls: int | None = None, request_id: str | None = None
) -> dict[str, object]:
    """The argument `extra` of a record with these fields."""
    return {_KEY: {"task_id": task_id, "status": status, "polls": polls, "request_id": request_id}}


_polls: Final = task_logger(POLLS)
_tasks: Final = task_logger(TASKS)
_downloads: Final = task_logger("meshapi_video.downloads")


class _Outage(NamedTuple):
    """The time from a failed connection to the next response."""

    is_logged: bool


class ClientLog:
    """The log lines of one client. Any number of threads may use it.

    The first failed connection of a wait or a create is logged at WARNING: otherwise a wait for a server that cannot
    be reached would be silent. The next ones are logged at DEBUG. The next response is logged at INFO.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._outages = dict[str, _Outage]()
        """The current one, if there is one. `setdefault` and `pop` need no lock, for which a signal handler or a forked
        process could wait for ever."""
        self._quiet_until = -math.inf

    def poll(self, before: PollState, after: PollState, seconds: float, now: float) -> None:
        """Logs a poll that took `seconds` and ended at `now`."""
        task = new_task(before, after)
        is_logged = _tasks.isEnabledFor(logging.INFO) or _polls.isEnabledFor(logging.DEBUG) or self._outages
        if task is not None and not is_logged and after.unknown_statuses == before.unknown_statuses:
            return
        poll = after.polls, after.task_id
        next_poll = f"; next poll in {after.next_poll_at - now:.1f} s" if after.end is None else ""
        extra = _fields_of(after)
        if task is None:
            if after.error is not None and after.end is None:
                # Of `get`, only the failure of its last retry matters to the caller.
                level = self._level(_polls, after.error, now, extra) if after.wait_for_terminal else logging.INFO
                # Without the advice at the end of the error's text: the wait continues without the user.
                message = one_line(str(after.error.args[0]))
                text = "poll %d of task %s failed after %.3f s: %s%s"
                _polls.log(level, text, *poll, seconds, message, next_poll, extra=extra)
            else:
                # The failure that ends a wait is raised: the log does not repeat its text.
                _polls.debug("poll %d of task %s failed after %.3f s%s", *poll, seconds, next_poll, extra=extra)
            return
        self._responded(_polls, extra)
        status = one_line(task.status)
        text = "poll %d of task %s received the status %s, after %.3f s%s"
        _polls.debug(text, *poll, status, seconds, next_poll, extra=extra)
        # A step that is not the first does not know the status before.
        is_later_step = before.task is None and before.polls > 0
        if after.end is not None or not (is_later_step or (before.task and before.task.status == task.status)):
            _tasks.info("task %s has the status %s", after.task_id, status, extra=extra)
        if after.unknown_statuses != before.unknown_statuses and not is_later_step:
            text = "task %s has the unknown status '%s': treated as not ended"
            _tasks.warning(text, after.task_id, status, extra=extra)

    def create(self, state: CreateState, now: float) -> None:
        """Logs an attempt to create a task, which ended at `now`."""
        request_id = one_line(state.request_id)
        extra = fields(task_id=state.task_id, request_id=state.request_id)
        if state.task_id is not None:
            self._responded(_tasks, extra)
            _tasks.info("task %s was created (request %s)", one_line(state.task_id), request_id, extra=extra)
        elif isinstance(state.end, CreateUncertain):
            text = "the create with the request id %s may have made a task; its id is unknown"
            _tasks.warning(text, request_id, extra=extra)
        elif state.error is not None and state.end is None:
            # The failure that ends a create is raised: the log does not repeat its text.
            message, delay = one_line(str(state.error.args[0])), max(state.next_attempt_at - now, 0)
            _tasks.log(
                self._level(_tasks, state.error, now, extra),
                "attempt %d of create %s made no task: %s; retry in %.1f s",
                *(state.failures, request_id, message, delay),
                extra=extra,
            )

    def _level(self, logger: logging.Logger, error: MeshVideoError, now: float, extra: dict[str, object]) -> int:
        """The level for a failure after which the SDK tries again."""
        if not isinstance(error, ConnectionFailed):
            self._responded(logger, extra)
            return logging.INFO
        outage = _Outage(is_logged=now >= self._quiet_until)
        if self._outages.setdefault("current", outage) is not outage or not outage.is_logged:
            return logging.DEBUG
        self._quiet_until = now + WARNING_INTERVAL
        return logging.WARNING

    def _responded(self, logger: logging.Logger, extra: dict[str, object]) -> None:
        """Ends the outage, if there is one. Logs that if its beginning was logged."""
        outage = self._outages.pop("current", None)
        if outage is not None and outage.is_logged:
            logger.info("%s responds again", self._base_url, extra=extra)


def _fields_of(state: PollState) -> dict[str, object]:
    """The fields of a record about a poll."""
    return fields(
        task_id=state.task_id,
        status=None if state.task is None else state.task.status,
        polls=state.polls,
        request_id=None if state.error is None else state.error.request_id,
    )


def log_attempt(transfer: TransferState, now: float) -> None:
    """Logs one request of a download, which ended at `now`."""
    if transfer.end is not None:
        # The caller gets the error, or the file.
        return
    attempt = transfer.kind, one_line(transfer.task_id), transfer.kept
    extra = fields(task_id=transfer.task_id)
    if transfer.last_failure:
        delay = transfer.next_attempt_at - now
        parts = *attempt, one_line(transfer.last_failure), delay
        _downloads.info("%s of task %s: %d bytes; %s; retry in %.1f s", *parts, extra=extra)
    else:
        _downloads.debug("%s of task %s: %d bytes; next request at once", *attempt, extra=extra)
