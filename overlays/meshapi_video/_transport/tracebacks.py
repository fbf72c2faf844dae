"""Keeps the API key and signed URLs out of tracebacks, which some programs print with all local variables.

While a request is sent, the frames of this package and of its libraries have the request in their local variables.
"""

from __future__ import annotations

import sys
import traceback
from itertools import pairwise
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, cast

from meshapi_video._errors import MeshVideoError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshapi_video._settings import ApiKey

_LIBRARIES: Final = sys.stdlib_module_names | {
    "aiohttp", "anyio", "h11", "httpcore", "httpcore2", "httpx", "httpx2", "multidict", "propcache",
    "socksio", "trio", "uvloop", "yarl",
}  # fmt: skip
_HIDDEN: Final = _LIBRARIES | {"meshapi_video", "meshapi_video_generated"}
_EXPECTED: Final = _HIDDEN - {"builtins"}
"""The errors of these packages become errors of this package, or mean the end of a download's attempt."""


class hidden_frames:  # noqa: N801 - it is used like a function
    """Removes the frames below this context from the tracebacks of all exceptions that leave it.

    The frames of the user's own code stay, such as those of a hook. An exception that the caller was handling before
    is left alone.
    """

    # Not `contextlib.contextmanager`, which would restore the traceback.
    def __init__(self, api_key: ApiKey | None = None) -> None:
        self._api_key = api_key
        self._handled = sys.exception()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        if error is None:
            return
        for each in _chain(error, self._handled):
            if isinstance(each, MeshVideoError):
                # It says everything that can be said.
                each.__traceback__ = each.__cause__ = None
                each.__context__, each.__suppress_context__ = self._handled, False
                continue
            if _is_unexpected(each) and not hasattr(each, "__notes__"):
                # The user needs the lines to find the bug. The note has no values.
                each.add_note("".join(traceback.format_tb(each.__traceback__)))
            each.__traceback__ = _of_user(each.__traceback__)
            # The repr of some errors shows the request.
            if self._leaks_into(each.__context__):
                each.__context__ = None
            if self._leaks_into(each.__cause__):
                each.__cause__ = None

    def _leaks_into(self, error: BaseException | None) -> bool:
        return error is not None and self._api_key is not None and self._api_key.leaks_into(repr(error))


def _chain(error: BaseException, handled: BaseException | None) -> Iterator[BaseException]:
    seen, left = {id(handled)}, list[BaseException | None]([error])
    while left:
        each = left.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            left += [each.__cause__, each.__context__]
            if isinstance(each, BaseExceptionGroup):
                left += cast("BaseExceptionGroup[BaseException]", each).exceptions


def _is_unexpected(error: BaseException) -> bool:
    is_expected = type(error).__module__.partition(".")[0] in _EXPECTED
    return isinstance(error, Exception) and not isinstance(error, OSError) and not is_expected


def _of_user(entry: TracebackType | None) -> TracebackType | None:
    """The part of a traceback that is neither of this package nor of its libraries."""
    kept = list[TracebackType]()
    while entry is not None:
        if str(entry.tb_frame.f_globals.get("__name__")).partition(".")[0] not in _HIDDEN:
            kept.append(entry)
        entry = entry.tb_next
    if not kept:
        return None
    for before, after in pairwise(kept):
        before.tb_next = after
    kept[-1].tb_next = None
    return kept[0]
