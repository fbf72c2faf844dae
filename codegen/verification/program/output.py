"""Tells the parent process of steps and faults, and limits the time of each step."""

from __future__ import annotations

import faulthandler
import json
import math
import time
from typing import TextIO

from .values import without_addresses


class Output:
    """Tells the parent process what happens, and ends this process if one step hangs."""

    def __init__(self, file: TextIO, timeout: float) -> None:
        self._file, self._timeout = file, timeout
        self._limit_set = -math.inf

    def begin(self, step: int | str) -> None:
        """Says which step begins, and gives it the limit of time."""
        self.write("begin", step)
        now = time.monotonic()
        # To set the limit again takes 0.1 ms, as long as several trials.
        if now - self._limit_set > self._timeout / 10:
            # No thread of Python could do this: a regular expression that hangs keeps all of them waiting.
            faulthandler.dump_traceback_later(self._timeout, exit=True, file=self._file)
            self._limit_set = now

    def fault(self, step: int | str, reason: str) -> None:
        """Reports a fault of a step."""
        self.write("fault", step, reason)

    def write(self, *words: object) -> None:
        """Writes one message."""
        self._file.write(json.dumps(words) + "\n")
        self._file.flush()


def reason_of(error: BaseException) -> str:
    """The type and the message of an error."""
    return without_addresses(f"{type(error).__name__}: {error}")
