"""The httpx side that both clients share: the key, the way out, the deadline, the errors."""

from __future__ import annotations

import contextlib
import http.cookiejar
import importlib.util
import ipaddress
import math
import platform
import socket
import ssl
import threading
import time
import urllib.request
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpcore
import httpx

from meshapi_video._errors import ConnectionFailed, InvalidResponse, MeshVideoError
from meshapi_video._version import __version__

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from meshapi_video._config import ApiKey, Config

HEADERS: Final = {
    "Accept": "application/json",
    # A task is a few hundred bytes: compressing it saves nothing and invites bombs.
    "Accept-Encoding": "identity",
    "User-Agent": f"meshapi-video/{__version__} httpx/{httpx.__version__} Python/{platform.python_version()}",
}


def no_cookies() -> http.cookiejar.CookieJar:
    """A jar that keeps nothing: each look is a request of its own, and says no more than the first."""
    return http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))


class BearerAuth(httpx.Auth):
    """Sends the key to the server that it was given for, and to no other."""

    def __init__(self, config: Config) -> None:
        self._key: ApiKey = config.api_key
        self._origin = _origin(httpx.URL(config.base_url))

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Part of httpx's protocol for authentication."""
        if _origin(request.url) == self._origin:
            request.headers["Authorization"] = self._key.authorization
        yield request


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine's own name or address for itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def environment_proxy(base_url: str) -> httpx.Proxy | None:
    """The proxy that the environment names for the server; none for this machine itself.

    Raises `MeshVideoError` for one that cannot be used.
    """
    parts = urlsplit(base_url)
    if is_loopback(parts.hostname or "") or urllib.request.proxy_bypass(parts.netloc):
        return None
    proxies = urllib.request.getproxies()
    name = parts.scheme if proxies.get(parts.scheme) else "all"
    address = proxies.get(name)
    if not address:
        return None
    # Not quoted: it may hold a password.
    about = f"the proxy in the environment variable {name.upper()}_PROXY cannot be used"
    try:
        proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
    except (ValueError, httpx.InvalidURL):
        proxy = None
    if proxy is None or not proxy.url.host:
        raise MeshVideoError(f"{about}: it should look like http://host:port")
    if proxy.url.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        raise MeshVideoError(f"{about}: SOCKS needs the package socksio (pip install 'httpx[socks]')")
    return proxy


def tls_context(base_url: str) -> ssl.SSLContext:
    """The authorities to believe: the environment's or certifi's, and none for plain http."""
    # Loading them is most of what making a client costs (20 ms), and plain http has no use for them.
    return (
        httpx.create_ssl_context() if urlsplit(base_url).scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    )


@contextlib.contextmanager
def typed_errors(task_id: str, config: Config, seconds: float) -> Generator[None]:
    """Turns what httpx and the generated parser raise into this package's errors."""
    blot = config.api_key.blot
    # `from None`: the frames of the original hold the request's headers, and with them the key.
    try:
        yield
    except MeshVideoError as error:
        error.task_id = task_id
        raise
    except (httpx.TimeoutException, TimeoutError):
        reason = f"no whole answer from {config.base_url} within {seconds:.3g} s"
        raise about(task_id, ConnectionFailed(reason)) from None
    except httpx.HTTPError as error:
        reason = blot(f"no answer from {config.base_url}: {reason_of(error)}")
        raise about(task_id, ConnectionFailed(reason)) from None
    except httpx.StreamError:
        reason = "a hook of the http_client used up the answer; it should call read() or aread() to keep it"
        raise about(task_id, MeshVideoError(reason)) from None
    except (ValueError, RecursionError) as error:
        # Valid for the contract and yet too much for Python: nested so deep that only the check can follow.
        raise about(task_id, InvalidResponse(blot(f"the answer cannot be read: {error}"))) from None


def reason_of(error: BaseException) -> str:
    """The first words in a chain of errors: trio keeps those about certificates at its end."""
    causes = error
    while not str(causes) and (deeper := causes.__cause__ or causes.__context__):
        causes = deeper
    return str(causes) or type(error).__name__


