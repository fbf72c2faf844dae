"""Shows waits and downloads on stderr: a picture that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import anyio
from attrs import define, field
from rich.console import Console, Group
from rich.filesize import decimal
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from meshapi_video._cli._exit import plain, say
from meshapi_video._logging import LOOKS, TASKS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from meshapi_video import AsyncWaitResults, Waiting, WaitProgress

_EVERY: Final = 0.125
"""Seconds between two pictures."""
_LINES_LEFT: Final = 4
"""Lines of the terminal that the tasks leave to everything else."""
_STYLES: Final = {"queued": "yellow", "running": "cyan"}


@define
class Fetching:
    """A file on its way."""

    begun: float = field(factory=time.monotonic)
    first: int | None = None
    """Bytes that were there before."""
    received: int = 0
    total: int | None = None

    def took(self, received: int, total: int | None) -> None:
        """Takes note of more bytes."""
        self.first = received if self.first is None else self.first
        self.received, self.total = received, total

    @property
    def speed(self) -> float:
        """Bytes a second, on the average."""
        return (self.received - (self.first or 0)) / max(time.monotonic() - self.begun, 0.001)


class Board:
    """What is waited for and fetched, to be seen; nothing moves where stderr is no terminal."""

    def __init__(self, console: Console, *, moving: bool) -> None:
        self._console = console
        self._moving = moving
        # What is printed meanwhile goes where it should, which may be a pipe: `aside` makes room for it.
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._files: dict[str, Fetching] = {}

    async def follow(self, results: AsyncWaitResults, total: int) -> None:
        """Shows the waits, so many in all, until it is cancelled."""
        if not self._moving:
            return
        with self._live:
            while True:
                lines = max(self._console.height - _LINES_LEFT - len(self._files), 1)
                seen = picture(results.progress, results.waiting(lines), self._files, total)
                self._live.update(seen, refresh=True)
                await anyio.sleep(_EVERY)

    @contextmanager
    def aside(self) -> Generator[None]:
        """Takes the picture away while something is printed; the next one comes soon enough."""
        if self._live.is_started:
            self._live.update(Text(""), refresh=True)
        yield

    @contextmanager
    def fetching(self, task_id: str) -> Generator[Callable[[int, int | None], None]]:
        """Shows a download; what it yields is to be called with the bytes so far and in all."""
        self._files[task_id] = file = Fetching()
        try:
            yield file.took
        finally:
            del self._files[task_id]

    @contextmanager
    def hearing(self) -> Generator[None]:
        """Prints what the SDK logs at INFO: looks that missed, and where nothing moves each change."""
        loggers = [logging.getLogger(name) for name in ((LOOKS,) if self._moving else (LOOKS, TASKS))]
        levels = [logger.level for logger in loggers]
        handler = _Printed(self)
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


def picture(progress: WaitProgress, waiting: list[Waiting], files: dict[str, Fetching], total: int) -> Group:
    """A line for each task that there is room for, and above them how many there are."""
    table = _table()
    for task_id, file in files.items():
        table.add_row(Text(task_id), Text("fetching", "green"), *_amounts(file))
    for task in waiting:
        status = plain(task.status or "asking")
        look = f"next look in {math.ceil(task.next_look)} s" if task.next_look > 0 else "looking"
        table.add_row(Text(task.task_id), Text(status, _STYLES.get(status, "")), Text(clock(task.age)), Text(look))
    if total == 1:
        return Group(table)
    statuses = "".join(f", {number} {plain(status)}" for status, number in sorted(progress.statuses.items()))
    said = Text(f"{progress.ended} of {total} over{statuses}; {progress.looks} looks", "bold")
    more = total - progress.ended - len(waiting)
    return Group(said, table, Text(f"and {more} more", "dim")) if more > 0 else Group(said, table)


def _table() -> Table:
    # A line that wraps would make the picture taller than the terminal.
    return Table.grid(*(Column(no_wrap=True) for _ in range(4)), padding=(0, 2))


def _amounts(file: Fetching) -> tuple[ProgressBar, Text]:
    said = f"{decimal(file.received)}, {decimal(int(file.speed))}/s"
    if file.total is not None and file.speed > 0:
        said += f", {clock((file.total - file.received) / file.speed)} left"
    return ProgressBar(file.total, file.received, width=20, pulse=file.total is None), Text(said)


def clock(seconds: float) -> str:
    """Seconds as a clock shows them."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def shown_download(task_id: str) -> Generator[Callable[[int, int | None], None]]:
    """Shows one download where stderr is a terminal; what it yields is to be called with each progress."""
    console = Console(stderr=True)
    file, shown = Fetching(), 0.0
    with Live(
        console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as live:

        def show(received: int, total: int | None) -> None:
            nonlocal shown
            file.took(received, total)
            if console.is_terminal and time.monotonic() >= shown + _EVERY:
                shown = time.monotonic()
                table = _table()
                table.add_row(Text(task_id), *_amounts(file))
                live.update(table, refresh=True)

        yield show
