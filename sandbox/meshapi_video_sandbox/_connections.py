"""Two things that an app cannot do by itself: send the sandbox's date, and break its own connection."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from email.utils import formatdate
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from uvicorn.server import ServerState

    from meshapi_video_sandbox._clock import Clock


class ConnectionMiddleware:
    """ASGI middleware: adds the `Date` header, and gives the app access to the connection's transport."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app, self._clock = app, clock
        self.server: ServerState | None = None
        """The state of the server that runs the app: it lists the open connections."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Part of the protocol for ASGI apps."""

        async def send_with_date(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(self._clock.now(), usegmt=True).encode()
                message = {**message, "headers": [*message["headers"], (b"date", date)]}
            await send(message)

        # If the client has gone, or the server that stops cancels the request, nobody needs a response. uvicorn would
        # log both as errors.
        with suppress(ClientDisconnect, asyncio.CancelledError):
            await self._app({**scope, "sandbox.transport": self._transport}, receive, send_with_date)

    def _transport(self, client: tuple[str, int]) -> asyncio.Transport | None:
        connections = self.server.connections if self.server else ()
        return next(
            (one.transport for one in connections if isinstance(one, H11Protocol) and one.client == client), None
        )


async def close_connection(scope: Scope, receive: Receive, *, reset: bool) -> None:
    """Closes the connection of this request: with a TCP reset, or after the bytes that were sent."""
    transport: asyncio.Transport | None = scope["sandbox.transport"](scope["client"])
    if transport is None:
        # The client has closed the connection already.
        return
    if reset:
        # The system sends a reset when a socket with a linger time of 0 is closed.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()
    # Wait until the connection is closed: uvicorn logs an error if an app returns without a response while
    # the connection is open.
    while (await receive())["type"] != "http.disconnect":
        pass
