"""Reads the address of a proxy."""

from __future__ import annotations

import importlib.util
from typing import Final

from meshapi_video._http_libraries import httpx
from meshapi_video._urls import is_port, is_usable_host

_FORM: Final = (
    "it should look like http://host:port or http://user:password@host:port, without a path, and with %2F, %3F and %23 "
    "in place of a /, ? and # in the password. If you have a PAC file, take the host and the port from it"
)


def parse_proxy(address: str) -> httpx.Proxy | str:
    """The proxy at this address, or the reason why it cannot be used.

    The reason does not quote the address, which may hold a password. For this, too, nothing is raised here: a traceback
    with local variables would show it.
    """
    if not isinstance(address, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        return f"it should be a string, not {type(address).__name__}"
    address = address.strip()
    try:
        proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
        host = proxy.url.raw_host.decode("ascii")
    except (ValueError, UnicodeError, httpx.InvalidURL):
        return _FORM
    url = proxy.url
    if not is_usable_host(host) or not is_port(url.port) or url.raw_path != b"/" or url.fragment:
        return _FORM
    if url.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        return "SOCKS needs the package socksio (pip install socksio)"
    return proxy
