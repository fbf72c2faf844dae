"""Redis, with every write on the disk before its response."""

from __future__ import annotations

from tools.fleet.servers.server import LOCALHOST, Server, replies


class Redis(Server):
    """A Redis server that loses nothing in a restart: `appendfsync always`."""

    name = "Redis"
    install = "apt-get install redis-server"

    @property
    def url(self) -> str:
        """A URL with the number of the database."""
        return f"redis://{LOCALHOST}:{self.port}/0"

    def run(self) -> None:
        """Starts the server."""
        self.serve(
            self.program("redis-server"),
            *("--bind", LOCALHOST, "--port", str(self.port), "--dir", str(self.folder)),
            *("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
        )

    def accepts(self) -> bool:
        """Whether it responds to a PING. While it loads its data, it responds with an error."""
        return replies(self.port, b"PING\r\n", b"+PONG")
