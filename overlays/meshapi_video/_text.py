"""Makes texts safe to print and to log: texts of servers, of files, and of other libraries."""

from __future__ import annotations

from typing import Final

LONGEST_TEXT: Final = 1_000
"""The characters of one text of a server in an error or a log line."""
LONGEST_MESSAGE: Final = 4_000
"""The characters of the whole message of an error."""
LONGEST_BODY: Final = 2_000
"""The characters of a response body that an error keeps."""


def printable(text: str) -> str:
    r"""`text` on one line: a line break and any other character that cannot be printed become an escape like `\x1b`.

    Otherwise a server could move a terminal's cursor, reverse a line, or write a line that looks like the SDK's own.
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def shorten(text: str, longest: int = LONGEST_TEXT) -> str:
    """At most `longest` characters: the beginning of a longer text, and its length.

    Redact a text before you shorten it: a key at the end would lose only a part of itself.
    """
    return text if len(text) <= longest else _cut(text, longest, len(text))


def one_line(text: str, longest: int = LONGEST_TEXT) -> str:
    """`text` as `printable` shows it, in at most `longest` characters."""
    shown = printable(text[:longest])
    return shown if len(text) <= longest and len(shown) <= longest else _cut(shown, longest, len(text))


def _cut(text: str, longest: int, length: int) -> str:
    mark = f"… ({length:,} characters)"
    return text[: longest - len(mark)] + mark


def describe(error: Exception) -> str:
    """The message of an exception that a check or a parser raised."""
    # The messages of the other types need the name: that of a KeyError is only the key.
    return str(error) if isinstance(error, ValueError | RecursionError) else f"{type(error).__name__}: {error}"
