"""What the loggers below `meshapi_video` say of a wait: `.tasks` of the tasks, `.looks` of the requests."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from meshapi_video._polling import brought

if TYPE_CHECKING:
    from meshapi_video._polling import Poll

LOOKS: Final = "meshapi_video.looks"
"""Each look at DEBUG, and at INFO those that missed and are ridden through."""

_looks: Final = logging.getLogger(LOOKS)
_tasks: Final = logging.getLogger("meshapi_video.tasks")


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
