"""Starts fresh processes whose threads make their first calls at the same moment, and counts crashes and hangs.

Several processes run at a time beside busy loops. Run by `nox -s stress`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from itertools import count
from typing import Final

from tools.first_calls import ERROR, SCENARIOS, THREADS, VIDEO, task

PARALLEL: Final = 4
"""Processes at a time."""
TIMEOUT: Final = 60.0
"""Seconds after which a process counts as hung."""
HOLD: Final = 5.0
"""The longest time in seconds that the server holds a response."""
GOOD: Final = "good"


@dataclass
class Held:
    """The responses of one group, until all of them are sent at once."""

    responses: list[tuple[BufferedIOBase, bytes]] = field(default_factory=list[tuple[BufferedIOBase, bytes]])
    sent: threading.Event = field(default_factory=threading.Event)


class Server(ThreadingHTTPServer):
    """Holds the responses to the threads of one process, and then sends all of them at the same moment."""

    request_queue_size = 512
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()

    def send(self, path: str, connection: BufferedIOBase, response: bytes) -> None:
        """Sends the response together with the others of its group."""
        group = path.rpartition("-")[0]
        with self._lock:
            held = self._held.setdefault(group, Held())
            held.responses.append((connection, response))
            is_last = len(held.responses) == THREADS
        if is_last or not held.sent.wait(HOLD):
            self._send_all(group)

    def handle_error(self, request: object, client_address: object) -> None:
        """Prints nothing: a process that crashes resets its connections."""

    def _send_all(self, group: str) -> None:
        with self._lock:
            held = self._held.pop(group, Held())
        for connection, response in held.responses:
            # A process that crashed resets its connections.
            with suppress(OSError):
                connection.write(response)
        held.sent.set()


class Handler(BaseHTTPRequestHandler):
    """Responds to a poll and to a download."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Part of the base class's protocol."""
        server, task_id = self.server, self.path.rpartition("/")[2]
        assert isinstance(server, Server)
        if self.path.startswith("/videos/"):
            status, body = 200, VIDEO
        elif "-denied-" in task_id:
            status, body = 402, json.dumps(ERROR).encode()
        else:
            status, body = 200, json.dumps(task(task_id, f"{server.url}/videos/{task_id}")).encode()
        head = f"HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        server.send(self.path, self.wfile, head.encode() + body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Prints nothing."""


@contextmanager
def serving() -> Generator[Server]:
    """A server, until the block ends."""
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@contextmanager
def busy_loop() -> Generator[None]:
    """A process that uses a whole core, until the block ends or this process does."""
    code = "import os; parent = os.getppid()\nwhile os.getppid() == parent: pass"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        try:
            yield
        finally:
            process.kill()


@dataclass
class Stress:
    """The processes that have ended, and how."""

    ends: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    """For each scenario, how many processes ended in which way."""
    messages: dict[str, str] = field(default_factory=dict[str, str])
    """For each way to end but the good one, what the first such process printed."""
    processes: int = 0
    """The number of processes for each scenario."""
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether all processes of each scenario were started, and ended well."""
        return bool(self.ends) and all(ends == {GOOD: self.processes} for ends in self.ends.values())

    def run(self, processes: int, scenarios: Iterable[str]) -> None:
        """Runs so many processes for each scenario."""
        started, numbers, self.processes = time.monotonic(), count(), processes
        self.ends = {name: Counter() for name in scenarios}
        with ExitStack() as stack:
            server = stack.enter_context(serving())
            for _ in range(os.cpu_count() or 1):
                stack.enter_context(busy_loop())
            pool = stack.enter_context(ThreadPoolExecutor(PARALLEL))
            # In turn, so that processes of different scenarios run side by side.
            runs = [
                (name, pool.submit(_run_one, name, server.url, f"{next(numbers)}"))
                for _ in range(processes)
                for name in self.ends
            ]
            for name, run in runs:
                end, message = run.result()
                self.ends[name][end] += 1
                if end != GOOD:
                    self.messages.setdefault(end, f"{name}: {message}")
        self.seconds = time.monotonic() - started

    def __str__(self) -> str:
        total = sum(sum(ends.values()) for ends in self.ends.values())
        ways = list(dict.fromkeys(end for ends in self.ends.values() for end in (GOOD, *sorted(ends))))
        lines = [
            f"Python {sys.version.split()[0]}: {total} processes with {THREADS} threads each in {self.seconds:.0f} s",
            "  ".join([f"{'first call':12}", *(f"{way:>8}" for way in ways)]),
            *("  ".join([f"{name:12}", *(f"{ends[way]:8}" for way in ways)]) for name, ends in self.ends.items()),
        ]
        messages = (f"\nThe first that ended with {end}:\n{text}" for end, text in self.messages.items())
        return "\n".join([*lines, *messages])


def _run_one(name: str, base_url: str, group: str) -> tuple[str, str]:
    """The way in which a process ended, and what it printed."""
    command = [sys.executable, "-X", "faulthandler", "-m", "tools.first_calls", name, base_url, group]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return "hung", f"no end within {TIMEOUT:g} s"
    return _describe(done.returncode), _where(done.stderr)


def _describe(code: int) -> str:
    if code == 0:
        return GOOD
    return signal.Signals(-code).name if code < 0 else "wrong"


def _where(stderr: str) -> str:
    """The stack of the thread that crashed, or the beginning of another error."""
    before, mark, stack = stderr.partition("Current thread")
    return "\n".join((stack if mark else before).splitlines()[:8])


def main() -> None:
    """The stress as a command."""
    parser = argparse.ArgumentParser(prog="nox -s stress --", description=__doc__)
    parser.add_argument("--processes", type=int, default=30, help="the number of processes for each scenario")
    parser.add_argument("--only", choices=SCENARIOS, action="append", help="a scenario to run; by default all")
    arguments = parser.parse_args()
    stress = Stress()
    stress.run(arguments.processes, arguments.only or SCENARIOS)
    print(stress)
    assert stress.is_good, "a process crashed, hung, or had a wrong result"


if __name__ == "__main__":
    main()
