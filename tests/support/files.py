"""A file as object storage serves it: in ranges, with validators, and with faults on the way."""

from __future__ import annotations

import random
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meshapi_video import Video, VideoTaskResponse
from support.clients import Caller
from support.server import TASK_ID, Answer, Server, close, reset

SIGNATURE = "hush-hush"


@dataclass
class StoredFile:
    """Answers each request of a scripted server with what it asks for of this file."""

    server: Server
    content: bytes = field(default_factory=lambda: random.Random(6).randbytes(300_000))  # noqa: S311 - no secret
    headers: dict[str, str] = field(default_factory=lambda: {"etag": '"v1"'})
    """Among them the file's ETag or Last-Modified, if it has one."""
    does_ranges: bool = True

    def __call__(self, connection: socket.socket) -> bool:
        """Sends it all."""
        connection.sendall(b"".join(self._asked_for()))
        return True

    def broken(self, after: int, how: Answer = reset, *, pieces: int = 0, every: float = 0.0) -> Answer:
        """Sends so many bytes of what is asked for, if need be a few at a time, and then does something else."""

        def write(connection: socket.socket) -> bool:
            head, body = self._asked_for()
            connection.sendall(head)
            for start in range(0, after, pieces or after):
                connection.sendall(body[start : min(start + (pieces or after), after)])
                if every and self.server.stopping.wait(every):
                    return False
            return how(connection)

        return write

    def dripping(self, pieces: int, every: float) -> Answer:
        """Sends it all, a few bytes at a time."""
        return self.broken(len(self.content), close, pieces=pieces, every=every)

    def _asked_for(self) -> tuple[bytes, bytes]:
        asked = self.server.requests[-1].headers
        stated = re.fullmatch(r"bytes=(\d+)-", asked.get("range", ""))
        size, first = len(self.content), int(stated[1]) if stated else 0
        same = asked.get("if-range") in {self.headers.get("etag"), self.headers.get("last-modified")}
        if stated is None or not (self.does_ranges and same):
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
    """A finished video whose files lie on this server, or at this address, behind a signature."""
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
    return client._call(
        lambda blocking: blocking.download(video, path, on_progress=on_progress, **arguments),
        lambda awaited: awaited.download(video, path, on_progress=on_progress, **arguments),
    )


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())
