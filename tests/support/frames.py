"""Searches the local variables of all frames of an exception, as programs that report a crash print them."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

TESTS = str(Path(__file__).parents[1])


def places_of(secret: str, error: BaseException) -> list[str]:
    """The frames, outside the tests, with a local variable whose `repr` contains the secret."""
    return [
        f"{name} in {frame.f_code.co_qualname}, {frame.f_code.co_filename}:{line}"
        for each in chain(error)
        for frame, line in traceback.walk_tb(each.__traceback__)
        if not frame.f_code.co_filename.startswith(TESTS)
        for name, value in frame.f_locals.items()
        if secret in _repr(value)
    ]


def _repr(value: object) -> str:
    """The `repr`; empty for an object that an interruption left half made."""
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - a `repr` may raise anything
        return ""


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all errors that led to it, also those that no traceback prints, and the last error of a wait."""
    seen, left = set[int](), list[BaseException | None]([error])
    while left:
        each = left.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            left += [each.__cause__, each.__context__, getattr(each, "last_error", None)]
