"""The text files that a command reads: ids, prompts, batches and keys, also as Windows writes them."""

from __future__ import annotations

import codecs
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable

_STDIN_NAME: Final = "<stdin>"
_BOM: Final = "\ufeff"
"""The byte order mark, which editors on Windows write before the first character."""


class InputFile:
    """A file or standard input, which is read when it is needed."""

    def __init__(self, name: str, read: Callable[[], bytes]) -> None:
        self.name = name
        """The path, or a name for standard input."""
        self._read = read

    @property
    def is_stdin(self) -> bool:
        """Whether this is standard input."""
        return self.name == _STDIN_NAME

    def text(self) -> str:
        """The whole text. Raises a usage error if it is no text in UTF-8."""
        return decode(self._read(), self.name)

    def lines(self) -> list[str]:
        """The lines, without spaces around them."""
        # Not `splitlines`, which also ends a line at characters that JSON allows in a text. Files that were joined
        # have their marks in the middle.
        return [line.strip().removeprefix(_BOM).strip() for line in io.StringIO(self.text(), newline=None)]


def text_file(value: str) -> InputFile:
    """The value of an option that takes a text file; `-` is standard input.

    Reads a file at once, so that a wrong name is wrong usage. Raises `OSError` if the file cannot be read.
    """
    if value == "-":
        if sys.stdin is None:
            raise click.BadParameter("standard input is closed")
        return InputFile(_STDIN_NAME, read_stdin)
    try:
        content = Path(value).read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise click.BadParameter(f"{click.format_filename(value)!r}: {error.strerror}") from error
    return InputFile(value, lambda: content)


def read_stdin(*, first_line: bool = False) -> bytes:
    """Standard input, or its first line."""
    # The text layer would decode it in the code page of a terminal. A test may have replaced it by a text.
    stream: Any = getattr(sys.stdin, "buffer", sys.stdin)
    content: bytes | str = stream.readline() if first_line else stream.read()
    return content.encode() if isinstance(content, str) else content


def decode(content: bytes, name: str) -> str:
    """The text of a file in UTF-8. Raises a usage error for anything else."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in content:
        raise click.UsageError(f"{name} is a text file in UTF-16, or no text: save it as text in UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise click.UsageError(f"{name} is not a text file in UTF-8: save it as text in UTF-8") from None
