"""What the command leaves with, and its last words."""

from __future__ import annotations

import enum
import os
import sys
from contextlib import suppress
from pathlib import Path


class ExitCode(enum.IntEnum):
    """What the command leaves with."""

    VIDEO = 0
    NO_VIDEO = 1
    USAGE = 2
    API = 3
    TIMEOUT = 4
    # What says nothing of the task stays far from 1: a script may pay for another one because of that.
    CRASH = 70
    OUTPUT = 74
    INTERRUPTED = 130
    PIPE = 141


def plain(text: str) -> str:
    """`text` on one line, with nothing in it that a terminal obeys: servers have a say in it."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def say(sentence: str) -> None:
    """Prints it on stderr, where that can be written."""
    # None where the process was started with stderr closed.
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write(f"{plain(sentence)}\n")


def complain(sentence: str) -> None:
    """Says what went wrong."""
    say(f"meshapi-video: {sentence}")


def let_go_of_output() -> None:
    """Drops what cannot be written: Python would try again as it ends, and leave with 120."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            with Path(os.devnull).open("w") as nothing:
                os.dup2(nothing.fileno(), stream.fileno())
