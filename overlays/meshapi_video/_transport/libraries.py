"""The library of an HTTP client: httpx, or its fork httpx2, which is no dependency.

The classes of httpx2 have the same names and methods, but are no subclasses of those of httpx.
"""

from __future__ import annotations

import sys
from types import FunctionType, ModuleType
from typing import Any, Final, Protocol

import httpx

_LIBRARIES: Final = frozenset({"httpx", "httpx2", "httpcore", "httpcore2"})


class HTTPClient(Protocol):
    """An `httpx.Client`, or an `httpx2.Client`."""

    @property
    def is_closed(self) -> bool:
        """Whether the client has been closed."""
        ...

    def close(self) -> None:
        """Closes the client. The SDK never calls this."""
        ...

    # Each library has its own types of a request and of a response.
    def send(self, request: Any, *, stream: bool = False) -> Any:  # noqa: ANN401
        """Sends a request of the same library."""
        ...


class AsyncHTTPClient(Protocol):
    """An `httpx.AsyncClient`, or an `httpx2.AsyncClient`."""

    @property
    def is_closed(self) -> bool:
        """Whether the client has been closed."""
        ...

    async def aclose(self) -> None:
        """Closes the client. The SDK never calls this."""
        ...

    # Each library has its own types of a request and of a response.
    async def send(self, request: Any, *, stream: bool = False) -> Any:  # noqa: ANN401
        """Sends a request of the same library."""
        ...


def library_of(client: HTTPClient | AsyncHTTPClient, class_name: str) -> ModuleType:
    """The library of a user's client: httpx or httpx2. Raises `TypeError` unless it is a client of this class."""
    # Not `isinstance` with `httpx.Client`, which a test may have replaced.
    for each in client.__class__.__mro__:
        if is_original(each) and each.__name__ == class_name:
            return sys.modules[each.__module__.partition(".")[0]]
    raise TypeError(
        f"http_client of {'an AsyncVideoClient' if class_name == 'AsyncClient' else 'a VideoClient'} should be an "
        f"httpx.{class_name} or an httpx2.{class_name}, not {type(client).__name__}"
    )


# Any: type checkers would need httpx2 for the types of its exceptions.
def errors_named(*names: str) -> tuple[Any, ...]:
    """The exceptions of httpx with these names; and those of its fork httpx2, if the program has imported it."""
    libraries = (httpx, sys.modules.get("httpx2"))
    return tuple(getattr(library, name) for library in libraries if library is not None for name in names)


def is_original(part: object) -> bool:
    """Whether a function or class is httpx's or httpcore's own."""
    if isinstance(part, type):
        return part.__module__.partition(".")[0] in _LIBRARIES
    # Not its `__module__`, which a wrapper copies. And not `isinstance`: a proxy pretends to be a function.
    return type(part) is FunctionType and str(part.__globals__["__name__"]).partition(".")[0] in _LIBRARIES
