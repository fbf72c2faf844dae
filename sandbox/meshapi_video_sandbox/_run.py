"""Runs a sandbox: for a `with` block, or until ctrl-C."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from anyio.from_thread import start_blocking_portal

from meshapi_video_sandbox._example import EXAMPLE
from meshapi_video_sandbox._handle import Sandbox
from meshapi_video_sandbox._server import resources, serve_both
from meshapi_video_sandbox._settings import DEFAULT_KEY, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path


@contextmanager
def running_sandbox(
    *, db: Path | None = None, keys: Sequence[str] = (DEFAULT_KEY,), upstream: str | None = None
) -> Generator[Sandbox]:
    """A sandbox on free ports of this machine, in a thread of this process, until the block ends.

    `db` is an SQLite file to keep the tasks in, `keys` the API keys to accept, and `upstream` the
    address of a real BytePlus ModelArk to ask instead of a simulated one, with the key that the
    environment variable `ARK_API_KEY` holds. Raises `SandboxError` if it cannot start.
    """
    with _running(Settings(db=db, keys=keys, upstream_url=upstream)) as sandbox:
        yield sandbox


def serve(
    *,
    host: str,
    port: int,
    upstream_port: int,
    db: Path | None,
    keys: Sequence[str],
    upstream: str | None,
    say: Callable[[str], None],
) -> None:
    """Serves until ctrl-C, after telling `say` how to reach it; raises `SandboxError` if it cannot start.

    The settings are those of `meshapi-video sandbox`.
    """
    settings = Settings(host=host, port=port, upstream_port=upstream_port, db=db, keys=keys, upstream_url=upstream)
    with suppress(KeyboardInterrupt), _running(settings) as sandbox:
        for line in _greeting(sandbox, simulated=upstream is None):
            say(line)
        threading.Event().wait()
    say("stopped")


def _greeting(sandbox: Sandbox, *, simulated: bool) -> list[str]:
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
            "The last line makes a new task and shows its ID; then: meshapi-video wait ID",
        ]
    return lines


@contextmanager
def _running(settings: Settings) -> Generator[Sandbox]:
    with resources(settings) as held, start_blocking_portal() as portal:
        serving, stop = portal.start_task(serve_both, settings, held)
        try:
            yield Sandbox(held.gateway.url, settings.keys[0], held.upstream.url)
        finally:
            portal.call(stop)
            serving.result()
