"""Shows waits on stderr: a picture that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import anyio
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from meshapi_video._cli._exit import say
from meshapi_video._logging import LOOKS, TASKS

if TYPE_CHECKING:
    from collections.abc import Generator

    from meshapi_video import AsyncWaitResults, Waiting, WaitProgress

_EVERY: Final = 0.125
"""Seconds between two pictures."""
_LINES_ABOVE: Final = 4
"""Lines of the terminal that the picture leaves to what is printed above it."""
_STYLES: Final = {"queued": "yellow", "running": "cyan"}


class Board:
    """What is waited for, to be seen; nothing moves where stderr is no terminal."""

    def __init__(self, console: Console, *, moving: bool) -> None:
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._console = console
        self._moving = moving

    async def follow(self, results: AsyncWaitResults) -> None:
        """Shows the waits until it is cancelled."""
        if not self._moving:
            return
        with self._live:
            while True:
                rows = max(self._console.height - _LINES_ABOVE, 1)
                self._live.update(picture(results.progress, results.waiting(rows)), refresh=True)
                await anyio.sleep(_EVERY)

    @contextmanager
    def aside(self) -> Generator[None]:
        """Takes the picture away while something is printed; the next one comes soon enough."""
        if self._live.is_started:
            self._live.update(Text(""), refresh=True)
        yield

    @contextmanager
    def hearing(self) -> Generator[None]:
        """Prints what the SDK logs at INFO: each look that missed, and where nothing moves each change."""
        loggers = [logging.getLogger(name) for name in ((LOOKS,) if self._moving else (LOOKS, TASKS))]
        handler = _Printed(self)
        levels = [logger.level for logger in loggers]
        for logger in loggers:
            logger.addHandler(handler)
            logger.setLevel(logging.INFO)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
                logger.removeHandler(handler)


class _Printed(logging.Handler):
    def __init__(self, board: Board) -> None:
        super().__init__(logging.INFO)
        self._board = board

    def emit(self, record: logging.LogRecord) -> None:
        with self._board.aside():
            say(record.getMessage())


def picture(progress: WaitProgress, waiting: list[Waiting]) -> Group:
    """A line for each task that there is room for, and above them how many there are."""
    table = Table.grid(padding=(0, 2))
    for task in waiting:
        status = task.status or "asking"
        look = f"next look in {task.next_look:.0f} s" if task.next_look > 0 else "looking"
        # Everything from outside is escaped: rich reads square brackets as markup.
        table.add_row(escape(task.task_id), Text(status, _STYLES.get(status, "")), _clock(task.age), look)
    if progress.begun == 1:
        return Group(table)
    statuses = "".join(f", {number} {status}" for status, number in sorted(progress.statuses.items()))
    more = progress.begun - progress.ended - len(waiting)
    said = f"{progress.ended} of {progress.begun} over{statuses}; {progress.looks} looks"
    return Group(Text(said, "bold"), table, *([Text(f"and {more} more", "dim")] if more > 0 else []))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
