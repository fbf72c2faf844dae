"""Runs the creates of the server: one at a time, and each that was sent to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final, TypeVar

import anyio

from meshapi_video._create.journal import JournalNotWritten
from meshapi_video._logging import task_logger

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

T = TypeVar("T")
_log: Final = task_logger("meshapi_video.tasks")


class Creates:
    """The creates of the server. A call that ends early does not end its create, because that would lose a paid id."""

    group: TaskGroup
    """Runs the creates. It is there as long as the server serves."""

    def __init__(self) -> None:
        self.lock = anyio.Lock()
        """Held by the create that is under way."""

    async def run(self, create: Callable[[], Awaitable[T]], is_sent: Callable[[], bool]) -> T:
        """Runs `create` while no other one is under way, and returns its result or raises its error.

        A cancellation ends the create until `is_sent` returns True. Later, the create goes on without its caller.
        """
        result = Future[T]()
        is_done, has_left, scope = anyio.Event(), anyio.Event(), anyio.CancelScope()

        async def main() -> None:
            with scope:
                try:
                    async with self.lock:
                        result.set_result(await create())
                except Exception as error:  # noqa: BLE001 - raised by the caller
                    result.set_exception(error)
                    if has_left.is_set():
                        _log_unseen(error)
                is_done.set()

        self.group.start_soon(main)
        try:
            await is_done.wait()
        finally:
            has_left.set()
            if not is_sent():
                scope.cancel()
        return result.result()


def _log_unseen(error: Exception) -> None:
    """Logs an error that no tool returns. Only the error of the journal has no text of a server, and it has the id."""
    text = str(error) if isinstance(error, JournalNotWritten) else type(error).__name__
    _log.error("a create failed after its call had ended: %s", text)
