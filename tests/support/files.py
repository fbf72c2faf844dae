"""A file as object storage serves it: with ranges, with validators, and with faults."""

from __future__ import annotations

import random
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from meshapi_video import DownloadError, Video, VideoTaskResponse
from support.clients import Caller, Kind
from support.clock import Clock
from support.server import TASK_ID, Response, Server, close, reset

SIGNATURE = "hush-hush"
LOCAL = "http://127.0.0.1:1"
"""The base URL of a client that may download from this machine, because its API is there as well."""
PUBLIC = "https://93.184.215.14"
"""The base URL of a client whose API is on the public internet. No test sends a request there."""


@dataclass
class StoredFile:
    """Sends the requested part of this file, as a response of a scripted server."""

    server: Server
    content: bytes = field(repr=False, default_factory=lambda: random.Random(6).randbytes(300_000))  # noqa: S311 - no secret
    headers: dict[str, str] = field(default_factory=lambda: {"etag": '"v1"'})
    """They include the file's ETag or Last-Modified, if it has one."""
    supports_ranges: bool = True

    def __call__(self, connection: socket.socket) -> bool:
        """Sends the whole requested part."""
        connection.sendall(b"".join(self._requested_part()))
        return True

    def broken(self, after: int, how: Response = reset, *, pieces: int = 0, every: float = 0.0) -> Response:
        """Sends `after` bytes of the requested part, optionally in small pieces, and then calls `how`."""

        def write(connection: socket.socket) -> bool:
            head, body = self._requested_part()
            connection.sendall(head)
            for start in range(0, after, pieces or after):
                connection.sendall(body[start : min(start + (pieces or after), after)])
                if every and self.server.stopping.wait(every):
                    return False
            return how(connection)

        return write

    def dripping(self, pieces: int, every: float) -> Response:
        """Sends the whole requested part, a few bytes at a time."""
        return self.broken(len(self.content), close, pieces=pieces, every=every)

    def _requested_part(self) -> tuple[bytes, bytes]:
        headers = self.server.requests[-1].headers
        stated = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
        size, first = len(self.content), int(stated[1]) if stated else 0
        same = headers.get("if-range") in {self.headers.get("etag"), self.headers.get("last-modified")}
        if stated is None or not (self.supports_ranges and same):
            return self._head("200 OK", size), self.content
        if first >= size:
            return self._head("416 Range Not Satisfiable", 0, f"bytes */{size}"), b""
        part = self.content[first:]
        return self._head("206 Partial Content", len(part), f"bytes {first}-{size - 1}/{size}"), part

    def _head(self, status: str, length: int, content_range: str = "") -> bytes:
        headers = {"content-length": str(length), "content-type": "video/mp4", **self.headers}
        if content_range:
            headers = {"content-range": content_range, **headers}
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n"


def video_at(store: Server | str, task_id: str = TASK_ID) -> Video:
    """A finished video whose files are on this server, or at this address. The addresses are signed."""
    base = store if isinstance(store, str) else f"{store.base_url}/v"
    return Video(
        url=f"{base}?X-Signature={SIGNATURE}",
        last_frame_url=f"{base}.jpg?X-Signature={SIGNATURE}",
        task=VideoTaskResponse(id=task_id, status="succeeded"),
    )


Progress = Callable[[int, int | None], object]


# The other arguments of `download`, passed on as they are.
def download(
    client: Caller,
    video: Video | str,
    path: Path | str,
    *,
    on_progress: Progress | None = None,
    **arguments: Any,  # noqa: ANN401
) -> Path:
    """Downloads with a client of the caller's kind."""
    return client.run(lambda client: client.download(video, path, on_progress=on_progress, **arguments))


def names(folder: Path) -> list[str]:
    """The names of the files in a folder."""
    return sorted(path.name for path in folder.iterdir())


def ranges(store: Server) -> list[str | None]:
    """The range of each request; None for the whole file."""
    return [request.headers.get("range") for request in store.requests]


def leave_partial_file(client: Caller, stored: StoredFile, video: Video, out: Path) -> None:
    """Downloads the first 100,000 bytes."""
    settings = client.settings
    client.settings = {"max_retries": 0}
    stored.server.script(stored.broken(100_000, close))
    with pytest.raises(DownloadError):
        download(client, video, out)
    client.settings = settings
    client.clock.sleeps.clear()
    stored.server.requests.clear()
    stored.server.script(stored)


def download_through_user_client(
    kind: Kind,
    video: Video,
    out: Path,
    *,
    timeout: float = 60,
    clock: Clock | None = None,
    base_url: str = PUBLIC,
    **user_client: Any,  # noqa: ANN401
) -> dict[str, str]:
    """Downloads through a user's client with these arguments of httpx's. Returns its cookies afterwards."""

    async def body(client: Any) -> dict[str, str]:  # noqa: ANN401 - this test needs the private user's client
        await client.download(video, out, timeout=timeout)
        return dict(client._session._user_client._client.cookies)

    # `Caller` checks that the user's client is still open afterwards.
    return Caller(kind, base_url, clock or Clock(), user_client=user_client).run(body)
