"""Decides to which addresses a download may connect.

A URL comes from a server, or from a callback that anybody can send. It must not lead the client to
services that only this machine or its network can reach.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_PRIVATE: Final = tuple(map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
_UNIQUE_LOCAL: Final = ipaddress.IPv6Network("fc00::/7")
_PUBLIC: Final = ipaddress.IPv6Network("2000::/3")
"""The only IPv6 addresses that the public internet uses so far."""
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


_NOT_PUBLIC: Final = (ipaddress.IPv4Network("192.0.0.0/24"), ipaddress.IPv4Network("168.63.129.16/32"))
"""Networks that Python calls global, in some releases or in all, and where clouds have services of their own."""


class UnsafeURL(Exception):
    """A URL to which the SDK sends no request."""


@frozen(kw_only=True)
class AddressRules:
    """The rules of one client: public addresses, addresses near its API, and hosts that the user allows."""

    api_host: str
    private_hosts: frozenset[str]
    """Hosts that may have any address."""
    plain_http_hosts: frozenset[str] = frozenset()
    """Hosts besides this machine from which plain HTTP is allowed."""

    def need_api(self, host: str, addresses: Iterable[str]) -> bool:
        """Whether the addresses of the API's host matter for this host."""
        return host not in self.private_hosts and not all(map(is_public, addresses))

    def permitted(self, host: str, addresses: Sequence[str], api_addresses: Sequence[str] = ()) -> list[str]:
        """Those of the host's addresses to which a download may connect. Raises `UnsafeURL` if there is none."""
        networks = {_network_of(address) for address in api_addresses} - {None}
        found = [
            address
            for address in addresses
            if host in self.private_hosts
            or is_public(address)
            or address in api_addresses
            or _network_of(address) in networks
        ]
        if addresses and not found:
            shown = "" if host == addresses[0] else f" ({addresses[0]})"
            raise UnsafeURL(
                f"the URL of the file leads to {host}{shown}, which the public internet cannot reach: a forged URL "
                f"could lead to a service inside your network. If the file is there, allow the host: "
                f"private_hosts=[{host!r}], or --private-host {host} on the command line"
            )
        return found


def stated_addresses(host: str) -> list[str]:
    """The address that the host name itself states, in any notation; none if only a name lookup can tell."""
    name = host.removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return ["127.0.0.1"]
    try:
        # It also reads `127.1` and `0x7f000001`, as a name lookup does.
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return []
    return [str(address[0]) for *_, address in found]


def is_public(address: str) -> bool:
    """Whether the public internet can reach the address."""
    ip = _unwrapped(address)
    if isinstance(ip, ipaddress.IPv6Address):
        return ip.is_global and not ip.is_multicast and ip in _PUBLIC
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_PUBLIC)


def _network_of(address: str) -> object:
    """The private network of an address: equal for addresses that belong together; None for all other addresses.

    Never for a link-local address: many clouds have a service there that gives out passwords.
    """
    ip = _unwrapped(address)
    if ip.is_loopback or ip.is_unspecified:
        return "this machine"
    if isinstance(ip, ipaddress.IPv4Address):
        return "IPv4" if any(ip in network for network in _PRIVATE) else None
    # One site has one /48.
    return ipaddress.ip_network((int(ip), 48), strict=False) if ip in _UNIQUE_LOCAL else None


def _unwrapped(address: str) -> IPAddress:
    """The address, or the IPv4 address inside an IPv6 address, to which a translator on the way connects."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
