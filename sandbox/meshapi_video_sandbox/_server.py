"""Runs the sandbox: in a thread for a `with` block, or in the foreground until ctrl-C."""

from __future__ import annotations

import socket
import sqlite3
import threading
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import TYPE_CHECKING, Final

import httpx
import uvicorn
from attrs import frozen

from meshapi_video_sandbox._gateway import create_app
from meshapi_video_sandbox._store import Store
from meshapi_video_sandbox._upstream import EXAMPLE, Outcome, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator
    from pathlib import Path

DEFAULT_KEY: Final = "rsk_sandbox"
_EVERYWHERE: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - recognised here, never chosen


class SandboxError(Exception):
    """The sandbox cannot start; the message says why."""


@frozen
class Sandbox:
    """A running sandbox."""

    base_url: str
    """What `MESHAPI_BASE_URL` should say."""
    api_key: str = DEFAULT_KEY
    """A key that it accepts."""

    def create_task(self, outcome: Outcome = "succeeded", *, queued_for: float = 2.0, running_for: float = 4.0) -> str:
        """Makes a task that is queued and then runs for so many seconds; returns its id."""
        plan = {"outcome": outcome, "queued_for": queued_for, "running_for": running_for}
        with httpx.Client(trust_env=False) as client:
            answer = client.post(f"{self.base_url}/_sandbox/tasks", json=plan).raise_for_status()
        return str(answer.json()["id"])


@contextmanager
def running_sandbox() -> Generator[Sandbox]:
    """A sandbox on a free port of this machine, in a thread of this process, until the block ends."""
    with _server("127.0.0.1", 0, None, (DEFAULT_KEY,)) as (server, listener, base_url):
        thread = threading.Thread(target=server.run, args=([listener],), name="meshapi-video-sandbox", daemon=True)
        thread.start()
        try:
            # The socket listens already, so that a first request waits for the server to start.
            yield Sandbox(base_url)
        finally:
            server.should_exit = True
            thread.join()


def serve(*, host: str, port: int, db: Path | None, keys: Collection[str], say: Callable[[str], None]) -> None:
    """Serves until ctrl-C, after telling `say` how to reach it; raises `SandboxError` if it cannot start."""
    with _server(host, port, db, keys) as (server, listener, base_url):
        key = next(iter(keys))
        say(f"A local Mesh API runs at {base_url} until ctrl-C. To use it, copy:")
        say("")
        say(f"  export MESHAPI_BASE_URL={base_url} MESHAPI_API_KEY={key}")
        say(f"  meshapi-video get {EXAMPLE['id']}")
        say(f"  curl -X POST {base_url}/_sandbox/tasks")
        say("")
        say("The last line makes a new task and shows its ID; then: meshapi-video wait ID")
        with suppress(KeyboardInterrupt):
            server.run([listener])
    say("stopped")


@contextmanager
def _server(
    host: str, port: int, db: Path | None, keys: Collection[str]
) -> Generator[tuple[uvicorn.Server, socket.socket, str]]:
    if not all(_usable(key) for key in keys):
        raise SandboxError("a key should be of printable ASCII characters, without spaces and not empty")
    with ExitStack() as opened:
        try:
            store = opened.enter_context(closing(Store(db)))
            store.add(str(EXAMPLE["id"]), Plan(created_at=0), EXAMPLE)
        except sqlite3.Error as error:
            raise SandboxError(f"the tasks' file {db} cannot be used: {error}") from error
        try:
            listener = opened.enter_context(_listen(host, port))
        except OSError as error:
            raise SandboxError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        config = uvicorn.Config(create_app(store, keys), log_level="warning", timeout_graceful_shutdown=1)
        reached = "127.0.0.1" if host in _EVERYWHERE else host
        address = f"[{reached}]" if ":" in reached else reached
        yield uvicorn.Server(config), listener, f"http://{address}:{listener.getsockname()[1]}"


def _usable(key: str) -> bool:
    return key != "" and key.isascii() and key.isprintable() and " " not in key


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only where it is: without it each answer
    # waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except BaseException:
        listener.close()
        raise
    return listener
