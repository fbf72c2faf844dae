"""Checks the callbacks of the blocking client, which cannot await a coroutine."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from functools import partial
from typing import ParamSpec

from meshapi_video._telemetry.call import works_for

P = ParamSpec("P")


def blocking_callback(name: str, callback: Callable[P, object] | None) -> Callable[P, object] | None:
    """`callback`, which is also checked at each call. Raises `TypeError` at once unless it is an ordinary function."""
    if callback is None:
        return None
    if not callable(callback):
        raise TypeError(f"{name} should be a function, not {type(callback).__name__}")
    if _is_coroutine_function(callback):
        raise _error(f"{name} is a coroutine function")

    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        with works_for(None):
            returned = callback(*args, **kwargs)
        # Only the call shows it of a lambda.
        if isinstance(returned, Coroutine):
            # Otherwise, Python warns that the coroutine was never awaited.
            returned.close()
            raise _error(f"{name} returned a coroutine")

    return call


def _is_coroutine_function(callback: object) -> bool:
    while isinstance(callback, partial):
        callback = callback.func
    return any(
        check(each)
        for check in (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
        for each in (callback, type(callback).__call__)
    )


def _error(problem: str) -> TypeError:
    return TypeError(
        f"{problem}, and VideoClient cannot await it. Pass an ordinary function, or use AsyncVideoClient, which awaits "
        "its callbacks"
    )
