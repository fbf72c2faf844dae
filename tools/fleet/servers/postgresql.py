"""PostgreSQL: a cluster of its own, run by another user if this process is root's."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path
from subprocess import DEVNULL, run

from tools.fleet.servers.server import LOCALHOST, Server, ServerError


class PostgreSQL(Server):
    """A PostgreSQL server with the database and superuser `postgres`, without a password."""

    name = "PostgreSQL"
    install = "apt-get install postgresql"
    # Debian keeps each major version in a folder of its own. The newest is first.
    folders = tuple(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))
    user = "postgres"
    # At SIGTERM, it would wait until its clients have closed their connections.
    stop_signal = signal.SIGINT

    @property
    def url(self) -> str:
        """A URL for libpq."""
        return f"postgresql://postgres@{LOCALHOST}:{self.port}/postgres"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def run(self) -> None:
        """Starts the server; the first time, in a new cluster."""
        postgres = self.program("postgres")
        self._let_user_in()
        if not self._data.exists():
            initdb = [self.program("initdb"), f"--pgdata={self._data}", "--username=postgres"]
            options = ["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
            if self.popen(*initdb, *options).wait() != 0:
                raise ServerError(f"initdb failed: see {self.folder / 'log'}")
        settings = [f"listen_addresses={LOCALHOST}", f"port={self.port}", "unix_socket_directories="]
        self.serve(postgres, "-D", str(self._data), *(f"--{setting}" for setting in settings))

    def _let_user_in(self) -> None:
        if self.user is not None and os.geteuid() == 0:
            shutil.chown(self.folder, self.user)
            temporary = Path(tempfile.gettempdir())
            for parent in self.folder.parents:
                if parent.is_relative_to(temporary) and parent != temporary:
                    # Root's temporary folders are closed to other users.
                    parent.chmod(parent.stat().st_mode | 0o011)

    def accepts(self) -> bool:
        """Whether it accepts connections. While it recovers, it refuses them."""
        command = [self.program("pg_isready"), "--quiet", f"--host={LOCALHOST}", f"--port={self.port}"]
        return run(command, check=False, stdout=DEVNULL, stderr=DEVNULL).returncode == 0
