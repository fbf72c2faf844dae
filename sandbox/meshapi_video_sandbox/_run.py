"""Runs a sandbox: for a `with` block, or until ctrl-C."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from anyio.from_thread import start_blocking_portal

from meshapi_video_sandbox._banner import instructions, warnings
from meshapi_video_sandbox._clock import EventLoop
from meshapi_video_sandbox._sandbox import Sandbox
from meshapi_video_sandbox._server import open_resources, run_servers
from meshapi_video_sandbox._settings import DEFAULT_KEY, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence


@contextmanager
def running_sandbox(
    *, db: Path | str | None = None, keys: Sequence[str] = (DEFAULT_KEY,), upstream: str | None = None
) -> Generator[Sandbox]:
    """A sandbox on free ports of this machine, in a thread of this process, until the block ends.

    `db` is an SQLite file to keep the tasks in. `keys` are the API keys to accept. `upstream` is the URL of
    a real BytePlus ModelArk, polled instead of a simulated one, with the key in the environment variable
    `ARK_API_KEY`. Raises `SandboxError` if the sandbox cannot start.
    """
    with _running(Settings(port=0, db=None if db is None else Path(db), keys=keys, upstream=upstream)) as sandbox:
        yield sandbox


def serve(settings: Settings, *, print_line: Callable[[str], None]) -> None:
    """Runs a sandbox until ctrl-C; raises `SandboxError` if it cannot start.

    `print_line` gets the lines for the user: first how to use the sandbox, at the end that it has stopped.
    """
    with suppress(KeyboardInterrupt), _sigterm_is_ctrl_c(), _running(settings, settings.advertise) as sandbox:
        for line in [*warnings(settings), *instructions(sandbox, settings)]:
            print_line(line)
        threading.Event().wait()
    print_line("stopped")


@contextmanager
def _sigterm_is_ctrl_c() -> Generator[None]:
    """Stops at SIGTERM as at ctrl-C: a container runtime sends it, and otherwise kills the process after 10 s."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _running(settings: Settings, host: str | None = None) -> Generator[Sandbox]:
    """`host` is the name or address in the URL of the sandbox."""
    options = {"loop_factory": EventLoop}
    with open_resources(settings) as resources, start_blocking_portal("asyncio", options) as portal:
        servers, stop = portal.start_task(run_servers, settings, resources)
        try:
            yield Sandbox(resources.gateway.url(host), settings.keys[0], resources.upstream.url)
        finally:
            portal.call(stop)
            servers.result()
