"""Prints the output and the messages.

Each text on stderr passes through `printable`, so that no server writes a line or commands a terminal.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from meshapi_video._cli.words import in_terminal_words
from meshapi_video._text import LONGEST_MESSAGE, one_line, printable

if TYPE_CHECKING:
    import click

_debug = False
_has_begun = False


def print_line(text: object) -> None:
    """Prints one line on stdout at once. Raises `OSError` if stdout cannot be written."""
    # Not by `click.echo`, which writes UTF-8 to a stream in ASCII.
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def print_status(message: str) -> None:
    """Prints one line on stderr, if stderr can be written."""
    with suppress(OSError):
        sys.stderr.write(f"{printable(message)}\n")


def print_error(message: str) -> None:
    """Prints an error on stderr."""
    print_status(f"meshapi-video: {message}")


def print_exception(error: BaseException, place: str = "") -> None:
    """Prints an error of the SDK in the words of the command line, with `--debug` after its traceback."""
    if is_debug():
        print_traceback(error)
    print_error(f"{place}{in_terminal_words(str(error))}")


def is_debug() -> bool:
    """Whether the command has the option `--debug`."""
    return _debug


def set_debug(*, debug: bool) -> None:
    """Sets whether errors are printed with a traceback."""
    global _debug  # noqa: PLW0603 - a process runs one command
    _debug = debug


def set_begun(*, has_begun: bool) -> None:
    """Sets whether the command has begun to send requests."""
    global _has_begun  # noqa: PLW0603 - a process runs one command
    _has_begun = has_begun


def print_interrupted() -> None:
    """Prints that ctrl-C ended the command. Before, the command itself prints what is kept, and what continues."""
    print_error("interrupted" if _has_begun else "interrupted before anything was sent")


def print_usage_error(error: click.ClickException) -> None:
    """Prints an error of click. It may quote an argument that came out of a file of ids."""
    shown = io.StringIO()
    if is_debug() and error.__cause__ is not None:
        print_traceback(error.__cause__)
    error.show(shown)
    for line in shown.getvalue().splitlines():
        print_status(line)


def print_traceback(error: BaseException) -> None:
    """Prints where `error` was raised, for `--debug`."""
    for entry in traceback.format_exception(error):
        # An entry of a frame has lines of source code. Any other one may hold a text of a server.
        is_frame = entry.startswith('  File "')
        for line in entry.splitlines() if is_frame else [one_line(entry.strip(), LONGEST_MESSAGE)]:
            print_status(line)


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
