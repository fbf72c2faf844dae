"""TLS settings with which the operating system decides about a certificate."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import certifi
import truststore

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable


class SystemTrust(truststore.SSLContext):
    """Trusts the certificate authorities of the operating system.

    Each blocking connection gets a context of its own. One context of truststore makes one handshake at a time: a
    server that stalls would hold up the connections of all threads, for longer than their timeouts.
    """

    def __init__(self, protocol: int, *, with_certifi: bool) -> None:
        super().__init__(protocol)
        self._with_certifi = with_certifi
        self._protocols: list[str] = []
        if with_certifi:
            self.load_verify_locations(certifi.where())

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        """As in `ssl.SSLContext`."""
        self._protocols = list(alpn_protocols)
        super().set_alpn_protocols(self._protocols)

    def wrap_socket(
        self,
        sock: socket.socket,
        server_side: bool = False,  # noqa: FBT001, FBT002 - as in `ssl.SSLContext`
        do_handshake_on_connect: bool = True,  # noqa: FBT001, FBT002 - as in `ssl.SSLContext`
        suppress_ragged_eofs: bool = True,  # noqa: FBT001, FBT002 - as in `ssl.SSLContext`
        server_hostname: str | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        """As in `ssl.SSLContext`."""
        own = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self._with_certifi:
            own.load_verify_locations(certifi.where())
        own.set_alpn_protocols(self._protocols)
        return own.wrap_socket(
            sock, server_side, do_handshake_on_connect, suppress_ragged_eofs, server_hostname, session
        )
