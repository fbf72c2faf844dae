"""The base of all servers: it starts a program, waits until the server accepts requests, and stops it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, Self

LOCALHOST: Final = "127.0.0.1"
START_TIMEOUT: Final = 60.0
STOP_TIMEOUT: Final = 30.0
CHECK_INTERVAL: Final = 0.05
PORTS: Final = range(10_000, 32_000)


class ServerError(RuntimeError):
    """A server did not start, or did not stop."""


class MissingServer(ServerError):
    """The server's program is not installed. The message has the line that installs it."""


class Server(ABC):
    """A server on a free port of 127.0.0.1. Its data are in `folder`.

    Start it in a thread that lives as long as the server: the kernel kills the server when this thread ends, so that
    a killed test run leaves no server behind. Needs Linux.
    """

    name: ClassVar[str]
    install: ClassVar[str]
    """The line that installs the server."""
    folders: ClassVar[Sequence[Path]] = ()
    """Where the server's programs may be, besides the folders in `PATH`."""
    user: ClassVar[str | None] = None
    """The user that runs the server, if root may not run it and this process is root's."""
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    @abstractmethod
    def url(self) -> str:
        """The address for clients. A restart does not change it."""

    @abstractmethod
    def accepts(self) -> bool:
        """Whether the server accepts requests now. May raise `OSError` if it does not."""

    @abstractmethod
    def run(self) -> None:
        """Starts the server's processes."""

    def start(self) -> None:
        """Starts the server, and returns when it accepts requests. Raises `ServerError`, `MissingServer`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self.run()
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops the server cleanly: it writes all its data, and closes its connections."""
        while self._processes:
            process = self._processes.pop()
            process.send_signal(self.stop_signal)
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                message = f"{self.name} did not stop within {STOP_TIMEOUT:g} s\n{self._log_tail()}"
                raise ServerError(message) from None

    def restart(self) -> None:
        """Stops the server, and starts it again on the same port with the same data."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def program(self, name: str) -> str:
        """The path of one of the server's programs."""
        path = os.pathsep.join([*map(str, self.folders), os.environ.get("PATH", os.defpath)])
        found = shutil.which(name, path=path)
        if found is None:
            raise MissingServer(f"{self.name} is not installed (no program `{name}`). To install it: {self.install}")
        return found

    def popen(self, *command: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Starts a process that ends with this thread. Its output goes to the file `log` in the folder."""
        options = ["--pdeathsig=KILL"]
        if self.user is not None and os.geteuid() == 0:
            options += [f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [self.program("setpriv"), *options, *command],
                env={**os.environ, **(environment or {})},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # ctrl-C on the terminal is for this process, which then stops the server.
                start_new_session=True,
            )

    def serve(self, *command: str, environment: Mapping[str, str] | None = None) -> None:
        """Starts a process that runs until `stop`."""
        self._processes.append(self.popen(*command, environment=environment))

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if any(process.poll() is not None for process in self._processes):
                raise ServerError(f"{self.name} ended during its start\n{self._log_tail()}")
            with suppress(OSError):
                if self.accepts():
                    return
            time.sleep(CHECK_INTERVAL)
        raise ServerError(f"{self.name} did not accept requests within {START_TIMEOUT:g} s\n{self._log_tail()}")

    def _log_tail(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")[-2000:]


def free_port() -> int:
    """A port of 127.0.0.1 that no program uses now.

    It is not one of those that the kernel gives to clients. Otherwise, a client could get the port of a server while
    the server restarts.
    """
    while True:
        port = random.choice(PORTS)  # noqa: S311 - not for a secret
        with suppress(OSError), socket.create_server((LOCALHOST, port)):
            return port


def replies(port: int, request: bytes, expected: bytes) -> bool:
    """Whether the server's reply begins with the expected bytes. Raises `OSError` if there is none."""
    with socket.create_connection((LOCALHOST, port), timeout=1) as connection:
        connection.settimeout(1)
        connection.sendall(request)
        return connection.recv(len(expected)) == expected
