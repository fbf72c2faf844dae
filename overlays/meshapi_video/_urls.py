"""Parses URLs in one place, the way the HTTP client reads them."""

from __future__ import annotations

import ipaddress
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import idna

from meshapi_video._http_libraries import httpx

_LARGEST_PORT: Final = 65535
_LONGEST_LABEL: Final = 63
"""The most characters between two dots of a host name."""


def is_http_url(text: str) -> bool:
    """Whether `text` has the scheme http or https and a host. `parse_http_url` checks more, before a request."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def parse_http_url(text: str) -> httpx.URL:
    """The URL in `text`. Raises `ValueError` unless it has the scheme http or https and a usable host.

    The error does not quote `text`, which may hold a password or a signature.
    """
    try:
        url = httpx.URL(text)
        host = url.raw_host.decode()
        if host.startswith("xn--"):
            # Some international names cannot be decoded. httpx would raise when it sends the request, httpx2 would not.
            idna.decode(host)
    except (httpx.InvalidURL, UnicodeError):
        raise ValueError("it is not a URL") from None
    if url.scheme not in {"http", "https"}:
        raise ValueError("its scheme is not http or https")
    if not is_usable_host(host):
        raise ValueError("its host is missing or not usable")
    if not is_port(url.port):
        raise ValueError("its port is not between 1 and 65535")
    return url


def is_port(number: int | None) -> bool:
    """Whether a connection can be made to this port, or to the scheme's own. httpx accepts any number in a URL."""
    return number is None or 0 < number <= _LARGEST_PORT


def is_usable_host(host: str) -> bool:
    """Whether a name lookup accepts `host`: it refuses empty labels, and labels of more than 63 characters."""
    labels = host.removesuffix(".").split(".")
    # httpx percent-encodes characters that no host name contains.
    return "%" not in host and all(0 < len(label) <= _LONGEST_LABEL for label in labels)


def is_loopback(host: str) -> bool:
    """Whether `host` is a name or address of this machine for itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Route(NamedTuple):
    """The way to a server, as errors name it."""

    server: str
    proxy: str = ""
    """The URL of the proxy without its user and password; empty for a direct connection."""

    def __str__(self) -> str:
        return f"{self.server} through the proxy {self.proxy}" if self.proxy else self.server


def proxy_name(proxy: httpx.Proxy) -> str:
    """The URL of the proxy without its user and password."""
    return f"{proxy.url.scheme}://{proxy.url.netloc.decode('ascii')}"
