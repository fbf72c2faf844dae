"""The id of each request: the client's own `X-Request-Id`, or a new one. Every response carries it."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ACCEPTED: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")

_current: Final = ContextVar[str]("request_id")


def request_id() -> str:
    """The id of the request that the current code responds to."""
    return _current.get()


class RequestIdMiddleware:
    """ASGI middleware: sends the header `X-Request-Id` with each response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Part of the protocol for ASGI apps."""
        from_client = Headers(scope=scope).get("x-request-id", "")
        # Mesh ignores an id that has another form.
        current = from_client if _ACCEPTED.fullmatch(from_client) else f"req_{uuid.uuid4().hex}"
        _current.set(current)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"x-request-id", current.encode())]}
            await send(message)

        await self._app(scope, receive, send_with_id)
