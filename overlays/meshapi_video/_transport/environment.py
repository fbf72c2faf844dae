"""Takes settings from the environment: the proxy, and the certificate authorities."""

from __future__ import annotations

import importlib.util
import ssl
import urllib.request
from urllib.parse import urlsplit

from meshapi_video._errors import MeshVideoError
from meshapi_video._http_libraries import httpx
from meshapi_video._transport.no_proxy import is_exempt
from meshapi_video._urls import is_loopback, is_port


def environment_proxy(url: str) -> httpx.Proxy | None:
    """The proxy that the environment names for `url`; None for this machine itself, and for a host in `NO_PROXY`.

    Raises `MeshVideoError` for a proxy that cannot be used.
    """
    parts = urlsplit(url)
    # Some systems have settings of their own, which Python reads.
    if is_loopback(parts.hostname or "") or urllib.request.proxy_bypass(parts.netloc):
        return None
    proxies = urllib.request.getproxies()
    if is_exempt(httpx.URL(url), proxies.get("no", "")):
        return None
    name = parts.scheme if proxies.get(parts.scheme) else "all"
    address = proxies.get(name)
    if not address:
        return None
    # The error does not quote the address, which may hold a password.
    refusal = f"the proxy in the environment variable {name.upper()}_PROXY cannot be used"
    try:
        proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
    except (ValueError, httpx.InvalidURL):
        proxy = None
    if proxy is None or not proxy.url.host or not is_port(proxy.url.port):
        raise MeshVideoError(f"{refusal}: it should look like http://host:port")
    if proxy.url.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        raise MeshVideoError(f"{refusal}: SOCKS needs the package socksio (pip install 'httpx[socks]')")
    return proxy


def tls_context(url: str) -> ssl.SSLContext:
    """The TLS settings for `url`, with the environment's certificate authorities or certifi's.

    Raises `MeshVideoError` if the certificates cannot be loaded.
    """
    if urlsplit(url).scheme != "https":
        # Loading certificates takes 20 ms, and plain http does not use them.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        raise MeshVideoError(
            f"the certificate authorities cannot be loaded: {error}; check the environment variables "
            "SSL_CERT_FILE and SSL_CERT_DIR"
        ) from error
