"""What threads tell each other, also from a signal handler or from the garbage collector.

The methods of `threading.Event` and `threading.Condition` are Python code that holds a lock. If a signal
handler interrupts this code and calls the same object, it waits for ever for a lock of its own thread.
The methods below hold no lock. Each is safe at any moment.
"""

from __future__ import annotations

import threading
from contextlib import suppress


class Flag:
    """A flag that is set once. It replaces an event for which no thread waits."""

    def __init__(self) -> None:
        self._is_set = False

    def is_set(self) -> bool:
        """Whether the flag is set."""
        return self._is_set

    def set(self) -> None:
        """Sets the flag."""
        self._is_set = True


class Wakeup:
    """Ends the current `wait` of one thread, or its next `wait`."""

    def __init__(self) -> None:
        # It is locked except between `set` and `wait`.
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        """Ends the current or the next `wait`."""
        # It was set before.
        with suppress(RuntimeError):
            self._lock.release()

    def wait(self, timeout: float) -> None:
        """Blocks until `set` is called, but at most `timeout` seconds."""
        self._lock.acquire(timeout=timeout)
