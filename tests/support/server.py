"""A real HTTP/1.1 server that sends scripted responses, also faulty ones, byte by byte."""

from __future__ import annotations

import json
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

if sys.platform == "linux":
    import fcntl
    import termios

Response = Callable[[socket.socket], bool]
"""Writes a response. Returns whether the connection stays open."""

TASK_ID = "task-1"


@dataclass
class Request:
    method: str
    target: str
    # They contain the key, and a traceback with local variables shows the server.
    headers: dict[str, str] = field(repr=False)
    body: bytes = b""


@dataclass
class Server:
    """Sends the n-th response to the n-th request, and the last response to all further requests."""

    base_url: str = ""
    responses: list[Response] = field(default_factory=list[Response])
    requests: list[Request] = field(default_factory=list[Request])
    stopping: threading.Event = field(default_factory=threading.Event)
    open: Callable[[], None] = field(default=lambda: None)
    """Starts a server that was down."""
    max_in_flight: int = 0
    in_flight: int = 0
    open_connections: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def script(self, *responses: Response) -> None:
        self.responses = list(responses)

    def handle(self, connection: socket.socket) -> None:
        while request := _read_request(connection):
            with self._lock:
                self.requests.append(request)
                response = self.responses[min(len(self.requests), len(self.responses)) - 1]
                self.in_flight += 1
                self.max_in_flight = max(self.max_in_flight, self.in_flight)
            try:
                stays_open = response(connection)
            finally:
                with self._lock:
                    self.in_flight -= 1
            if not stays_open:
                return

    @contextmanager
    def counting_connection(self) -> Generator[None]:
        """Counts one more open connection."""
        with self._lock:
            self.open_connections += 1
        try:
            yield
        finally:
            with self._lock:
                self.open_connections -= 1

    # Responses.

    def stall(self, sent: bytes = b"") -> Response:
        """Sends `sent` and then nothing, until the test has ended."""

        def write(connection: socket.socket) -> bool:
            connection.sendall(sent)
            self.stopping.wait()
            return False

        return write

    def drip(self, content: bytes, every: float = 0.02) -> Response:
        """Sends one byte at a time."""

        def write(connection: socket.socket) -> bool:
            for byte in content:
                connection.sendall(bytes([byte]))
                if self.stopping.wait(every):
                    break
            return False

        return write

    def slow(self, response: Response, seconds: float) -> Response:
        """Sends the response after so many seconds."""

        def write(connection: socket.socket) -> bool:
            self.stopping.wait(seconds)
            return response(connection)

        return write


def task_json(status: str = "running", task_id: str = TASK_ID, **fields: object) -> dict[str, object]:
    return {"id": task_id, "status": status, **fields}


def http(status: int, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def raw(content: bytes, *, stays_open: bool = False) -> Response:
    def write(connection: socket.socket) -> bool:
        connection.sendall(content)
        return stays_open

    return write


def response(status: int, body: object = None, **headers: str) -> Response:
    """A response with a JSON body, or with a body of plain bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return raw(http(status, content, **{"content_type": "application/json", **headers}), stays_open=True)


def task(status: str = "running", task_id: str = TASK_ID, **fields: object) -> Response:
    return response(200, task_json(status, task_id, **fields))


def finished(task_id: str = TASK_ID, url: str = "https://cdn.example/v.mp4") -> Response:
    return task("succeeded", task_id, content={"video_url": url, "last_frame_url": None})


def reset(connection: socket.socket) -> bool:
    """Ends the connection with a TCP reset, as soon as the client's system has received all that was sent."""
    # A reset discards the rest. The client may read slowly.
    deadline = time.monotonic() + 5
    while _unreceived(connection) and time.monotonic() < deadline:
        time.sleep(0.001)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # Here, because socketserver would shut the connection down first.
    connection.close()
    return False


def _unreceived(connection: socket.socket) -> int:
    """The number of bytes that were sent and not yet received, where the system tells it."""
    if sys.platform != "linux":
        return 0
    return int.from_bytes(fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)), sys.byteorder)


def close(_connection: socket.socket) -> bool:
    """Closes the connection without a response."""
    return False


def reset_after(content: bytes) -> Response:
    """Sends `content`, and then resets the connection."""

    def write(connection: socket.socket) -> bool:
        connection.sendall(content)
        return reset(connection)

    return write


def endless(beginning: bytes, part: bytes) -> Response:
    """Sends `part` again and again, until the client closes the connection."""

    def write(connection: socket.socket) -> bool:
        connection.sendall(beginning)
        while True:
            connection.sendall(part)

    return write


@contextmanager
def serving(tls: ssl.SSLContext | None = None, *, down: bool = False) -> Generator[Server]:
    """A server on a free port of this machine. With `down`, it refuses connections until `open` is called."""
    server = Server()

    class Handler(socketserver.BaseRequestHandler):
        request: socket.socket

        def handle(self) -> None:
            # The client may close a connection at any time.
            with server.counting_connection(), suppress(ConnectionError, ssl.SSLError):
                if tls is None:
                    server.handle(self.request)
                else:
                    with tls.wrap_socket(self.request, server_side=True) as connection:
                        server.handle(connection)

    class Tcp(socketserver.ThreadingTCPServer):
        request_queue_size = 512
        daemon_threads = True

    with Tcp(("127.0.0.1", 0), Handler, bind_and_activate=False) as tcp:
        # From here on the port is in use, and connections are refused.
        tcp.server_bind()
        server.base_url = f"{'https' if tls else 'http'}://127.0.0.1:{tcp.server_address[1]}"
        thread = threading.Thread(target=tcp.serve_forever, args=(0.002,), daemon=True)

        def open_up() -> None:
            tcp.server_activate()
            thread.start()

        server.open = open_up
        if not down:
            server.open()
        try:
            yield server
        finally:
            server.stopping.set()
            if thread.is_alive():
                tcp.shutdown()
                thread.join()


def until_requested(server: Server) -> Iterator[float]:
    """Longer and longer times in seconds, until a request has arrived within one of them."""
    for seconds in (0.05, 1.0, 20.0):
        yield seconds
        if server.requests:
            return
    raise AssertionError("no request arrived")


def _read_request(connection: socket.socket) -> Request | None:
    """The next request, with its body; None if the client has closed the connection."""
    received, end = b"", -1
    while end < 0:
        part = connection.recv(65536)
        if not part:
            return None
        received += part
        end = received.find(b"\r\n\r\n")
    request = _parse(received[:end])
    body = [received[end + 4 :]]
    left = int(request.headers.get("content-length", "0")) - len(body[0])
    while left > 0 and (part := connection.recv(65536)):
        body.append(part)
        left -= len(part)
    request.body = b"".join(body)
    return request


def _parse(head: bytes) -> Request:
    first, *lines = head.decode().rstrip().split("\r\n")
    method, target, _version = first.split(" ")
    return Request(method, target, {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)})
