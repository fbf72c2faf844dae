"""The httpx side that both clients share: the key, the way out, the deadline, the errors."""

from __future__ import annotations

import contextlib
import ipaddress
import math
import platform
import ssl
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
    from collections.abc import AsyncIterator, Generator, Iterable, Iterator

    from meshapi_video._config import ApiKey, Config

HEADERS: Final = {
    "Accept": "application/json",
    # A task is a few hundred bytes: compressing it saves nothing and invites bombs.
    "Accept-Encoding": "identity",
    "User-Agent": f"meshapi-video/{__version__} httpx/{httpx.__version__} Python/{platform.python_version()}",
}


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
    """The proxy that the environment names for the server; none for this machine itself."""
    parts = urlsplit(base_url)
    if is_loopback(parts.hostname or "") or urllib.request.proxy_bypass(parts.netloc):
        return None
    proxies = urllib.request.getproxies()
    address = proxies.get(parts.scheme) or proxies.get("all")
    if not address:
        return None
    return httpx.Proxy(address if "://" in address else f"http://{address}")


def tls_context(base_url: str) -> ssl.SSLContext:
    """The authorities to believe: the environment's or certifi's, and none for plain http."""
    # Loading them is most of what making a client costs (20 ms), and plain http has no use for them.
    return (
        httpx.create_ssl_context() if urlsplit(base_url).scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    )


@contextlib.contextmanager
def typed_errors(task_id: str, config: Config, seconds: float) -> Generator[None]:
    """Turns what httpx and the generated parser raise into this package's errors."""
    # `from None`: the frames of the original hold the request's headers, and with them the key.
    try:
        yield
    except MeshVideoError as error:
        error.task_id = task_id
        raise
    except (httpx.TimeoutException, TimeoutError):
        reason = f"no whole answer from {config.base_url} within {seconds:.3g} s"
        raise _about(task_id, ConnectionFailed(reason)) from None
    except httpx.DecodingError as error:
        raise _about(task_id, InvalidResponse(f"the answer cannot be decoded: {error}")) from None
    except httpx.HTTPError as error:
        raise _about(task_id, ConnectionFailed(f"no answer from {config.base_url}: {_reason(error)}")) from None
    except (ValueError, RecursionError) as error:
        # Valid for the contract and yet too much for Python: a number of 5,000 digits, say.
        raise _about(task_id, InvalidResponse(f"the answer cannot be read: {error}")) from None


def _reason(error: BaseException) -> str:
    """The first words in a chain of errors: trio keeps those about certificates at its end."""
    causes = error
    while not str(causes) and (deeper := causes.__cause__ or causes.__context__):
        causes = deeper
    return str(causes) or type(error).__name__


def _about(task_id: str, error: MeshVideoError) -> MeshVideoError:
    error.task_id = task_id
    return error


_deadline: Final[ContextVar[float]] = ContextVar("meshapi_video_deadline", default=math.inf)


@contextlib.contextmanager
def request_deadline(seconds: float) -> Generator[None]:
    """Bounds what is sent and received inside it, as a whole, where the transport is ours.

    httpx's own timeouts bound each single read, so that an answer of one byte a second never
    ends. Asynchronous code has no need of this: it is cancelled.
    """
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def _time_left(timeout: float | None = None) -> float | None:
    """`timeout`, or what is left of the deadline if that is less; None for no bound at all."""
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    least = left if timeout is None else min(left, timeout)
    return least if least < math.inf else None


class DeadlineTransport(httpx.HTTPTransport):
    """httpx's transport, keeping to the `request_deadline` at every read and write."""

    def __init__(self, ssl_context: ssl.SSLContext, proxy: httpx.Proxy | None) -> None:
        super().__init__(verify=ssl_context)
        # httpcore offers `network_backend` for this, and httpx does not hand it on.
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl_context,
            proxy=None if proxy is None else _core_proxy(proxy),
            max_connections=100,
            keepalive_expiry=5.0,
            network_backend=_DeadlineBackend(),
        )


def _core_proxy(proxy: httpx.Proxy) -> httpcore.Proxy:
    return httpcore.Proxy(str(proxy.url), auth=proxy.raw_auth, headers=proxy.headers.raw)


class _DeadlineBackend(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        stream = super().connect_tcp(host, port, _time_left(timeout), local_address, socket_options)
        return _DeadlineStream(stream)


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _time_left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _time_left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, _time_left(timeout)))

    # httpcore's own signature: what comes back depends on what is asked for.
    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401
        return self._stream.get_extra_info(info)


class BorrowedTransport(httpx.BaseTransport):
    """Sends through a client that the user made, and neither changes nor closes it."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Part of httpx's protocol for transports."""
        timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
        bounded = {name: _time_left(value) for name, value in timeouts.items()}
        request.extensions = {**request.extensions, "timeout": bounded}
        answer = self._client.send(request, stream=True, auth=httpx.Auth(), follow_redirects=False)
        return httpx.Response(
            answer.status_code, headers=answer.headers, stream=_BorrowedStream(answer), extensions=answer.extensions
        )


class _BorrowedStream(httpx.SyncByteStream):
    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        for part in self._answer.iter_raw():
            _time_left()
            yield part

    def close(self) -> None:
        self._answer.close()


class AsyncBorrowedTransport(httpx.AsyncBaseTransport):
    """The same for an asynchronous client."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Part of httpx's protocol for transports."""
        answer = await self._client.send(request, stream=True, auth=httpx.Auth(), follow_redirects=False)
        return httpx.Response(
            answer.status_code,
            headers=answer.headers,
            stream=_AsyncBorrowedStream(answer),
            extensions=answer.extensions,
        )


class _AsyncBorrowedStream(httpx.AsyncByteStream):
    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._answer.aiter_raw():
            yield part

    async def aclose(self) -> None:
        await self._answer.aclose()
