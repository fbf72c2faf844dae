"""Child processes: each contender runs in its own process. A request and a reply are one line of JSON each."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final, NoReturn, TypeVar

import httpx
import msgspec

ROOT: Final = Path(__file__).parents[1]
GRACE_PERIOD: Final = 30.0
"""Seconds that a child has for its reply after its own timeout."""

ReplyT = TypeVar("ReplyT", bound="Reply")
RequestT = TypeVar("RequestT")


class ContenderFailed(Exception):
    """A contender could not do its work; the message goes into its row of the table."""


class Reply(msgspec.Struct, tag=True):
    """A child's reply to a request."""


class ErrorReply(Reply):
    """The reply of a child that failed."""

    error: str


def child_environment() -> dict[str, str]:
    """The environment of this process without proxies, so that every client reaches the server on this machine."""
    # Also without the variable that makes Python compile all modules again at each start.
    dropped = ("_PROXY", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.upper().endswith(dropped)}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, [kept.get("PYTHONPATH"), str(ROOT)]))}


class Child:
    """A process that replies to requests."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it stays open as long as the child runs
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
            cwd=ROOT,
            env=child_environment(),
            # Ctrl-C reaches this process only, which then kills the children.
            start_new_session=True,
        )

    def call(self, request: object, reply_type: type[ReplyT], timeout: float) -> ReplyT:
        """The child's reply. Raises `ContenderFailed` if the child reports an error, or has ended."""
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        # The last line on stderr says more than a broken pipe.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(msgspec.json.encode(request) + b"\n")
        line = self.read_line(timeout + GRACE_PERIOD)
        reply: ReplyT | ErrorReply = msgspec.json.decode(line, type=reply_type | ErrorReply)
        if isinstance(reply, ErrorReply):
            raise ContenderFailed(reply.error)
        return reply

    def read_line(self, timeout: float) -> bytes:
        """The next line that the child writes. Raises `ContenderFailed` if there is none."""
        out = self._process.stdout
        assert out is not None  # noqa: S101 - it is a pipe
        ready, _, _ = select.select([out], [], [], timeout)
        line = out.readline() if ready else b""
        if not line:
            raise ContenderFailed(self._last_error() if ready else f"no reply within {timeout:.0f} s")
        return line

    def _last_error(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), f"ended with exit code {code}")

    def kill(self) -> None:
        """Ends the child at once."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                stream.close()


@contextlib.contextmanager
def running_child(module: str, *arguments: str) -> Generator[Child]:
    """A child that runs until the block ends."""
    child = Child(module, *arguments)
    try:
        yield child
    finally:
        child.kill()


@contextlib.contextmanager
def running_server(*, delay: float = 0.0, polls: int = 1) -> Generator[str]:
    """The base URL of `benchmarks.server`, which runs until the block ends."""
    with running_child("benchmarks.server", "--delay", str(delay), "--polls", str(polls)) as child:
        yield f"http://127.0.0.1:{int(child.read_line(GRACE_PERIOD))}"


def server_usage(base_url: str) -> tuple[int, float]:
    """The number of requests that the server has received, and the seconds of CPU that it has used."""
    requests, seconds = json.loads(httpx.get(f"{base_url}/usage", trust_env=False).content)
    return requests, seconds


def serve_parent(request_type: type[RequestT], handle: Callable[[RequestT], Reply]) -> None:
    """The main function of a child: replies to requests until stdin ends."""
    for line in sys.stdin.buffer:
        try:
            reply: Reply = handle(msgspec.json.decode(line, type=request_type))
        except Exception as error:  # noqa: BLE001 - the table shows every kind of error
            reply = ErrorReply(_summary(error))
        send_reply(reply)


def send_reply(reply: Reply) -> None:
    """Writes a reply to the parent."""
    sys.stdout.buffer.write(msgspec.json.encode(reply) + b"\n")
    sys.stdout.buffer.flush()


def reply_and_exit(reply: Reply) -> NoReturn:
    """Sends a reply and ends this process without cleaning up: an overloaded pool takes minutes to close."""
    try:
        send_reply(reply)
    finally:
        # Even if the parent has ended and the reply cannot be sent.
        os._exit(0)


def _summary(error: BaseException) -> str:
    first, *_ = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {first}"[:160]


def hide_packages(*packages: str) -> None:
    """Makes packages look uninstalled in this process: importing them raises `ImportError`."""
    for package in packages:
        if package in sys.modules:
            raise ContenderFailed(f"{package} was imported already")
        # Python uses None here for a module that does not exist; `importlib.util.find_spec` understands it.
        sys.modules[package] = None  # type: ignore[assignment]  # pyright: ignore[reportArgumentType] - its type has no None


def resident_memory() -> int:
    """The resident memory of this process in bytes; on systems other than Linux, its maximum so far."""
    with contextlib.suppress(FileNotFoundError):
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
        return pages * resource.getpagesize()
    maximum = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return maximum if sys.platform == "darwin" else maximum * 1024


def peak_memory() -> int:
    """The maximum of the resident memory of this process so far, in bytes."""
    with contextlib.suppress(FileNotFoundError):
        # `getrusage` has the maximum of the parent, too, if it is larger.
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resident_memory()


def start_watchdog(
    timeout: float, interval: float, sample: Callable[[], object], on_timeout: Callable[[], object]
) -> threading.Event:
    """Calls `sample` every `interval` seconds and `on_timeout` after `timeout` seconds. Set the event to stop it.

    It runs in a thread, because the event loop of an overloaded client may be blocked all the time.
    """
    stopped, deadline = threading.Event(), time.monotonic() + timeout

    def run() -> None:
        # This counts time and not calls: a busy event loop delays every turn of this thread.
        while (left := deadline - time.monotonic()) > 0:
            if stopped.wait(min(interval, left)):
                return
            sample()
        on_timeout()

    threading.Thread(target=run, daemon=True).start()
    return stopped
