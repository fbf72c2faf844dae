"""What lies between an app and its connections: the sandbox's own date, and how to break one off."""

from __future__ import annotations

import socket
import struct
from email.utils import formatdate
from typing import TYPE_CHECKING

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from uvicorn.server import ServerState

    from meshapi_video_sandbox._clock import Clock


class Connections:
    """An ASGI app around another one."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app, self._clock = app, clock
        self.server: ServerState | None = None
        """Knows the connections that are open; the server that the app was given to has it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Part of the protocol for ASGI apps."""

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(self._clock.now(), usegmt=True).encode()
                message = {**message, "headers": [*message["headers"], (b"date", date)]}
            await send(message)

        await self._app({**scope, "sandbox.transport": self._transport}, receive, dated)

    def _transport(self, client: tuple[str, int]) -> asyncio.Transport | None:
        known = self.server.connections if self.server else ()
        return next((one.transport for one in known if isinstance(one, H11Protocol) and one.client == client), None)


async def break_off(scope: Scope, receive: Receive, *, reset: bool) -> None:
    """Ends the connection of this request: with a TCP reset, or after what was sent."""
    transport: asyncio.Transport | None = scope["sandbox.transport"](scope["client"])
    if transport is None:
        # The client has gone before.
        return
    if reset:
        # Closing a socket that lingers for no time is how a reset is sent.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()
    # Until it is: who leaves an open connection without an answer has made a mistake, for the server.
    while (await receive())["type"] != "http.disconnect":
        pass
