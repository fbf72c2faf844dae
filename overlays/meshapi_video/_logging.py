"""The log lines of the loggers below `meshapi_video`: `.tasks`, `.polls` and `.downloads`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from meshapi_video._polling.state import new_task

if TYPE_CHECKING:
    from meshapi_video._download.state import TransferState
    from meshapi_video._polling.state import PollState

POLLS: Final = "meshapi_video.polls"
"""Logs each poll at DEBUG, and at INFO each failed poll after which the wait continues."""

TASKS: Final = "meshapi_video.tasks"
"""Logs each change of a task's status at INFO, and an unknown status at WARNING."""

_polls: Final = logging.getLogger(POLLS)
_tasks: Final = logging.getLogger(TASKS)
_downloads: Final = logging.getLogger("meshapi_video.downloads")


def log_poll(before: PollState, after: PollState, seconds: float, now: float) -> None:
    """Logs a poll that took `seconds` and ended at `now`."""
    next_poll = f"; next poll in {after.next_poll_at - now:.1f} s" if after.end is None else ""
    task = new_task(before, after)
    status = "" if task is None else _one_line(task.status)
    outcome = "failed" if task is None else f"received the status {status}"
    _polls.debug("poll %d of task %s %s, after %.3f s%s", after.polls, after.task_id, outcome, seconds, next_poll)
    if task is None:
        # A failure that ends the wait is raised, and is not logged a second time.
        if after.error is not None and after.end is None:
            # Without the advice at the end of the error's text: the wait continues without the user.
            message = _one_line(after.error.args[0])
            _polls.info("poll %d of task %s failed: %s%s", after.polls, after.task_id, message, next_poll)
    else:
        if before.task is None or before.task.status != task.status:
            _tasks.info("task %s has the status %s", after.task_id, status)
        if after.unknown_statuses != before.unknown_statuses:
            _tasks.warning("task %s has the unknown status %r: treated as not ended", after.task_id, task.status)


def log_attempt(transfer: TransferState, now: float) -> None:
    """Logs one request of a download, which ended at `now`."""
    if transfer.end is not None:
        # The caller gets the error, or the file.
        return
    attempt = transfer.kind, transfer.task_id, transfer.kept
    if transfer.last_failure:
        delay = transfer.next_attempt_at - now
        _downloads.info("%s of task %s: %d bytes; %s; retry in %.1f s", *attempt, transfer.last_failure, delay)
    else:
        _downloads.debug("%s of task %s: %d bytes; next request at once", *attempt)


def _one_line(text: str) -> str:
    # A server could send a text that looks like another program's log line.
    return text if text.isprintable() else repr(text)
