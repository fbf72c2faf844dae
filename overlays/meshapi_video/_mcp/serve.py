"""Runs the server until its client leaves, or until ctrl-C."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from types import FrameType
from typing import Any, Final

import anyio
import uvicorn

from meshapi_video._mcp.server import VideoServer
from meshapi_video._mcp.state import State

LOOPBACK: Final = "127.0.0.1"
_LONGEST_SHUTDOWN: Final = 1
"""Seconds that open connections get at ctrl-C."""


def serve_stdio(state: State) -> None:
    """Serves the client that started this process, until it closes stdin. Ctrl-C and SIGTERM end the process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end_at_once)
    _run(state, VideoServer.run_stdio_async)


def _end_at_once(_number: int, _frame: object) -> None:
    # A thread waits for the next line of stdin, and Python would wait for this thread. Nothing is lost: the journal and
    # the partial files are written so that even a kill leaves them whole.
    os._exit(0)


class QuietServer(uvicorn.Server):
    """Uvicorn, which stops at the first ctrl-C without errors about the connections that it closes."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stops, or ends the process if that takes the user too long."""
        if self.should_exit:
            _end_at_once(sig, frame)
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL + 1)
        super().handle_exit(sig, frame)


def serve_http(state: State, port: int, on_start: Callable[[str], object]) -> None:
    """Serves clients on this machine until ctrl-C. `on_start` gets the URL.

    Raises:
        OSError: The port is in use.
    """
    with socket.create_server((LOOPBACK, port)) as listener:

        async def serve(server: VideoServer) -> None:
            # No page in a browser can use the server. Before a page sends JSON to another server, the browser asks
            # this one, which allows none. And for this host, the library refuses the name of another one in Host.
            app = server.streamable_http_app(host=LOOPBACK)
            config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=_LONGEST_SHUTDOWN)
            await QuietServer(config).serve([listener])

        on_start(f"http://{LOOPBACK}:{listener.getsockname()[1]}/mcp")
        # Ctrl-C is how a user stops it.
        with suppress(KeyboardInterrupt):
            _run(state, serve)


def _run(state: State, serve: Callable[[VideoServer], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            if state.client is not None:
                await stack.enter_async_context(state.client)
            await serve(VideoServer(state))

    anyio.run(main)
