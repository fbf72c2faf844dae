"""The server: `python -m benchmarks.server --delay SECONDS --polls N`, in its own process.

It sends the document's example for every `GET` of a task, a video of OpenAI's API for every path with
`/videos/`, and an id for every `POST`, with as little work as asyncio allows, so that the benchmarks measure
the client. It prints its port on stdout and ends when its stdin ends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
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
"""The document's example of a response."""

OPENAI_EXAMPLE: Final[dict[str, object]] = {
    "id": "video_123",
    "object": "video",
    "created_at": 1685600000,
    "completed_at": 1685603600,
    "expires_at": 1685690000,
    "error": None,
    "model": "sora-2",
    "progress": 100,
    "prompt": "a lake at sunrise, seen from above",
    "remixed_from_video_id": None,
    "seconds": "8",
    "size": "1280x720",
    "status": "completed",
}
"""A response that the model of the openai package accepts: it is another API's."""

USAGE: Final = "/usage"
"""The path whose response is the number of requests so far and the seconds of CPU that this process has used."""


class CannedResponses:
    """The responses, encoded in advance. Only the id is inserted."""

    def __init__(self, polls: int) -> None:
        self.requests = 0
        self._polls = polls
        self._polls_by_id: dict[bytes, int] = {}
        self._succeeded = _split_at_id(EXAMPLE)
        self._running = _split_at_id({**EXAMPLE, "status": "running", "content": None, "usage": None})
        self._openai_completed = _split_at_id(OPENAI_EXAMPLE)
        self._openai_in_progress = _split_at_id({**OPENAI_EXAMPLE, "status": "in_progress", "completed_at": None})
        self._created = b"".join(_response(json.dumps({"id": EXAMPLE["id"]}).encode()))

    def response_to(self, path: bytes) -> bytes:
        """The complete response to one request."""
        if path == USAGE.encode():
            return b"".join(_response(json.dumps([self.requests, time.process_time()]).encode()))
        self.requests += 1
        start, _, task_id = path.rpartition(b"/")
        if start.endswith(b"/videos"):
            response = self._openai_completed if self._is_last_poll(task_id) else self._openai_in_progress
        else:
            response = self._succeeded if self._is_last_poll(task_id) else self._running
        (head, length), tail = response
        return b"%b%d\r\n\r\n%b%b%b" % (head, length + len(task_id), b'{"id":"', task_id, tail)

    def response_to_post(self) -> bytes:
        """The complete response to a request that creates a task."""
        self.requests += 1
        return self._created

    def _is_last_poll(self, task_id: bytes) -> bool:
        if self._polls == 1:
            return True
        polls = self._polls_by_id.pop(task_id, 0) + 1
        if polls < self._polls:
            self._polls_by_id[task_id] = polls
        return polls == self._polls


def _split_at_id(task: dict[str, object]) -> tuple[tuple[bytes, int], bytes]:
    start, tail = json.dumps({**task, "id": ""}, separators=(",", ":")).encode().split(b'{"id":"')
    head, _, _ = b"".join(_response(b"")).rpartition(b"0\r\n\r\n")
    return (head, len(start) + len(tail) + len(b'{"id":"')), tail


def _response(body: bytes) -> tuple[bytes, bytes]:
    # A real server sends the date, too.
    head = f"HTTP/1.1 200 OK\r\ndate: {formatdate(usegmt=True)}\r\ncontent-type: application/json\r\ncontent-length: "
    return head.encode() + b"%d\r\n\r\n" % len(body), body


def _content_length(request: bytes) -> int:
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", request)
    return int(found[1]) if found else 0


class Connection(asyncio.Protocol):
    """One connection. Pipelined requests get their responses in order."""

    def __init__(self, responses: CannedResponses, delay: float) -> None:
        self._responses = responses
        self._delay = delay
        self._incomplete = b""
        self._body_left = 0
        """The bytes of a request's body that have not arrived."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio's protocol."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a TCP server has no other kind
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Part of asyncio's protocol."""
        if self._body_left:
            data = self._skip_body(data)
        *requests, self._incomplete = (self._incomplete + data).split(b"\r\n\r\n")
        for request in requests:
            if request.startswith(b"POST"):
                # No client sends another request before the response, and no JSON has an empty line.
                self._body_left = _content_length(request)
                self._incomplete = self._skip_body(self._incomplete)
            else:
                self._send(self._responses.response_to(request.split(b" ", 2)[1]))

    def _skip_body(self, data: bytes) -> bytes:
        """What follows after the rest of the body. Responds when the body has ended."""
        left = self._body_left
        self._body_left = max(left - len(data), 0)
        if not self._body_left:
            self._send(self._responses.response_to_post())
        return data[left:]

    def _send(self, response: bytes) -> None:
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._transport.write, response)
        else:
            self._transport.write(response)


async def serve(delay: float, polls: int) -> None:
    """Serves until stdin ends."""
    loop = asyncio.get_running_loop()
    responses = CannedResponses(polls)
    server = await loop.create_server(lambda: Connection(responses, delay), "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    # The parent holds the other end of stdin, so that this process never lives longer than its parent.
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()


def main() -> None:
    """The server as a command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds until each response")
    parser.add_argument("--polls", type=int, default=1, help="the poll of a task that finds the task succeeded")
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.delay, arguments.polls))


if __name__ == "__main__":
    main()
