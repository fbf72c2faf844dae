"""The standard streams: no character makes a write fail, and a closed stream is no crash."""

from __future__ import annotations

import codecs
import io
import os
import sys
from pathlib import Path
from typing import Final

_NEVER_FAIL: Final = frozenset({"backslashreplace", "ignore", "namereplace", "replace", "xmlcharrefreplace"})
"""The error handlers of Python that find an encoding for each character."""
_ESCAPE: Final = "meshapi_video.escape"
"""The error handler for all other streams."""


def prepare_streams() -> None:
    """Makes stdout and stderr fit for every text. Their encoding stays: the terminal or the program expects it."""
    _occupy_closed_descriptors()
    if sys.stderr is None:
        # Otherwise each library that writes there would have to know that it can be None.
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it stays open
    codecs.register_error(_ESCAPE, _escape)
    for stream in (sys.stdout, sys.stderr):
        # A code page of Windows has 256 characters, and a name of a model or a folder may have any other one.
        if isinstance(stream, io.TextIOWrapper) and stream.errors not in _NEVER_FAIL:
            stream.reconfigure(errors=_ESCAPE)  # pyright: ignore[reportUnknownMemberType] - generic only for type checkers


def _occupy_closed_descriptors() -> None:
    """Opens the null device for each standard stream that is closed.

    Otherwise the journal or a connection would get the number of stderr, and be written to as stderr.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # The system gives out the lowest free number.
            os.open(os.devnull, os.O_RDWR)


def _escape(error: UnicodeError) -> tuple[str | bytes, int]:
    r"""`\u0432` for a character that the encoding lacks, and the own bytes of a file name that is no text."""
    # In these, a single byte is no character.
    if isinstance(error, UnicodeEncodeError) and error.encoding.startswith(("utf-16", "utf-32")):
        return codecs.backslashreplace_errors(error)
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.backslashreplace_errors(error)
