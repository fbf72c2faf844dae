"""Translates requests, proxies and exceptions between httpcore and this package."""

from __future__ import annotations

import ssl
import sys
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import h11

from meshapi_video._http_libraries import httpcore, httpx
from meshapi_video._transport.exceptions import ProxyProblem, connection_failed, root_message
from meshapi_video._urls import proxy_name

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from meshapi_video._settings import Settings
    from meshapi_video._transport.request import Request, RequestTemplate
    from meshapi_video._urls import Route

KEEPALIVE_EXPIRY: Final = 5.0
"""Seconds until an idle connection is closed, as in httpx: servers close it soon, too."""

NETWORK_ERRORS: Final = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    # anyio raises it for a TLS error after the handshake.
    ssl.SSLError,
)
"""What httpcore's connections raise besides timeouts."""


_REFUSED: Final = HTTPStatus.PROXY_AUTHENTICATION_REQUIRED


class CheckedParts:
    """The parts of requests that are the same for each poll of a client. They are checked once."""

    def __init__(self, template: RequestTemplate) -> None:
        scheme, host, port = template.origin
        self.origin: Final = httpcore.URL(scheme=scheme, host=host, port=port, target=b"/").origin
        self._unchecked_headers = template.headers
        # h11 checks any other sequence of headers for each request.
        self._headers = h11.Request(method="GET", target="/", headers=template.headers.raw).headers

    def headers_of(self, request: Request) -> Sequence[tuple[bytes, bytes]]:
        """The headers of this request, checked if they are those of a poll."""
        return self._headers if request.headers is self._unchecked_headers else request.headers.raw


class _URL(httpcore.URL):
    """The URL of a request. httpcore asks for its origin several times for each request."""

    # Not by httpcore's own `__init__`, which checks the type of each part.
    def __init__(self, request: Request, origin: httpcore.Origin) -> None:
        self.scheme, self.host, self.port = request.origin
        self.target = request.target.encode("ascii")
        self._origin = origin

    @property
    def origin(self) -> httpcore.Origin:
        return self._origin


class HttpcoreRequest(httpcore.Request):
    """A request to the API as httpcore sends it."""

    # Not by httpcore's own `__init__`, which checks the type of each part.
    def __init__(
        self,
        request: Request,
        checked: CheckedParts,
        trace: Callable[[str, dict[str, object]], object] | None = None,
    ) -> None:
        self.method = request.method.encode("ascii")
        self.url = _URL(request, checked.origin)
        # httpcore declares a list, and takes any sequence.
        self.headers = checked.headers_of(request)  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue] - see above
        self.stream = request.body
        self.extensions = {} if trace is None else {"trace": trace}
        self.may_repeat = request.may_repeat
        self.needs_new_connection = request.needs_new_connection


def has_surplus(connection: httpcore.ConnectionInterface | httpcore.AsyncConnectionInterface) -> bool:
    """Whether the server sent bytes after the response. The next request would read them as its own response."""
    return unparsed_bytes(connection) != b""


def unparsed_bytes(connection: httpcore.ConnectionInterface | httpcore.AsyncConnectionInterface) -> bytes | None:
    """The bytes that the connection has received and not parsed yet; None if nobody can tell."""
    # httpcore has no public way to see the bytes left in its parser. A proxy connection wraps another connection.
    inner: object = connection
    while contained := getattr(inner, "_connection", None):
        inner = contained
    parser = getattr(inner, "_h11_state", None)
    return parser.trailing_data[0] if isinstance(parser, h11.Connection) else None


def has_decrypted_bytes(stream: httpcore.NetworkStream | httpcore.AsyncNetworkStream) -> bool:
    """Whether bytes that nobody has read are left in the TLS layer of an idle connection. It may read one of them."""
    blocking, tls = stream.get_extra_info("socket"), stream.get_extra_info("ssl_object")
    if isinstance(blocking, ssl.SSLSocket):
        return blocking.pending() > 0
    if not isinstance(tls, ssl.SSLObject):
        return False
    # The TLS layer of asynchronous code reads ahead, so that the socket itself has nothing left to read.
    try:
        tls.read(1)
    except ssl.SSLError as error:
        return not isinstance(error, ssl.SSLWantReadError)
    return True


def httpcore_request(request: httpx.Request) -> httpcore.Request:
    """A download's request as httpcore sends it."""
    url = httpcore.URL(
        scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path
    )
    return httpcore.Request(request.method, url, headers=request.headers.raw, extensions=request.extensions)


def httpx_response(response: httpcore.Response, body: httpx.SyncByteStream | httpx.AsyncByteStream) -> httpx.Response:
    """Httpx's form of an httpcore response, before its body."""
    # httpcore leaves out the type of the dict that is the default.
    extensions: dict[str, object] = {**response.extensions}  # pyright: ignore[reportUnknownMemberType]
    return httpx.Response(response.status, headers=response.headers, stream=body, extensions=extensions)


def httpcore_proxy(proxy: httpx.Proxy | None, tls: ssl.SSLContext) -> httpcore.Proxy | None:
    """The proxy as httpcore takes it."""
    if proxy is None:
        return None
    # httpcore refuses TLS settings for a proxy without TLS. By default, a proxy with TLS would have certifi's.
    context = tls if proxy.url.scheme == "https" else None
    return httpcore.Proxy(str(proxy.url), auth=proxy.raw_auth, headers=proxy.headers.raw, ssl_context=context)


class ProxyUnreachable(httpcore.ProxyError):
    """No connection to the proxy."""


class NamedProxyError(ProxyProblem, httpcore.ProxyError):
    """An error of a proxy, with its name."""


def named_proxy_error(proxy: str, error: BaseException) -> NamedProxyError:
    """What went wrong with the proxy of this name."""
    if isinstance(error, NamedProxyError):
        return error
    # httpx raises an error of its own for that of httpcore.
    unreachable = isinstance(error, ProxyUnreachable) or isinstance(error.__cause__, ProxyUnreachable)
    problem = "cannot be reached" if unreachable else "refused the connection"
    message = root_message(error)
    named = NamedProxyError(f"the proxy {proxy} {problem}: {message}")
    named.needs_password = message.startswith(str(_REFUSED.value))
    return named


def check_proxy(status: int, route: Route) -> None:
    """Raises `NamedProxyError` if the response is one of the proxy, which asks for its password.

    It sends others, too, but over plain http nobody can tell them from the server's.
    """
    if status == _REFUSED and route.proxy:
        refusal = httpcore.ProxyError(f"{status} {_REFUSED.phrase}")
        raise named_proxy_error(route.proxy, refusal)


@contextmanager
def map_errors_of_connecting(*, to_proxy: bool) -> Generator[None]:
    """Raises `ProxyUnreachable` if a connection to the proxy fails."""
    try:
        yield
    except httpcore.ConnectError as error:
        if not to_proxy:
            raise
        raise ProxyUnreachable(root_message(error)) from None


@contextmanager
def map_httpcore_exceptions(settings: Settings, proxy: httpx.Proxy | None = None) -> Generator[None]:
    """Raises `ConnectionFailed` for httpcore's errors, and `TimeoutError` for its timeouts.

    An error that the proxy caused names the proxy, without its password.
    """
    handled = sys.exception()
    try:
        yield
    except httpcore.TimeoutException:
        raise TimeoutError from None
    except NETWORK_ERRORS as error:
        if proxy is not None and isinstance(error, httpcore.ProxyError):
            error = named_proxy_error(proxy_name(proxy), error)
        raise connection_failed(settings, error, handled) from None
