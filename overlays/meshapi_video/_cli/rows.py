"""The lines of the live display, which fit into any width: the id is shortened first, and never the time.

A line has three parts: the id, the status, and a detail in several lengths. The first detail that leaves room for a
short id is taken. Then the id is shortened in its middle, because ids of one day often begin alike. A status is
shortened only where it leaves no room for the shortest detail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen
from rich.cells import cell_len
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

_GAP: Final = "  "
_SHORTEST_ID: Final = 7
"""Columns of an id that is shortened, with the ellipsis."""
BAR_WIDTHS: Final = (20, 10)
"""Columns of a progress bar."""


@frozen
class Row:
    """One line of the live display."""

    task_id: str
    status: Text
    """Empty for a line without a status."""
    details: tuple[Text, ...]
    """The same in several lengths, the longest first."""


@frozen
class Rows:
    """Lines of the live display, one below another, as a renderable of rich."""

    rows: list[Row]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Renders each row as one line of at most the width of the terminal."""
        encoding, ellipsis = options.encoding, "..." if options.ascii_only else "…"
        ids = [_encodable(row.task_id, encoding) for row in self.rows]
        shortest = max((_width(row.details[-1]) for row in self.rows), default=0)
        room = max(options.max_width - 2 * len(_GAP) - _SHORTEST_ID - shortest, 0)
        statuses = [
            Text(shorten_middle(_encodable(row.status.plain, encoding), room, ellipsis), row.status.style)
            for row in self.rows
        ]
        status_width = max(map(_width, statuses), default=0)
        # The width of everything but the id and the detail.
        fixed = len(_GAP) + (status_width + len(_GAP) if status_width else 0)
        details = [_first_that_fits(row.details, options, fixed + _SHORTEST_ID) for row in self.rows]
        left = options.max_width - fixed - max(map(_width, details), default=0)
        id_width = min(max(map(cell_len, ids), default=0), max(left, _SHORTEST_ID))
        for task_id, status, detail in zip(ids, statuses, details, strict=True):
            line = Text(no_wrap=True, overflow="crop", end="\n")
            line.append(_padded(shorten_middle(task_id, id_width, ellipsis), id_width)).append(_GAP)
            if status_width:
                line.append_text(status).append(" " * (status_width - _width(status))).append(_GAP)
            yield line.append_text(detail)


@frozen
class Line:
    """A text in several lengths, the longest first, as a renderable of rich: one line."""

    details: tuple[Text, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Renders the first text that fits."""
        line = Text(no_wrap=True, overflow="crop")
        yield line.append_text(_first_that_fits(self.details, options, 0))


def shorten_middle(text: str, width: int, ellipsis: str = "…") -> str:
    """`text` in at most `width` columns of a terminal, with an ellipsis in its middle."""
    if cell_len(text) <= width:
        return text
    head, tail = text[: (len(text) + 1) // 2], text[(len(text) + 1) // 2 :]
    # One character may have two columns, or none.
    while head and cell_len(head) + len(ellipsis) + cell_len(tail) > width:
        head, tail = (head[:-1], tail) if cell_len(head) > cell_len(tail) else (head, tail[1:])
    return head + ellipsis + tail


def progress_bar(share: float, width: int) -> Text:
    """A bar of `width` columns, of which `share`, from 0 to 1, is filled."""
    filled = int(width * min(max(share, 0), 1))
    # Two characters, because a terminal may show no colors.
    return Text.assemble(("━" * filled, "green"), ("─" * (width - filled), "dim"))


def _first_that_fits(details: tuple[Text, ...], options: ConsoleOptions, used: int) -> Text:
    """The longest text that fits beside `used` columns, and whose characters the code page has."""
    return next(
        (
            detail
            for detail in details
            if used + _width(detail) <= options.max_width and (detail.plain.isascii() or not options.ascii_only)
        ),
        details[-1],
    )


def _encodable(text: str, encoding: str) -> str:
    """`text` as it is written: a character that the code page lacks is written as its escape, which is longer."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))


def _width(text: Text) -> int:
    return cell_len(text.plain)
