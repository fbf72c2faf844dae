"""The canned server: `python -m benchmarks.server --delay SECONDS --looks N`, a process of its own.

It answers every `GET` for a task with the document's example, as cheaply as asyncio can, so that what
is measured is the client. It says its port on stdout, and ends when its stdin does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Final

EXAMPLE: Final[dict[str, object]] = {
    "id": "a1b2c3d4-e5f6-7890-ab12-cd34ef567890",
    "status": "succeeded",
    "model": "byteplus-video-gen-v2",
    "error": None,
    "created_at": 1685600000,
    "updated_at": 1685603600,
    "content": {
        "video_url": "https://cdn.byteplus.com/videos/generated/abc123def456.mp4",
        "last_frame_url": "https://cdn.byteplus.com/videos/generated/abc123def456_last_frame.jpg",
    },
    "seed": 987654321,
    "resolution": "1920x1080",
    "ratio": "16:9",
    "duration": 30,
    "frames": 900,
    "framespersecond": 30,
    "generate_audio": True,
    "safety_identifier": "safe_content_001",
    "priority": 5,
    "draft": False,
    "draft_task_id": None,
    "service_tier": "premium",
    "execution_expires_after": 3600,
    "usage": {"completion_tokens": 1500, "total_tokens": 3000},
}
"""The published example of an answer."""

USED: Final = "/used"
"""Answers with the requests so far and the seconds of CPU that this process has used."""


class Canned:
    """The answers, made once; only the id is put in."""

    def __init__(self, looks: int) -> None:
        self.requests = 0
        self._looks = looks
        self._seen: dict[bytes, int] = {}
        self._over = _around_id(EXAMPLE)
        self._running = _around_id({**EXAMPLE, "status": "running", "content": None, "usage": None})

    def answer(self, path: bytes) -> bytes:
        """The whole answer to one request."""
        if path == USED.encode():
            return b"".join(_answer(json.dumps([self.requests, time.process_time()]).encode()))
        self.requests += 1
        task_id = path.rpartition(b"/")[2]
        (head, length), tail = self._over if self._is_over(task_id) else self._running
        return b"%b%d\r\n\r\n%b%b%b" % (head, length + len(task_id), b'{"id":"', task_id, tail)

    def _is_over(self, task_id: bytes) -> bool:
        if self._looks == 1:
            return True
        seen = self._seen.pop(task_id, 0) + 1
        if seen < self._looks:
            self._seen[task_id] = seen
        return seen == self._looks


def _around_id(task: dict[str, object]) -> tuple[tuple[bytes, int], bytes]:
    start, tail = json.dumps({**task, "id": ""}, separators=(",", ":")).encode().split(b'{"id":"')
    head, _, _ = b"".join(_answer(b"")).rpartition(b"0\r\n\r\n")
    return (head, len(start) + len(tail) + len(b'{"id":"')), tail


def _answer(body: bytes) -> tuple[bytes, bytes]:
    # A real server says what time it is, too.
    head = f"HTTP/1.1 200 OK\r\ndate: {formatdate(usegmt=True)}\r\ncontent-type: application/json\r\ncontent-length: "
    return head.encode() + b"%d\r\n\r\n" % len(body), body


class Connection(asyncio.Protocol):
    """One connection; requests that come together are answered in turn."""

    def __init__(self, canned: Canned, delay: float) -> None:
        self._canned = canned
        self._delay = delay
        self._begun = b""
        self._later: Callable[..., object] = asyncio.get_running_loop().call_later

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio's protocol."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a TCP server's always is
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Part of asyncio's protocol."""
        *requests, self._begun = (self._begun + data).split(b"\r\n\r\n")
        for request in requests:
            answer = self._canned.answer(request.split(b" ", 2)[1])
            if self._delay:
                self._later(self._delay, self._transport.write, answer)
            else:
                self._transport.write(answer)


async def serve(delay: float, looks: int) -> None:
    """Serves until stdin ends."""
    loop = asyncio.get_running_loop()
    canned = Canned(looks)
    server = await loop.create_server(lambda: Connection(canned, delay), "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    # Whoever started this process holds the other end: it ends with them, however they end.
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()


def main() -> None:
    """The server as a command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds that each answer takes")
    parser.add_argument("--looks", type=int, default=1, help="the look at a task that shows its end")
    told = parser.parse_args()
    asyncio.run(serve(told.delay, told.looks))


if __name__ == "__main__":
    main()
