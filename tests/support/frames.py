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
        if secret in repr(value)
    ]


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all errors that led to it, also those that no traceback prints."""
    seen, left = set[int](), list[BaseException | None]([error])
    while left:
        each = left.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            left += [each.__cause__, each.__context__]
