"""Reads `NO_PROXY`: the hosts that are reached without the proxy of the environment.

No standard says how to read it. This accepts what curl and Go accept: names, addresses and networks.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from meshapi_video._http_libraries import httpx

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_WITH_PORT: Final = re.compile(r"(\[.*\](?:/\d+)?|[^:]*):(\d{1,5})")
"""An entry with a port. An IPv6 address with a port has brackets."""


def is_exempt(url: httpx.URL, no_proxy: str) -> bool:
    """Whether `no_proxy` names the host of `url`.

    It is a list with commas or spaces in between, such as `.example.com, api.example:8443, 10.0.0.0/8, fd00::/8`. A
    name stands for its subdomains, too, and `*` for every host. A network is compared with an address in the URL: a
    name is not looked up. An entry that is none of these is ignored.
    """
    return any(_names(entry, url) for entry in re.split(r"[\s,]+", no_proxy.lower()))


def _names(entry: str, url: httpx.URL) -> bool:
    scheme, _, entry = entry.rstrip("/").rpartition("://")
    if scheme not in {"", "all", url.scheme}:
        return False
    if with_port := _WITH_PORT.fullmatch(entry):
        entry, port = with_port.groups()
        if int(port) != (url.port or _DEFAULT_PORTS[url.scheme]):
            return False
    host = url.raw_host.decode("ascii").lower().rstrip(".")
    network = _network(entry)
    if network is not None:
        return any(address in network for address in _addresses(host))
    name = _ascii(entry.removeprefix("*").strip("."))
    return entry == "*" or (name != "" and f".{host}".endswith(f".{name}"))


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        # A single address is a network of one.
        return ipaddress.ip_network(entry.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return None


def _addresses(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """The address that `host` is, also as the IPv4 address inside an IPv6 address; empty for a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return []
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return [address] if mapped is None else [address, mapped]


def _ascii(name: str) -> str:
    """The name as a URL has it. Empty for a text that is no name."""
    try:
        return name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        return ""
