"""Reports the progress of a call, so that a client sees that it is alive."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio
from mcp.server.mcpserver.exceptions import ToolError

from meshapi_video._mcp.state import ToolContext

LONGEST_CALL: Final = 55.0
"""Seconds of one call. Many clients end a call after 60 seconds."""
PROGRESS_INTERVAL: Final = 1.0
"""Seconds between two reports of the progress of a call."""


@asynccontextmanager
async def reporting(ctx: ToolContext, total: float, message: Callable[[], str]) -> AsyncGenerator[None]:
    """Reports every second, in this block, how many of the `total` seconds are over."""
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(_report, ctx, total, message)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised below: the task group would wrap it
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure


@asynccontextmanager
async def limited(
    ctx: ToolContext, message: str, sentence: Callable[[], str], seconds: float | None = None
) -> AsyncGenerator[None]:
    """Ends this block after so many seconds, `LONGEST_CALL` by default, and reports the progress until then.

    Raises the tool's error with the sentence if the block was ended.
    """
    longest = LONGEST_CALL if seconds is None else seconds
    async with reporting(ctx, longest, lambda: message):
        with anyio.move_on_after(longest):
            yield
            return
        raise ToolError(sentence())


async def _report(ctx: ToolContext, total: float, message: Callable[[], str]) -> None:
    over = 0.0
    while True:
        await anyio.sleep(PROGRESS_INTERVAL)
        over = min(over + PROGRESS_INTERVAL, total)
        await ctx.report_progress(over, total, message())
