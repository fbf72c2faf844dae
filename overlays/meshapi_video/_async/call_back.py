"""Calls the callbacks of the asynchronous client."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import ParamSpec

from meshapi_video._telemetry.call import works_for

P = ParamSpec("P")


async def call_back(callback: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Calls a function of the caller, and awaits what it returns if that can be awaited."""
    with works_for(None):
        returned = callback(*args, **kwargs)
        if inspect.isawaitable(returned):
            await returned
