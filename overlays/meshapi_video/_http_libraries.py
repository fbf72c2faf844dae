"""The HTTP libraries: the one that the SDK uses, and the one of a user's own client. Each is httpx, or its fork httpx2.

The SDK uses the library that the generated code imports: httpx, until the generator writes httpx2. All other modules
import `httpx` and `httpcore` from here. The libraries have the same names and methods, but the classes of one are no
subclasses of those of the other.
"""

from __future__ import annotations

import importlib
import sys
from functools import partial
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final, Protocol

from meshapi_video_generated import client as _generated

__all__ = ["AsyncHTTPClient", "HTTPClient", "errors_named", "httpcore", "httpx", "is_original", "library_of"]

if TYPE_CHECKING:
    # Both libraries have these types, and the environment in which the types are checked has both libraries.
    import httpcore
    import httpx
else:
    httpx = vars(_generated).get("httpx") or _generated.httpx2

    def __getattr__(name: str) -> ModuleType:
        # Only when it is needed, because it is slow to import.
        if name == "httpcore":
            return importlib.import_module(httpx.__name__.replace("httpx", "httpcore"))
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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
    """The exceptions with these names, of each of the two libraries that the program has imported."""
    libraries = map(sys.modules.get, ("httpx", "httpx2"))
    return tuple(getattr(library, name) for library in libraries if library is not None for name in names)


def is_original(part: object) -> bool:
    """Whether a function or class is httpx's or httpcore's own, perhaps observed by OpenTelemetry."""
    if isinstance(part, type):
        return part.__module__.partition(".")[0] in _LIBRARIES
    if type(part) is not FunctionType:
        part = _without_observer(part)
    # Not its `__module__`, which a wrapper copies. And not `isinstance`: a proxy pretends to be a function.
    return type(part) is FunctionType and _module_of(part).partition(".")[0] in _LIBRARIES


# Any: the wrapper has no type of its own.
def _without_observer(part: Any) -> object:  # noqa: ANN401
    """What OpenTelemetry's instrumentation wraps, if it wraps `part`. It only watches requests, and replaces none."""
    wrapper = getattr(part, "_self_wrapper", None)
    function = wrapper.func if isinstance(wrapper, partial) else wrapper
    watches = type(function) is FunctionType and _module_of(function).startswith("opentelemetry.")
    inner: object = part.__wrapped__ if watches else part
    return inner


def _module_of(function: FunctionType) -> str:
    # A function that `exec` made may have no module, such as those of `unittest.mock.create_autospec`.
    return str(function.__globals__.get("__name__", ""))
