"""One call of a client's method, and the facts that its span gets. Knows nothing of OpenTelemetry."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Literal, get_args

from meshapi_video._errors import APIError, TaskError
from meshapi_video._tasks import KnownStatus

if TYPE_CHECKING:
    from collections.abc import Generator

    from meshapi_video._polling.state import PollState

Name = Literal["create", "download", "generate", "wait", "wait_many"]

OTHER: Final = "_OTHER"
"""In place of a text that is none of the known ones, as in OpenTelemetry's own conventions."""
_STATUSES: Final = frozenset(get_args(KnownStatus))
_CODE: Final = re.compile(r"[A-Za-z][\w.-]{0,63}", re.ASCII)
_REQUEST_ID: Final = re.compile(r"[\w.:/=+-]{1,200}", re.ASCII)


class Call:
    """One call of a client's method. Several threads may record its facts."""

    def __init__(self, name: Name, task_id: str | None, enclosing: Call | None = None) -> None:
        self.name: Final = name
        self.task_id = task_id
        self._enclosing: Final = enclosing
        self._lock = threading.Lock()
        self.is_over = False
        self.status: str | None = None
        self.polls = self.failures = 0
        self.request_id: str | None = None
        self.size: int | None = None
        """The bytes of a downloaded file."""
        self.error_type: str | None = None
        self.error_code: str | None = None
        self.begun = self.ended = self.succeeded = 0
        """Of a `wait_many`: the tasks taken, those that ended, and those that ended with a video."""

    def polled(self, before: PollState, after: PollState) -> None:
        """Records a poll."""
        with self._lock:
            self.polls += after.polls - before.polls
            self.failures += after.error is not None
        if self.name != "wait_many" and after.task is not None:
            self.status = known_status(after.task.status)

    def wait_changed(self, *, begun: bool, ended: bool, succeeded: bool) -> bool:
        """Records one of the waits of a `wait_many`. False if the call was over before."""
        with self._lock:
            if not self.is_over:
                self.begun += begun
                self.ended += ended
                self.succeeded += succeeded
            return not self.is_over

    def raised(self, error: BaseException) -> None:
        """Records the exception that ended the call."""
        self.error_type = error_type(error)
        # Not the message, in which a server may quote the prompt.
        if isinstance(error, APIError | TaskError) and error.code is not None:
            self.error_code = error.code if _CODE.fullmatch(error.code) else OTHER

    def end(self) -> None:
        """Ends the call, and passes its facts to the `generate` that made it."""
        with self._lock:
            self.is_over = True
        outer = self._enclosing
        if outer is not None and outer.name == "generate":
            outer.task_id = self.task_id or outer.task_id
            outer.status = self.status or outer.status
            outer.request_id = self.request_id or outer.request_id
            outer.polls += self.polls
            outer.failures += self.failures
            outer.size = self.size


current: Final[ContextVar[Call | None]] = ContextVar("meshapi_video_call", default=None)
"""The call for which the code of this context works."""


@contextmanager
def works_for(call: Call | None) -> Generator[None]:
    """The context of code that works for this call. None is for the caller's own code, such as a callback."""
    token = current.set(call)
    try:
        yield
    finally:
        # A coroutine that is never awaited again ends in another context.
        with suppress(ValueError):
            current.reset(token)


def error_type(error: BaseException) -> str:
    """The attribute `error.type`: the HTTP status, or the name of the exception's class."""
    return str(error.status_code) if isinstance(error, APIError) else type(error).__qualname__


def known_status(status: str) -> str:
    """The status if it is a known one. Otherwise `OTHER`: a server may put any text there."""
    return status if status in _STATUSES else OTHER


def plain_id(request_id: str | None) -> str | None:
    """The id of a request if it looks like one. Otherwise None: a server may put any text there."""
    return request_id if request_id is not None and _REQUEST_ID.fullmatch(request_id) else None
