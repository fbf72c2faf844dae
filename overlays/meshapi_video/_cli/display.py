"""Shows the progress of waits and downloads on stderr: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import math
import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Final

import anyio
from attrs import define, field
from rich.console import Console, Group
from rich.filesize import decimal
from rich.live import Live
from rich.text import Text

from meshapi_video._cli.output import print_status
from meshapi_video._cli.rows import BAR_WIDTHS, Line, Row, Rows, progress_bar
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
    age_width = max((len(format_duration(task.age)) for task in pending), default=0)
    rows = Rows(
        [
            *(Row(task_id, Text("downloading", "green"), _details(each)) for task_id, each in downloads.items()),
            *(_pending_row(task, age_width) for task in pending),
        ]
    )
    if total == 1:
        return Group(rows)
    statuses = "".join(f", {number} {_shown(status)}" for status, number in sorted(progress.statuses.items()))
    polls = "1 poll" if progress.polls == 1 else f"{progress.polls} polls"
    ended = f"{progress.ended} of {total} ended"
    texts = (f"{ended}{statuses}; {polls}", f"{ended}{statuses}", ended)
    summary = Line(tuple(Text(text, "bold") for text in texts))
    hidden = total - progress.ended - len(pending)
    return Group(summary, rows, Text(f"and {hidden} more", "dim")) if hidden > 0 else Group(summary, rows)


def _pending_row(task: PendingTask, age_width: int) -> Row:
    status = _shown(task.status or "no status")
    age = format_duration(task.age).ljust(age_width)
    seconds = math.ceil(task.next_poll)
    polls = (f"next poll in {seconds} s", f"in {seconds} s") if seconds > 0 else ("polling",)
    details = (*(f"{age}  {poll}" for poll in polls), age)
    return Row(task.task_id, Text(status, _STATUS_STYLES.get(status, "")), tuple(map(Text, details)))


def _shown(status: str) -> str:
    return one_line(status, _LONGEST_STATUS)


def _details(download: DownloadProgress) -> tuple[Text, ...]:
    """The progress of a download in several lengths, the longest first."""
    received = decimal(download.received)
    parts = [received, f"{decimal(int(download.speed))}/s"]
    bars: list[Text] = []
    if download.total:
        bars = [progress_bar(download.received / download.total, width) for width in BAR_WIDTHS]
    if download.total is not None and download.speed > 0:
        parts.append(f"{format_duration((download.total - download.received) / download.speed)} left")
    # The time that is left matters more than the speed.
    texts = [", ".join(parts), ", ".join([received, *parts[2:]]), *parts[2:]]
    return (*(bar.append(f"  {texts[0]}") for bar in bars), *map(Text, texts))


def format_duration(seconds: float) -> str:
    """`1:05`, or `1:00:05` from one hour on."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def download_progress(task_id: str) -> Generator[Callable[[int, int | None], None]]:
    """Shows one download if stderr is a terminal. Yields the function to call with each progress."""
    console = stderr_console()
    download, refreshed_at, is_live = DownloadProgress(), 0.0, can_move(console)
    with (
        Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False)
        if is_live
        else nullcontext() as live
    ):

        def update(received: int, total: int | None) -> None:
            nonlocal refreshed_at
            download.update(received, total)
            if live is not None and time.monotonic() >= refreshed_at + _REFRESH_INTERVAL:
                refreshed_at = time.monotonic()
                live.update(Rows([Row(task_id, Text(), _details(download))]), refresh=True)

        yield update


def stderr_console() -> Console:
    """The console on stderr."""
    return Console(stderr=True)


def can_move(console: Console) -> bool:
    """Whether stderr is a terminal on which a picture can move.

    Some variables make rich take a log for a terminal, such as FORCE_COLOR in a CI job. There, each picture would be
    kept below the one before.
    """
    return console.file.isatty() and console.is_terminal and not console.is_dumb_terminal and console.is_interactive
