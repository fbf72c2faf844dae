"""A server on this machine in place of the real one. It counts connections, and a test expects that none arrives."""

from __future__ import annotations

import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass


@dataclass
class Listener:
    """Accepts connections and never sends a response."""

    listening: socket.socket

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def connections(self) -> int:
        """The number of connections since the last call."""
        number = 0
        with suppress(BlockingIOError):
            while True:
                # The system completes a connection before anybody accepts it.
                self.listening.accept()[0].close()
                number += 1
        return number


@contextmanager
def listener() -> Generator[Listener]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield Listener(listening)
