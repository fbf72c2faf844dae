"""Deadlines and pauses that end in a test that freezes the time, too.

freezegun also stops the clocks of the event loops of asyncio and trio, so that no timer of theirs fires. While
`time.monotonic` is replaced, a thread keeps the time as well.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import anyio

from meshapi_video._async.event_loops import call_threadsafe, current_loop
from meshapi_video._clock import may_be_frozen
from meshapi_video._threads import start_timer

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator
    from contextlib import AbstractContextManager


def move_on_after(seconds: float, *, shield: bool = False) -> AbstractContextManager[anyio.CancelScope, bool | None]:
    """Cancels this context after so many seconds. The same as anyio's, but with any clock."""
    scope = anyio.move_on_after(seconds, shield=shield)
    return _with_thread(seconds, scope) if may_be_frozen() else scope


@contextlib.contextmanager
def fail_after(seconds: float) -> Generator[None]:
    """Raises `TimeoutError` after so many seconds. The same as anyio's, but with any clock."""
    with move_on_after(seconds) as scope:
        yield
    if scope.cancelled_caught:
        raise TimeoutError


async def sleep(seconds: float) -> None:
    """Pauses for so many seconds."""
    with move_on_after(seconds):
        await anyio.sleep_forever()


@contextlib.contextmanager
def _with_thread(seconds: float, scope: anyio.CancelScope) -> Generator[anyio.CancelScope]:
    with scope:
        timer = _start_timer(seconds, scope)
        try:
            yield scope
        finally:
            timer.cancel()


def _start_timer(seconds: float, scope: anyio.CancelScope) -> threading.Timer:
    loop = current_loop()

    def cancel() -> None:
        # The event loop may have ended.
        with contextlib.suppress(RuntimeError):
            call_threadsafe(loop, scope.cancel)

    return start_timer(seconds, cancel)
