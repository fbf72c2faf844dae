"""The limit: requests written by hand on raw connections, with nothing that a client must have.

There are no timeouts, no retries, no TLS, no checks, and no headers but those that this server needs.
So no client can be faster, and each table shows how far a client is from this.
"""

from __future__ import annotations

import asyncio
import socket
from typing import BinaryIO, Final, TypeAlias
from urllib.parse import urlsplit

END_OF_HEAD: Final = b"\r\n\r\n"
LENGTH: Final = b"content-length: "
COPY_SIZE: Final = 2**20
"""The bytes of a body that are read at once."""

Stream: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def get(path: str, key: str) -> bytes:
    """A complete request."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n".encode()


def head_of_post(path: str, key: str, length: int) -> bytes:
    """The head of a request with a body."""
    fields = f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {length}"
    return f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{fields}\r\n\r\n".encode()


def body_length(head: bytes) -> int:
    """The length of the body after the head of a response."""
    start = head.lower().index(LENGTH) + len(LENGTH)
    return int(head[start : head.index(b"\r\n", start)])


class Streams:
    """asyncio streams: as many connections as requests are in flight, kept open for the next requests."""

    def __init__(self, base_url: str) -> None:
        self._host, self._port = _address(base_url)
        self._idle: list[Stream] = []

    async def get(self, path: str, key: str) -> bytes:
        """The body of the response."""
        reader, writer = stream = (
            self._idle.pop() if self._idle else await asyncio.open_connection(self._host, self._port)
        )
        writer.write(get(path, key))
        await writer.drain()
        body = await reader.readexactly(body_length(await reader.readuntil(END_OF_HEAD)))
        self._idle.append(stream)
        return body


class Socket:
    """One blocking connection."""

    def __init__(self, base_url: str) -> None:
        self._socket = socket.create_connection(_address(base_url))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        """Sends a request, or a part of one."""
        self._socket.sendall(data)

    def receive(self) -> bytes:
        """The body of the response."""
        head, body = self._receive_head()
        length = body_length(head)
        while len(body) < length:
            body += self._socket.recv(length - len(body))
        return body

    def copy_to(self, file: BinaryIO) -> None:
        """Writes the body of the response to a file."""
        head, body = self._receive_head()
        file.write(body)
        left, buffer = body_length(head) - len(body), memoryview(bytearray(COPY_SIZE))
        while left:
            received = self._socket.recv_into(buffer)
            file.write(buffer[:received])
            left -= received

    def _receive_head(self) -> tuple[bytes, bytes]:
        """The head of the response, and the part of its body that came with it."""
        data = b""
        while END_OF_HEAD not in data:
            received = self._socket.recv(COPY_SIZE)
            if not received:
                raise ConnectionError("the server has closed the connection")
            data += received
        head, _, body = data.partition(END_OF_HEAD)
        return head + b"\r\n", body


def _address(base_url: str) -> tuple[str, int]:
    address = urlsplit(base_url)
    assert address.hostname is not None and address.port is not None  # noqa: S101, PT018 - the server's own URL
    return address.hostname, address.port
