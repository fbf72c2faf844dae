"""Takes the proxy from the environment."""

from __future__ import annotations

import urllib.request
from urllib.parse import urlsplit

from meshapi_video._errors import MeshVideoError
from meshapi_video._http_libraries import httpx
from meshapi_video._transport.no_proxy import is_exempt
from meshapi_video._transport.proxy_address import parse_proxy
from meshapi_video._urls import is_loopback


def environment_proxy(url: str) -> httpx.Proxy | None:
    """The proxy that the environment names for `url`; None for this machine itself, and for a host in `NO_PROXY`.

    Raises `MeshVideoError` for a proxy that cannot be used.
    """
    name, proxy = _named_proxy(url)
    if isinstance(proxy, str):
        raise MeshVideoError(f"the proxy in the environment variable {name.upper()}_PROXY cannot be used: {proxy}")
    return proxy


# A function of its own, which raises nothing: its frame holds the addresses, and so their passwords.
def _named_proxy(url: str) -> tuple[str, httpx.Proxy | str | None]:
    """The name of the variable without its end, and its proxy, or the reason why the proxy cannot be used."""
    parts = urlsplit(url)
    # Some systems have settings of their own, which Python reads.
    if is_loopback(parts.hostname or "") or urllib.request.proxy_bypass(parts.netloc):
        return "", None
    proxies = urllib.request.getproxies()
    if is_exempt(httpx.URL(url), proxies.get("no", "")):
        return "", None
    name = parts.scheme if proxies.get(parts.scheme) else "all"
    return name, parse_proxy(proxies[name]) if proxies.get(name) else None
