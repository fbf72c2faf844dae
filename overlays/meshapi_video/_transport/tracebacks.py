"""Keeps the API key out of tracebacks, which some programs print with all local variables.

Below a request, the frames of HTTP libraries and of the standard library have its headers in their local variables.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from types import TracebackType
from typing import TYPE_CHECKING, Final, cast

from meshapi_video._errors import MeshVideoError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshapi_video._settings import ApiKey

_LIBRARIES: Final = sys.stdlib_module_names | {
    "aiohttp", "anyio", "h11", "httpcore", "httpx", "multidict", "propcache", "socksio", "trio", "uvloop", "yarl",
}  # fmt: skip
_STREAMS: Final = {"meshapi_video._sync.network", "meshapi_video._async.network"}
"""Modules of this package in whose frames the bytes of the request are."""


def hide_library_frames(error: BaseException, api_key: ApiKey, handled: BaseException | None) -> None:
    """Removes the frames of libraries from the traceback of `error`, and of all errors that led to it.

    The frames of this package and of the user's own code stay, and so does the whole traceback of `handled`, the
    exception that the caller was handling before. Call this where the exception is caught, and raise it again.
    """
    if isinstance(error, MeshVideoError):
        # It says everything that can be said, and the frames hold the whole response.
        error.__traceback__ = error.__context__ = error.__cause__ = None
    for each in _chain(error, handled):
        each.__traceback__ = _without_libraries(each.__traceback__)
        # The repr of some errors shows the request.
        if each.__context__ is not None and api_key.leaks_into(repr(each.__context__)):
            each.__context__ = None
        if each.__cause__ is not None and api_key.leaks_into(repr(each.__cause__)):
            each.__cause__ = None


def _chain(error: BaseException, handled: BaseException | None) -> Iterator[BaseException]:
    seen, left = {id(handled)}, [error]
    while left:
        each = left.pop()
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            left += [linked for linked in (each.__cause__, each.__context__) if linked is not None]
            if isinstance(each, BaseExceptionGroup):
                left += cast("BaseExceptionGroup[BaseException]", each).exceptions


def _without_libraries(traceback: TracebackType | None) -> TracebackType | None:
    kept = list[TracebackType]()
    while traceback is not None:
        module = str(traceback.tb_frame.f_globals.get("__name__"))
        if module.partition(".")[0] not in _LIBRARIES and module not in _STREAMS:
            kept.append(traceback)
        traceback = traceback.tb_next
    if not kept:
        return None
    for entry, following in pairwise(kept):
        entry.tb_next = following
    kept[-1].tb_next = None
    return kept[0]
