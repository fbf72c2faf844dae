"""What the logger `meshapi_video` says of a wait."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from meshapi_video._polling import Poll

_logger: Final = logging.getLogger("meshapi_video")


def log_look(poll: Poll) -> None:
    """Says what the last look brought: an answer at DEBUG, a miss that is ridden through at INFO."""
    if poll.error is None and poll.task is not None:
        _logger.debug("look %d: task %s is %s", poll.looks, poll.task_id, poll.task.status)
    elif poll.end is None:
        # A miss that ends the wait is raised, and need not be said twice.
        # Without the advice that the error's own text ends with: the wait goes on by itself.
        _logger.info("look %d missed: task %s: %s", poll.looks, poll.task_id, poll.error and poll.error.args[0])
