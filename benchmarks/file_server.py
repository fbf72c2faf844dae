"""Serves one file with `sendfile`: `python -m benchmarks.file_server FILE`, in its own process.

The response for a task's path is a succeeded task, with a video that is the file. The response for
every other path is the file. The server prints its port on stdout and ends when its stdin ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Final

from benchmarks.server import EXAMPLE

TASKS: Final = "/v1/video/generations/"


class Handler(BaseHTTPRequestHandler):
    """Handles the requests of one connection."""

    protocol_version = "HTTP/1.1"
    file: Path

    def do_GET(self) -> None:
        """Part of the base class's protocol."""
        with contextlib.suppress(ConnectionError):
            if self.path.startswith(TASKS):
                content = {"video_url": f"http://{self.headers['Host']}/video.mp4", "last_frame_url": None}
                body = json.dumps({**EXAMPLE, "id": self.path.removeprefix(TASKS), "content": content}).encode()
                self._send_headers("application/json", len(body))
                self.wfile.write(body)
            else:
                self._send_headers("video/mp4", self.file.stat().st_size)
                self._send_file()

    def _send_headers(self, content_type: str, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(length))
        self.send_header("ETag", '"the-only-file"')
        self.end_headers()

    def _send_file(self) -> None:
        self.wfile.flush()
        with self.file.open("rb") as file:
            sent, size = 0, self.file.stat().st_size
            while sent < size:
                sent += os.sendfile(self.connection.fileno(), file.fileno(), sent, size - sent)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Logs nothing."""


class Server(socketserver.ThreadingTCPServer):
    """A thread for each connection."""

    daemon_threads = True


def main() -> None:
    """The server as a command."""
    Handler.file = Path(sys.argv[1])
    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdout.write(f"{server.server_address[1]}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
