"""Reports the progress of a call, so that a client sees that it is alive."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio

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


async def _report(ctx: ToolContext, total: float, message: Callable[[], str]) -> None:
    over = 0.0
    while True:
        await anyio.sleep(PROGRESS_INTERVAL)
        over = min(over + PROGRESS_INTERVAL, total)
        await ctx.report_progress(over, total, message())