def about(task_id: str, error: MeshVideoError) -> MeshVideoError:
    """`error`, saying which task it happened to."""
    error.task_id = task_id
    return error


_deadline: Final[ContextVar[float]] = ContextVar("meshapi_video_deadline", default=math.inf)
_stop: Final[ContextVar[threading.Event | None]] = ContextVar("meshapi_video_stop", default=None)

GLANCE: Final = 0.1
"""Seconds between two glances at the event that may stop a request."""


@contextlib.contextmanager
def request_deadline(seconds: float, stop: threading.Event | None = None) -> Generator[None]:
    """Bounds what is sent and received inside it, as a whole, where the transport is ours.

    httpx's own timeouts bound each single read, so that an answer of one byte a second never
    ends. `stop` ends it before its time, unless it is connecting. Asynchronous code has no need
    of this: it is cancelled.
    """
    tokens = _deadline.set(time.monotonic() + seconds), _stop.set(stop)
    try:
        yield
    finally:
        _deadline.reset(tokens[0])
        _stop.reset(tokens[1])


def time_left(timeout: float | None = None) -> float | None:
    """`timeout`, or what is left of the deadline if that is less; None for no bound at all."""
    stop = _stop.get()
    left = _deadline.get() - time.monotonic()
    if left <= 0 or (stop is not None and stop.is_set()):
        raise TimeoutError("the deadline has passed")
    least = left if timeout is None else min(left, timeout)
    return least if least < math.inf else None


def bound(request: httpx.Request) -> None:
    """Gives each of httpx's own timeouts, that of waiting for a connection too, no more than is left."""
    timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
    bounded = {name: time_left(value) for name, value in timeouts.items()}
    request.extensions = {**request.extensions, "timeout": bounded}


class DeadlineTransport(httpx.HTTPTransport):
    """httpx's transport, keeping to the `request_deadline` at every step that can wait.

    Reads `at_once` bytes where there are as many, and more than httpcore asks for.
    """

    def __init__(self, ssl_context: ssl.SSLContext, proxy: httpx.Proxy | None, *, at_once: int = 0) -> None:
        super().__init__(verify=ssl_context)
        # httpcore offers `network_backend` for this, and httpx does not hand it on.
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl_context,
            proxy=None if proxy is None else core_proxy(proxy),
            max_connections=100,
            keepalive_expiry=5.0,
            network_backend=_DeadlineBackend(at_once),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Part of httpx's protocol for transports."""
        bound(request)
        return super().handle_request(request)


def core_proxy(proxy: httpx.Proxy) -> httpcore.Proxy:
    """The same for httpcore."""
    return httpcore.Proxy(str(proxy.url), auth=proxy.raw_auth, headers=proxy.headers.raw)


class _DeadlineBackend(httpcore.SyncBackend):
    def __init__(self, at_once: int) -> None:
        self._at_once = at_once

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        # A name may have several addresses: each gets its share of the time, and leaves some to the others.
        problem: Exception | None = None
        addresses = _addresses(host, port)
        for tried, address in enumerate(addresses):
            left = time_left(timeout)
            share = None if left is None else left / (len(addresses) - tried)
            try:
                stream = super().connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
            else:
                return _DeadlineStream(stream, self._at_once)
        raise problem or httpcore.ConnectError(f"{host} has no address")


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(str(error)) from error
    return [str(address[0]) for *_, address in found]


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, at_once: int) -> None:
        self._stream = stream
        self._at_once = at_once

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        max_bytes = max(max_bytes, self._at_once)
        if _stop.get() is None:
            return self._stream.read(max_bytes, time_left(timeout))
        while True:
            left = time_left(timeout)
            with contextlib.suppress(httpcore.ReadTimeout):
                return self._stream.read(max_bytes, GLANCE if left is None else min(left, GLANCE))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, time_left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, time_left(timeout))
        return _DeadlineStream(secured, self._at_once)

    # httpcore's own signature: what comes back depends on what is asked for.
    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401
        return self._stream.get_extra_info(info)
