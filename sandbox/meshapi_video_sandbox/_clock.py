"""The sandbox's clock, which a test can move, and an event loop for the sandbox.

A test may freeze or change the time of its process, with freezegun or time-machine. The sandbox stands for another
machine: its clock runs on, and so do the timers of its event loop.
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import time
from importlib.machinery import BuiltinImporter, ModuleSpec
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

LATEST: Final = 1e11
"""The latest time that can be set, in seconds since 1970. The functions that format dates fail after the year 9999."""

# freezegun replaces the functions of `time` in every loaded module. Those of a second module object are never replaced.
_time: Final = importlib.util.module_from_spec(ModuleSpec("time", BuiltinImporter(), origin="built-in"))
BuiltinImporter.exec_module(_time)
monotonic: Final[Callable[[], float]] = _time.monotonic

if sys.platform == "win32":
    _SystemEventLoop = asyncio.ProactorEventLoop
else:
    _SystemEventLoop = asyncio.SelectorEventLoop


class EventLoop(_SystemEventLoop):
    """An event loop whose timers run while a test freezes the time."""

    def time(self, monotonic: Callable[[], float] = monotonic) -> float:
        """Seconds of the machine's monotonic clock."""
        return monotonic()


class Clock:
    """Begins at the process's time, and runs as fast as the machine's clock, from any time that it was set to."""

    def __init__(self) -> None:
        self._offset = 0.0
        self.reset()

    def reset(self) -> None:
        """Shows the process's time again."""
        self._offset = time.time() - monotonic()

    def now(self) -> float:
        """Seconds since 1970."""
        return monotonic() + self._offset

    def set(self, now: float) -> None:
        """Sets the clock, in seconds since 1970; a `ValueError` for a time that has no date."""
        if not 0 <= now <= LATEST:
            raise ValueError(f"the clock can be set from 0 to {LATEST:.0f} seconds since 1970, not to {now}")
        self._offset = now - monotonic()

    def advance(self, seconds: float) -> None:
        """Moves the clock forward, or back if `seconds` is negative."""
        self.set(self.now() + seconds)
