"""What both kinds of client share of the way to a server: its proxy, its authorities, its errors."""

from __future__ import annotations

import contextlib
import importlib.util
import ipaddress
import ssl
import urllib.request
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx

from meshapi_video._errors import ConnectionFailed, InvalidResponse, MeshVideoError

if TYPE_CHECKING:
    from collections.abc import Generator

    from meshapi_video._config import Config

CAPACITY: Final = 250
"""Looks that may be under way at once, each on a connection: on most systems a program may have some
thousand files open."""
BORROWED_CAPACITY: Final = 20
"""The same through a borrowed client: httpcore's pool does work for every request in proportion to all
that are queued and open, and collapses when they are many."""


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
    """The authorities to believe: the environment's or certifi's, and none for plain http.

    Raises `MeshVideoError` if they cannot be loaded.
    """
    if urlsplit(base_url).scheme != "https":
        # Loading them takes 20 ms, and plain http has no use for them.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        raise MeshVideoError(
            f"the certificates to trust cannot be loaded: {error}; look at the environment variables "
            "SSL_CERT_FILE and SSL_CERT_DIR"
        ) from error


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
        raise about(task_id, ConnectionFailed(reason)) from None
    except httpx.HTTPError as error:
        reason = config.api_key.blot(f"no answer from {config.base_url}: {reason_of(error)}")
        raise about(task_id, ConnectionFailed(reason)) from None
    except httpx.StreamError:
        reason = "a hook of the http_client used up the answer; it should call read() or aread() to keep it"
        raise about(task_id, MeshVideoError(reason)) from None
    except (ValueError, RecursionError) as error:
        # Valid for the contract and yet too much for Python: nested so deep that only the check can follow.
        raise about(task_id, InvalidResponse(config.api_key.blot(f"the answer cannot be read: {error}"))) from None


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
