"""Shows a wait: one line that moves on a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from meshapi_video._logging import LOOKS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from meshapi_video import VideoTaskResponse


@contextmanager
def shown_wait(task_id: str) -> Generator[Callable[[VideoTaskResponse], None]]:
    """Shows that `task_id` is waited for; what it yields is to be called with each answer."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with _missed_looks_on(console), _line(console, task_id) as show_status:
        shown = ""

        def on_update(task: VideoTaskResponse) -> None:
            nonlocal shown
            if task.status != shown:
                shown = task.status
                show_status(shown)

        yield on_update


@contextmanager
def _line(console: Console, task_id: str) -> Generator[Callable[[str], None]]:
    # Everything from outside is escaped: rich reads square brackets as markup.
    name = escape(task_id)
    if not console.is_terminal:
        yield lambda status: console.print(f"task {name}: {escape(status)}")
        return
    columns = (SpinnerColumn(), TextColumn("task {task.fields[name]}: {task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        row = progress.add_task("asking", total=None, name=name)
        yield lambda status: progress.update(row, description=escape(status))


@contextmanager
def _missed_looks_on(console: Console) -> Generator[None]:
    """Prints what the SDK logs at INFO: looks that missed, while the wait goes on."""
    logger = logging.getLogger(LOOKS)
    handler = _Printed(console)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


class _Printed(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(escape(record.getMessage()))
