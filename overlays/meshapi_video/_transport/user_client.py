"""The parts that the transports over a user's own httpx client share."""

from __future__ import annotations

import socket
from contextlib import suppress

import httpx

from meshapi_video._transport.response import Response


class RequestTrace:
    """Records the steps of one request through an httpx client, as far as its transport reports them."""

    def __init__(self) -> None:
        self._steps = set[str]()

    def record(self, name: str, _info: object) -> None:
        """Takes one event of httpcore's `trace` extension, for a blocking client."""
        self._steps.add(name.partition(".")[2])

    async def record_async(self, name: str, info: object) -> None:
        """The same, for an asynchronous client."""
        self.record(name, info)

    @property
    def got_nothing_from_kept_connection(self) -> bool:
        """Whether the request was sent over a connection of an earlier request, and no response came."""
        is_new = self._steps & {"connect_tcp.started", "connect_unix_socket.started"}
        has_response = "receive_response_headers.complete" in self._steps
        return "send_request_headers.started" in self._steps and not is_new and not has_response


def shut_down_connection(response: httpx.Response) -> None:
    """Makes the pool of a user's client discard the connection of `response`, as far as its transport tells."""
    stream = response.extensions.get("network_stream")
    # Not by closing the stream: on trio, the pool then raises for the file descriptor.
    connected = stream and stream.get_extra_info("socket")
    if connected:
        with suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)


def already_read(response: httpx.Response) -> Response:
    """The response of a user's client if a hook has read the body, or a mock transport has no stream."""
    try:
        content = response.content
    except httpx.ResponseNotRead:
        # httpx closes a response about which a hook raises. The status of an error is useful without the body.
        if response.is_success:
            raise
        content = b""
    # These headers describe the body as sent, and not as read.
    as_sent = {"content-encoding", "content-length", "transfer-encoding"}
    headers = [(name, value) for name, value in response.headers.multi_items() if name not in as_sent]
    return Response(response.status_code, httpx.Headers(headers), content)
