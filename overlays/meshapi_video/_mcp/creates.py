"""Runs the creates of the server: one at a time, and each that was sent to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

import anyio

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

T = TypeVar("T")


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
        is_done, scope = anyio.Event(), anyio.CancelScope()

        async def main() -> None:
            with scope:
                try:
                    async with self.lock:
                        result.set_result(await create())
                except Exception as error:  # noqa: BLE001 - raised by the caller
                    result.set_exception(error)
                is_done.set()

        self.group.start_soon(main)
        try:
            await is_done.wait()
        finally:
            if not is_sent():
                scope.cancel()
        return result.result()
