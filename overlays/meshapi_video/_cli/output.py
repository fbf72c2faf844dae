"""Prints on stderr, and makes texts of servers safe to print."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path


def escape(text: str) -> str:
    """`text` on one line and without control characters: a terminal would obey those of a server's text."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def print_status(message: str) -> None:
    """Prints one line on stderr, if stderr can be written."""
    # stderr is None in a process that was started with stderr closed.
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write(f"{escape(message)}\n")


def print_error(message: str) -> None:
    """Prints an error on stderr."""
    print_status(f"meshapi-video: {message}")


def flush_output() -> None:
    """Writes the buffered output, and discards it if it cannot be written.

    Without this, Python would try to write it at exit, fail, and replace the exit code with 120.
    """
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            with Path(os.devnull).open("w") as null:
                os.dup2(null.fileno(), stream.fileno())
