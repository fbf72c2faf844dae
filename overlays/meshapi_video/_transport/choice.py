"""Chooses between the built-in connections and plain httpx.

Tools for tests replace parts of httpx and httpcore. The built-in connections use few of these parts: a request over
them would pass by the tool, and reach the real server with the key.
"""

from __future__ import annotations

from operator import attrgetter, is_
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from meshapi_video._errors import MeshVideoError
from meshapi_video._http_libraries import httpcore, httpx, is_original
from meshapi_video._settings import TRANSPORT_VARIABLE
from meshapi_video._urls import is_loopback

if TYPE_CHECKING:
    from meshapi_video._settings import Settings

_SENDING: Final = ("send", "_send_handling_auth", "_send_handling_redirects", "_send_single_request")
_SHORTCUTS: Final = ("request", "get", "post")
"""The SDK calls `send`, which a replacement of these does not see."""

_CLIENTS: Final = ("Client", "AsyncClient")
_TRANSPORTS: Final = ("HTTPTransport", "AsyncHTTPTransport")
_ON_THE_WAY: Final = (
    *(f"{client}.{name}" for client in _CLIENTS for name in (*_SENDING, "_transport_for_url")),
    *("HTTPTransport.handle_request", "AsyncHTTPTransport.handle_async_request"),
)
"""The parts of httpx by which a request goes."""
_BESIDE: Final = (*_SHORTCUTS, *(f"{client}.{name}" for client in _CLIENTS for name in _SHORTCUTS), *_TRANSPORTS)
"""The parts by which no request of the SDK goes: its transports are subclasses, made when it was imported."""
_IN_HTTPCORE: Final = (
    *("ConnectionPool.handle_request", "HTTPConnection.handle_request", "HTTP11Connection.handle_request"),
    *("AsyncConnectionPool.handle_async_request", "AsyncHTTPConnection.handle_async_request"),
    *("AsyncHTTP11Connection.handle_async_request", "SyncBackend.connect_tcp", "AnyIOBackend.connect_tcp"),
)

# Each request calls these. `attrgetter` is much faster than Python code.
_of_httpx: Final = attrgetter(*_CLIENTS, *_ON_THE_WAY, *_BESIDE)
_of_httpcore: Final = attrgetter(*_IN_HTTPCORE)
_originals: Final = list[object]()
"""All these parts, as they were at the first request with nothing replaced."""


def uses_httpx(settings: Settings) -> bool:
    """Whether the next request goes through plain httpx.

    Raises `MeshVideoError` if a part of httpx has been replaced that would not see the request.
    """
    if settings.transport is not None:
        return settings.transport == "httpx"
    if _nothing_is_replaced():
        return False
    clients = [name for name in _CLIENTS if _is_subclass(getattr(httpx, name))]
    blind = [name for name in _CLIENTS if name not in clients]
    blind += [name for name in _BESIDE if not is_original(_part(name))]
    # A request to this machine reaches no real server.
    if blind and not is_loopback(urlsplit(settings.base_url).hostname or ""):
        raise MeshVideoError(
            f"httpx.{blind[0]} has been replaced, as tests do, but would not see the requests of this client. Replace "
            f"httpx.Client.send or httpx.HTTPTransport.handle_request, or their asynchronous twins, or use the "
            f'sandbox. With transport="builtin" or {TRANSPORT_VARIABLE}=builtin, the client sends its requests'
        )
    seeing = [*clients, *(name for name in _ON_THE_WAY if name.partition(".")[0] not in blind)]
    return not all(map(is_original, (*map(_part, seeing), *_of_httpcore(httpcore))))


def send_is_replaced(client: object) -> bool:
    """Whether `send` of a client of httpx or httpx2, or a step of it, has been replaced. A subclass may define it."""
    own_class = next(filter(is_original, type(client).__mro__))
    return any(name in vars(client) or not is_original(getattr(own_class, name)) for name in _SENDING)


def _nothing_is_replaced() -> bool:
    try:
        parts: tuple[object, ...] = (*_of_httpx(httpx), *_of_httpcore(httpcore))
    except AttributeError:
        # A replaced class need not have all parts.
        return False
    if _originals and all(map(is_, parts, _originals)):
        return True
    if all(map(is_original, parts)):
        _originals[:] = parts
        return True
    return False


def _part(name: str) -> object:
    owner, _, method = name.rpartition(".")
    return getattr(getattr(httpx, owner) if owner else httpx, method, None)


def _is_subclass(part: object) -> bool:
    """Whether this is a client of httpx, or of a subclass, which sees the requests."""
    return isinstance(part, type) and any(map(is_original, part.__mro__))
