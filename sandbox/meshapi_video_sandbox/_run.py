"""Runs a sandbox: for a `with` block, or until ctrl-C."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from anyio.from_thread import start_blocking_portal

from meshapi_video_sandbox._clock import EventLoop
from meshapi_video_sandbox._example import EXAMPLE
from meshapi_video_sandbox._sandbox import Sandbox
from meshapi_video_sandbox._server import open_resources, run_servers
from meshapi_video_sandbox._settings import DEFAULT_KEY, Settings, is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path


@contextmanager
def running_sandbox(
    *, db: Path | None = None, keys: Sequence[str] = (DEFAULT_KEY,), upstream: str | None = None
) -> Generator[Sandbox]:
    """A sandbox on free ports of this machine, in a thread of this process, until the block ends.

    `db` is an SQLite file to keep the tasks in. `keys` are the API keys to accept. `upstream` is the URL of
    a real BytePlus ModelArk, polled instead of a simulated one, with the key in the environment variable
    `ARK_API_KEY`. Raises `SandboxError` if the sandbox cannot start.
    """
    with _running(Settings(port=0, upstream_port=0, db=db, keys=keys, upstream=upstream)) as sandbox:
        yield sandbox


def serve(settings: Settings, *, print_line: Callable[[str], None]) -> None:
    """Runs a sandbox until ctrl-C; raises `SandboxError` if it cannot start.

    `print_line` gets the lines for the user: first how to use the sandbox, at the end that it has stopped.
    """
    with suppress(KeyboardInterrupt), _running(settings) as sandbox:
        for line in [*_warnings(settings), *_instructions(sandbox, simulated=settings.upstream is None)]:
            print_line(line)
        threading.Event().wait()
    print_line("stopped")


def _warnings(settings: Settings) -> list[str]:
    if is_loopback(settings.host):
        return []
    public_key = (
        f", and knows the API key {DEFAULT_KEY}: give another with --key" if DEFAULT_KEY in settings.keys else ""
    )
    host = settings.host or "any address of this machine"
    return [f"WARNING: anyone who can reach {host} can use the control API{public_key}."]


def _instructions(sandbox: Sandbox, *, simulated: bool) -> list[str]:
    url = sandbox.base_url
    lines = [
        f"A local Mesh API runs at {url} until ctrl-C; its upstream is {sandbox.upstream_url}. To use it, copy:",
        "",
        f"  export MESHAPI_BASE_URL={url} MESHAPI_API_KEY={sandbox.api_key}",
        f"  meshapi-video get {EXAMPLE['id']}",
    ]
    if simulated:
        lines += [
            f"  curl -X POST {url}/_sandbox/tasks",
            "",
            "The last line makes a task and prints its ID. Then: meshapi-video wait ID",
            f"Programs create tasks with POST {url}/v1/video/generations.",
        ]
    return lines


@contextmanager
def _running(settings: Settings) -> Generator[Sandbox]:
    options = {"loop_factory": EventLoop}
    with open_resources(settings) as resources, start_blocking_portal("asyncio", options) as portal:
        servers, stop = portal.start_task(run_servers, settings, resources)
        try:
            yield Sandbox(resources.gateway.url, settings.keys[0], resources.upstream.url)
        finally:
            portal.call(stop)
            servers.result()
