"""Shows the progress of waits and downloads on stderr: a live display on a terminal, plain lines elsewhere."""

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

from meshapi_video._cli.output import print_status
from meshapi_video._logging import POLLS, TASKS
from meshapi_video._text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from meshapi_video import AsyncWaitResults, PendingTask, WaitProgress

_REFRESH_INTERVAL: Final = 0.125
"""Seconds between two refreshes of the live display."""
_RESERVED_LINES: Final = 4
"""Lines of the terminal that the tasks do not use."""
_LONGEST_STATUS: Final = 40
"""Characters. The known statuses have 9 at most."""
_STATUS_STYLES: Final = {"queued": "yellow", "running": "cyan"}


@define
class DownloadProgress:
    """The progress of one download."""

    started_at: float = field(factory=time.monotonic)
    resumed_from: int | None = None
    """Bytes that an earlier download had received; None before the first `update`."""
    received: int = 0
    total: int | None = None

    def update(self, received: int, total: int | None) -> None:
        """Sets the bytes received so far, and the size of the file if it is known."""
        self.resumed_from = received if self.resumed_from is None else self.resumed_from
        self.received, self.total = received, total

    @property
    def speed(self) -> float:
        """Bytes per second, on average."""
        return (self.received - (self.resumed_from or 0)) / max(time.monotonic() - self.started_at, 0.001)


class Display:
    """The progress of waits and downloads on stderr. If `live` is false, it prints log lines only."""

    def __init__(self, console: Console, *, live: bool) -> None:
        self._console = console
        self._is_live = live
        # rich does not redirect stdout, which may be a pipe. `paused` makes room for what is printed.
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._downloads: dict[str, DownloadProgress] = {}

    async def refresh(self, results: AsyncWaitResults, total: int) -> None:
        """Refreshes the live display of `total` tasks until it is cancelled."""
        if not self._is_live:
            return
        with self._live:
            while True:
                lines = max(self._console.height - _RESERVED_LINES - len(self._downloads), 1)
                content = render(results.progress, results.waiting(lines), self._downloads, total)
                self._live.update(content, refresh=True)
                await anyio.sleep(_REFRESH_INTERVAL)

    @contextmanager
    def paused(self) -> Generator[None]:
        """Clears the live display while something is printed. The next refresh draws it again."""
        if self._live.is_started:
            self._live.update(Text(""), refresh=True)
        yield

    @contextmanager
    def downloading(self, task_id: str) -> Generator[Callable[[int, int | None], None]]:
        """Shows a download. Yields the function to call with the bytes received and the size of the file."""
        self._downloads[task_id] = progress = DownloadProgress()
        try:
            yield progress.update
        finally:
            del self._downloads[task_id]

    @contextmanager
    def log_output(self) -> Generator[None]:
        """Prints the SDK's log lines: failed polls, warnings, and without a live display each new status."""
        shown = {POLLS: logging.INFO, TASKS: logging.WARNING if self._is_live else logging.INFO}
        loggers = [logging.getLogger(name) for name in shown]
        levels = [logger.level for logger in loggers]
        handler = _DisplayHandler(self)
        for logger, level in zip(loggers, shown.values(), strict=True):
            logger.addHandler(handler)
            logger.setLevel(level)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
                logger.removeHandler(handler)


class _DisplayHandler(logging.Handler):
    def __init__(self, display: Display) -> None:
        super().__init__(logging.INFO)
        self._display = display

    def emit(self, record: logging.LogRecord) -> None:
        with self._display.paused():
            print_status(record.getMessage())


def render(
    progress: WaitProgress, pending: list[PendingTask], downloads: dict[str, DownloadProgress], total: int
) -> Group:
    """The live display: a summary if there are several tasks, and one line per download and pending task."""
    table = _grid()
    for task_id, download in downloads.items():
        table.add_row(_shortened(task_id), Text("downloading", "green"), *_download_columns(download))
    for task in pending:
        status = _shown(task.status or "no status")
        next_poll = f"next poll in {math.ceil(task.next_poll)} s" if task.next_poll > 0 else "polling"
        style = _STATUS_STYLES.get(status, "")
        table.add_row(
            _shortened(task.task_id), Text(status, style), Text(format_duration(task.age)), _shortened(next_poll)
        )
    if total == 1:
        return Group(table)
    statuses = "".join(f", {number} {_shown(status)}" for status, number in sorted(progress.statuses.items()))
    polls = "1 poll" if progress.polls == 1 else f"{progress.polls} polls"
    summary = _shortened(f"{progress.ended} of {total} ended{statuses}; {polls}", "bold")
    hidden = total - progress.ended - len(pending)
    return Group(summary, table, Text(f"and {hidden} more", "dim")) if hidden > 0 else Group(summary, table)


def _grid() -> Table:
    # A wrapped line would make the display higher than the terminal. On a narrow terminal, rich first shortens
    # the columns without `no_wrap`: the first and the last, whose texts have `no_wrap` themselves.
    return Table.grid(Column(), Column(no_wrap=True), Column(no_wrap=True), Column(), padding=(0, 2))


def _shown(status: str) -> str:
    return one_line(status, _LONGEST_STATUS)


def _shortened(text: str, style: str = "") -> Text:
    """A text that ends with an ellipsis if the terminal is too narrow."""
    return Text(text, style, no_wrap=True, overflow="ellipsis")


def _download_columns(download: DownloadProgress) -> tuple[ProgressBar, Text]:
    text = f"{decimal(download.received)}, {decimal(int(download.speed))}/s"
    if download.total is not None and download.speed > 0:
        text += f", {format_duration((download.total - download.received) / download.speed)} left"
    bar = ProgressBar(download.total, download.received, width=20, pulse=download.total is None)
    return bar, _shortened(text)


def format_duration(seconds: float) -> str:
    """`1:05`, or `1:00:05` from one hour on."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def download_progress(task_id: str) -> Generator[Callable[[int, int | None], None]]:
    """Shows one download if stderr is a terminal. Yields the function to call with each progress."""
    console = Console(stderr=True)
    download, refreshed_at = DownloadProgress(), 0.0
    with Live(
        console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as live:

        def update(received: int, total: int | None) -> None:
            nonlocal refreshed_at
            download.update(received, total)
            if console.is_terminal and time.monotonic() >= refreshed_at + _REFRESH_INTERVAL:
                refreshed_at = time.monotonic()
                table = _grid()
                table.add_row(_shortened(task_id), *_download_columns(download))
                live.update(table, refresh=True)

        yield update
