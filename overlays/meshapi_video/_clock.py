"""The machine's monotonic clock, which runs on while a test freezes the time.

freezegun replaces `time.monotonic` in every loaded module, so that a wait in a frozen test would never end. A second
module object has functions of its own, which nobody replaces, whether the test froze the time before or after this
import. time-machine has left the monotonic clock alone since its release 3.
"""

from __future__ import annotations

import importlib.util
import time
from importlib.machinery import BuiltinImporter, ModuleSpec
from types import BuiltinFunctionType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_time: Final = importlib.util.module_from_spec(ModuleSpec("time", BuiltinImporter(), origin="built-in"))
BuiltinImporter.exec_module(_time)

monotonic: Final[Callable[[], float]] = _time.monotonic
"""Seconds of the machine's monotonic clock."""


def may_be_frozen() -> bool:
    """Whether something has replaced `time.monotonic`, which the event loops read."""
    return not isinstance(time.monotonic, BuiltinFunctionType)
