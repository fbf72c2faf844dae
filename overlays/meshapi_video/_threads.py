"""Starts the threads of this package, each in a copy of the caller's context.

The caller's context variables hold the id of its own request for the log, and the current span of a trace. A new
thread would begin without them.
"""

from __future__ import annotations

import threading
from contextvars import copy_context
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def start_thread(run: Callable[[], object], name: str) -> None:
    """Runs a function in a daemon thread, which does not delay the end of the program.

    Raises `RuntimeError` if the system allows no more threads.
    """
    # A copy for each thread: no two threads can enter one context at the same time.
    threading.Thread(target=copy_context().run, args=(run,), name=name, daemon=True).start()


def start_timer(seconds: float, run: Callable[[], object]) -> threading.Timer:
    """Runs a function in a daemon thread after so many seconds, unless the returned timer is cancelled before."""
    timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), copy_context().run, (run,))
    timer.daemon = True
    timer.start()
    return timer
