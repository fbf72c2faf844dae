"""What the loggers below `meshapi_video` say: `.tasks` of tasks, `.looks` of requests, `.downloads` of files."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from meshapi_video._polling import brought

if TYPE_CHECKING:
    from meshapi_video._polling import Poll
    from meshapi_video._transfer import Transfer

LOOKS: Final = "meshapi_video.looks"
"""Each look at DEBUG, and at INFO those that missed and are ridden through."""

TASKS: Final = "meshapi_video.tasks"
"""Each change of a task's status at INFO, and an unknown status at WARNING."""

_looks: Final = logging.getLogger(LOOKS)
_tasks: Final = logging.getLogger(TASKS)
_downloads: Final = logging.getLogger("meshapi_video.downloads")


def log_look(before: Poll, after: Poll, seconds: float, now: float) -> None:
    """Says what a look brought that took `seconds` and ended `now`."""
    then = _then(after, now)
    task = brought(before, after)
    status = "missed" if task is None else _on_one_line(task.status)
    _looks.debug("look %d: task %s is %s, after %.3f s%s", after.looks, after.task_id, status, seconds, then)
    if task is None:
        # A miss that ends the wait is raised, and need not be said twice.
        if after.error is not None and after.end is None:
            # Without the advice that the error's own text ends with: the wait goes on by itself.
            what = _on_one_line(after.error.args[0])
            _looks.info("look %d missed: task %s: %s%s", after.looks, after.task_id, what, then)
    else:
        if before.task is None or before.task.status != task.status:
            _tasks.info("task %s is %s", after.task_id, status)
        if after.unheard_of != before.unheard_of:
            _tasks.warning("task %s has the unknown status %r: taken for not over yet", after.task_id, task.status)


def _on_one_line(text: str) -> str:
    # What a server says could look like a line of somebody else's.
    return text if text.isprintable() else repr(text)


def _then(poll: Poll, now: float) -> str:
    return f"; the next in {poll.due - now:.1f} s" if poll.end is None else ""


def log_attempt(transfer: Transfer, now: float) -> None:
    """Says what one request of a download brought, which has ended `now`."""
    if transfer.end is not None:
        # Raised, or there to be seen.
        return
    about = transfer.what, transfer.task_id, transfer.kept
    if transfer.trouble:
        then = transfer.due - now
        _downloads.info("%s of task %s: %d bytes, and then %s; again in %.1f s", *about, transfer.trouble, then)
    else:
        _downloads.debug("%s of task %s: %d bytes; asking again at once", *about)
