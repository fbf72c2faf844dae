"""The parts that the transports over a user's own client share. The client is one of httpx, or of its fork httpx2."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

from meshapi_video._http_libraries import errors_named
from meshapi_video._transport.response import Response, headers_by_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshapi_video._transport.request import Request


class UserHeaders(Protocol):
    """The common part of the headers of httpx and of httpx2."""

    @property
    def raw(self) -> list[tuple[bytes, bytes]]: ...


class UserResponse(Protocol):
    """The common part of a response of httpx and of httpx2."""

    status_code: int
    is_closed: bool

    @property
    def extensions(self) -> Mapping[str, Any]: ...

    @property
    def headers(self) -> UserHeaders: ...

    @property
    def http_version(self) -> str: ...

    @property
    def is_success(self) -> bool: ...

    @property
    def content(self) -> bytes: ...


_NOTHING_SENT: Final = ("PoolTimeout", "UnsupportedProtocol")
"""What a client raises before any step. `ConnectError` and `ConnectTimeout` prove nothing without the steps: a
transport over another library may raise them after a connection broke."""


class RequestTrace:
    """Records the steps of one request, as far as its transport reports them."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._steps = set[str]()

    def record(self, name: str, info: dict[str, object]) -> None:
        """Takes one event of httpcore's `trace` extension, for a blocking client."""
        step = name.partition(".")[2]
        # A proxy gets a request of its own first, for the tunnel.
        if getattr(info.get("request"), "method", None) == b"CONNECT":
            return
        self._steps.add(step)
        self._request.was_sent |= step == "send_request_headers.started"

    async def record_async(self, name: str, info: dict[str, object]) -> None:
        """The same, for an asynchronous client."""
        self.record(name, info)

    def failed(self, error: BaseException) -> None:
        """Takes the error of a user's client. A transport of the user's own may report no steps."""
        self._request.was_sent |= not self._steps and not isinstance(error, errors_named(*_NOTHING_SENT))

    @property
    def got_nothing_from_kept_connection(self) -> bool:
        """Whether the request was sent over a connection of an earlier request, and no complete head came back."""
        is_new = self._steps & {"connect_tcp.started", "connect_unix_socket.started"}
        has_response = "receive_response_headers.complete" in self._steps
        return "send_request_headers.started" in self._steps and not is_new and not has_response


def shut_down_connection(response: UserResponse) -> None:
    """Makes the pool of a user's client discard the connection of `response`, as far as its transport tells.

    Not with HTTP/2, where other requests share the connection, and each response has the number of its request.
    """
    stream = response.extensions.get("network_stream") if response.http_version.startswith("HTTP/1") else None
    # Do not close the stream: on trio, the pool would then fail on a closed file descriptor.
    connected = stream and stream.get_extra_info("socket")
    if connected:
        with suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)


def already_read(response: UserResponse) -> Response:
    """The response of a user's client if a hook has read the body, or a mock transport has no stream."""
    try:
        content = response.content
    except errors_named("ResponseNotRead"):
        # httpx closes a response about which a hook raises. The status of an error is useful without the body.
        if response.is_success:
            raise
        content = b""
    # These headers describe the body as sent, and not as read.
    as_sent = {"content-encoding", "content-length", "transfer-encoding"}
    headers = headers_by_name(response.headers.raw)
    return Response(response.status_code, {name: headers[name] for name in headers.keys() - as_sent}, content)
