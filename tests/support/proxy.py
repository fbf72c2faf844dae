"""A company's proxy: it opens tunnels (CONNECT) for clients that know its user and password."""

from __future__ import annotations

import base64
import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

USER = "company-user"
# It has the characters that an address must escape.
PASSWORD = "se/cr@t-word"
ESCAPED_PASSWORD = "se%2Fcr%40t-word"


@dataclass
class Proxy:
    """Reaches each host in `hosts` at a port of this machine, and no other host."""

    address: str = ""
    """Its URL, without user and password."""
    hosts: dict[str, int] = field(default_factory=dict[str, int])
    tunnels: list[str] = field(default_factory=list[str])
    """The target of each tunnel."""
    inspects: ssl.SSLContext | None = None
    """With it, the proxy ends TLS with a certificate of its own, and reaches the hosts over plain HTTP."""
    heads: list[str] = field(default_factory=list[str])
    """All that it read of each request outside of a tunnel."""
    refused: int = 0
    """The requests without its user and password."""
    max_open: int = 0
    """The most tunnels open at once."""
    _open: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def with_password(self) -> str:
        """Its URL, as the user of a client writes it."""
        return self.address.replace("://", f"://{USER}:{ESCAPED_PASSWORD}@")

    def handle(self, connection: socket.socket) -> None:
        """Serves one connection to the proxy."""
        head = _read_head(connection)
        if not head:
            return
        self.heads.append(head.decode())
        first, *lines = head.decode().split("\r\n")
        method, target, _version = first.split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines if line)}
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if headers.get("proxy-authorization") != f"Basic {expected}":
            self.refused += 1
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
            return
        port = self.hosts.get(target.rpartition(":")[0])
        if method != "CONNECT" or port is None:
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", port)) as server:
            with self._lock:
                self.tunnels.append(target)
                self._open += 1
                self.max_open = max(self.max_open, self._open)
            try:
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                if self.inspects is None:
                    _relay(connection, server)
                else:
                    with self.inspects.wrap_socket(connection, server_side=True) as inspected:
                        _relay(inspected, server)
            finally:
                with self._lock:
                    self._open -= 1


def _read_head(connection: socket.socket) -> bytes:
    """The request up to its empty line; nothing if the client closes the connection before."""
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        # One byte at a time: what follows belongs to the tunnel.
        byte = connection.recv(1)
        if not byte:
            return b""
        received += byte
    return received.strip()


def _relay(client: socket.socket, server: socket.socket) -> None:
    """Copies bytes in both directions, until one side closes its connection."""
    while True:
        # Bytes in the TLS layer do not make the socket readable.
        has_rest = isinstance(client, ssl.SSLSocket) and client.pending() > 0
        readable = [client] if has_rest else select.select([client, server], [], [])[0]
        for source in readable:
            content = source.recv(65536)
            if not content:
                return
            (server if source is client else client).sendall(content)


@contextmanager
def proxying(tls: ssl.SSLContext | None = None) -> Generator[Proxy]:
    """A proxy on a free port of this machine. Its clients connect to it over TLS if there is a context."""
    proxy = Proxy()

    class Handler(socketserver.BaseRequestHandler):
        request: socket.socket

        def handle(self) -> None:
            # Both sides may close their connection at any time.
            with suppress(OSError):
                if tls is None:
                    proxy.handle(self.request)
                else:
                    with tls.wrap_socket(self.request, server_side=True) as connection:
                        proxy.handle(connection)

    class Tcp(socketserver.ThreadingTCPServer):
        request_queue_size = 512
        daemon_threads = True
        # A tunnel stays open as long as its client lives.
        block_on_close = False

    with Tcp(("127.0.0.1", 0), Handler) as tcp:
        proxy.address = f"{'https' if tls else 'http'}://127.0.0.1:{tcp.server_address[1]}"
        thread = threading.Thread(target=tcp.serve_forever, args=(0.002,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            tcp.shutdown()
            thread.join()
