"""A proxy in front of a sandbox: it breaks responses at random, by a seed, and kills and restarts the sandbox.

`nox -s soak` runs it in a process of its own, so that the figures of the client's process are the client's alone.
"""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import os
import random
import re
import signal
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, Literal

from meshapi_video._http_libraries import httpx
from meshapi_video_sandbox import running_sandbox
from support.server import http

PROCESSES: Final = multiprocessing.get_context("forkserver")
"""Starts processes without the time for their imports."""
PROCESSES.set_forkserver_preload(["__main__", "tools.chaos", "meshapi_video_sandbox._run"])
POLL_PATH: Final = "/v1/video/generations/"
LONGEST_DOWNTIME: Final = 600.0
"""Seconds of virtual time between the end of a sandbox and the start of the next."""
CLOCK_INTERVAL: Final = 0.02
"""Seconds of real time after which the sandbox's clock is set again."""
LONGEST_RETRY_AFTER: Final = 90
"""The longest `Retry-After`, in seconds of virtual time."""
NOT_JSON: Final = b"<html><title>Something is wrong</title></html>"


@dataclass(frozen=True)
class VirtualClock:
    """Seconds since 1970, `speed` times as fast as real time. The same in every process of the machine."""

    speed: float
    started: float = field(default_factory=time.time)
    _monotonic: float = field(default_factory=time.monotonic)

    def __call__(self) -> float:
        """The time."""
        return self.started + self.elapsed

    @property
    def elapsed(self) -> float:
        """Virtual seconds since the start."""
        return (time.monotonic() - self._monotonic) * self.speed


@dataclass(frozen=True)
class Poll:
    """A poll, and the sandbox's response to it."""

    rand: random.Random
    head: bytes
    body: bytes

    def task(self, **fields: object) -> bytes:
        """The sandbox's response with other fields, if it is a task; otherwise as it is."""
        if not self.head.startswith(b"HTTP/1.1 200 "):
            return self.head + self.body
        return http(200, json.dumps(json.loads(self.body) | fields).encode())


Step = bytes | float | Literal["close", "reset"]
"""Bytes to send, seconds to wait, or how the connection ends."""
Fault = Callable[[Poll], Sequence[Step]]


def _rate_limit(poll: Poll) -> list[Step]:
    seconds = poll.rand.choice(["0", "1", "20", f"{LONGEST_RETRY_AFTER}"])
    return [http(429, b'{"error": {"message": "slow down"}}', retry_after=seconds)]


def _drip(poll: Poll) -> list[Step]:
    raw = poll.head + poll.body
    parts = [raw[start : start + 200] for start in range(0, len(raw), 200)]
    return [step for part in parts for step in (part, 0.002)]


def _extra(poll: Poll) -> bytes:
    """A response that nothing asked for."""
    unknown = http(404, b'{"error": {"message": "No such video task"}}')
    return poll.rand.choice([unknown, poll.head + poll.body, http(204), b"\r\n\r\n", b"HTTP/1.1 "])


FAULTS: Final[dict[str, Fault]] = {
    "reset": lambda _: ["reset"],
    "reset in the body": lambda poll: [poll.head + poll.body[:40], "reset"],
    "closed": lambda _: ["close"],
    "closed in the head": lambda poll: [poll.head[:30], "close"],
    "closed in the body": lambda poll: [poll.head + poll.body[:40], "close"],
    "closed after the response": lambda poll: [poll.head + poll.body, "close"],
    "closed a moment later": lambda poll: [poll.head + poll.body, poll.rand.uniform(0, 0.01), "close"],
    "half a body": lambda poll: [http(200, poll.body[: len(poll.body) // 2])],
    "empty body": lambda _: [http(200)],
    "HTML page": lambda _: [http(200, NOT_JSON, content_type="text/html")],
    "not HTTP": lambda _: [b"SSH-2.0-OpenSSH\r\n\r\n", "close"],
    "5xx": lambda poll: [http(poll.rand.choice([500, 502, 503, 504, 522]), NOT_JSON, content_type="text/html")],
    "408 or 425": lambda poll: [http(poll.rand.choice([408, 425]))],
    "429": _rate_limit,
    "503 with Retry-After": lambda _: [http(503, retry_after="45")],
    "slow": lambda poll: [poll.rand.uniform(0.01, 0.3), poll.head + poll.body],
    "byte by byte": _drip,
    "timeout": lambda _: [10.0, "close"],
    "an older status": lambda poll: [poll.task(status="queued", content=None, error=None)],
    "an unknown status": lambda poll: [poll.task(status="paused", content=None, error=None)],
    "another task": lambda poll: [poll.task(id="task-of-another-request")],
    "an extra response": lambda poll: [poll.head + poll.body + _extra(poll)],
    # Not a 404: a request that is sent in between cannot tell such a response from its own.
    "an extra response later": lambda poll: [poll.head + poll.body, poll.rand.uniform(0, 0.005), poll.head + poll.body],
}
"""Faults after which the wait for the task continues."""
PERMANENT: Final[dict[str, tuple[str, Fault]]] = {
    "404": ("NotFoundError", lambda _: [http(404, b'{"error": {"message": "No such video task"}}')]),
    "401": ("AuthenticationError", lambda _: [http(401)]),
    "a broken contract": ("InvalidResponse", lambda poll: [poll.task(status=5)]),
}
"""Faults that end the wait for the task, each with the error."""
# The rates are parts of all polls.
_FAULT_RATE: Final = 0.15
_PERMANENT_RATE: Final = 0.002
_RARE: Final = {"timeout": 0.05}
"""The weight of a fault that holds a request for long; the others have the weight 1."""


@dataclass(frozen=True)
class ChaosSettings:
    """The settings of a run."""

    seed: int
    speed: float
    """Virtual seconds in a second of real time."""
    db: Path
    faults: frozenset[str]
    """The names of the faults to inject, of `FAULTS` and `PERMANENT`."""
    uptime: float
    """The mean of the seconds of virtual time between two restarts."""


@dataclass
class ChaosReport:
    """The faults that were injected."""

    faults: Counter[str] = field(default_factory=Counter[str])
    """The number of polls with each fault; without the polls while the sandbox was down."""
    polls: int = 0
    polls_while_down: int = 0
    kills: int = 0
    stops: int = 0
    permanent: dict[str, str] = field(default_factory=dict[str, str])
    """The error that ends the wait, for each task with a permanent fault."""
    problems: list[str] = field(default_factory=list[str])
    """Errors that the sandbox printed, and other failures of it."""


def run_chaos(settings: ChaosSettings, pipe: Connection) -> None:
    """Runs until `pipe` has a message.

    Sends the proxy's URL and the clock when the sandbox is ready, and a `ChaosReport` at the end.
    """
    # Ctrl-C ends the main process, and the end of its pipe ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # asyncio warns when a client has closed a connection before the end of a slow response.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    with suppress(EOFError):
        asyncio.run(_Chaos(settings).run(pipe))


def _run_sandbox(db: Path, pipe: Connection) -> None:
    """Runs a sandbox until ctrl-C. Sends its URL."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with suppress(KeyboardInterrupt), running_sandbox(db=db) as sandbox:
        pipe.send(sandbox.base_url)
        threading.Event().wait()


class _Chaos:
    def __init__(self, settings: ChaosSettings) -> None:
        self._settings = settings
        self._clock = VirtualClock(settings.speed)
        self._report = ChaosReport()
        self._polls = Counter[str]()
        self._sandbox: tuple[str, int] | None = None
        """The sandbox's address; None while it is down."""
        self._is_up = threading.Event()
        self._stopping = threading.Event()
        self._connections = set[object]()
        """The tasks of the connections: an event loop itself holds only weak references to its tasks."""
        self._kinds = sorted(settings.faults & FAULTS.keys())
        self._permanent_kinds = sorted(settings.faults & PERMANENT.keys())

    async def run(self, pipe: Connection) -> None:
        restarts = asyncio.create_task(asyncio.to_thread(self._restart_often))
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        async with server:
            try:
                await asyncio.to_thread(self._is_up.wait)
                host, port = server.sockets[0].getsockname()
                pipe.send((f"http://{host}:{port}", self._clock))
                await asyncio.to_thread(pipe.recv)
            finally:
                self._stopping.set()
                await restarts
            pipe.send(self._report)
            server.close()

    # The sandbox.

    def _restart_often(self) -> None:
        rand = random.Random(self._settings.seed)  # noqa: S311 - not for a secret
        try:
            while not self._stopping.is_set():
                self._run_sandbox(rand)
                self._sleep(rand.uniform(0, LONGEST_DOWNTIME))
        except BaseException as error:
            self._report.problems.append(f"the sandbox did not start, or its control API failed: {error!r}")
            raise
        finally:
            self._is_up.set()

    def _sleep(self, seconds: float) -> None:
        """Sleeps so many seconds of virtual time."""
        self._stopping.wait(seconds / self._settings.speed)

    def _run_sandbox(self, rand: random.Random) -> None:
        """Runs the sandbox once."""
        uptime, kill = rand.expovariate(1 / self._settings.uptime), rand.random() < 0.7
        ours, theirs = PROCESSES.Pipe()
        process = PROCESSES.Process(target=_run_sandbox, args=(self._settings.db, theirs))
        process.start()
        theirs.close()
        try:
            base_url: str = ours.recv()
            with control_client(base_url) as http_client:
                if not self._is_up.is_set():
                    # The time of the imports is not a part of the run.
                    self._clock = VirtualClock(self._settings.speed)
                ends_at = self._clock() + uptime
                while self._clock() < ends_at and not self._stopping.is_set():
                    http_client.post("/_sandbox/clock", json={"now": self._clock()}).raise_for_status()
                    if self._sandbox is None:
                        host, port = base_url.removeprefix("http://").split(":")
                        self._sandbox = host, int(port)
                        self._is_up.set()
                    self._stopping.wait(CLOCK_INTERVAL)
        finally:
            if kill:
                process.kill()
            else:
                os.kill(process.pid or 0, signal.SIGINT)
            process.join(30)
            self._sandbox = None
            ours.close()
        if process.exitcode != (-signal.SIGKILL if kill else 0):
            self._report.problems.append(f"the sandbox exited with {process.exitcode}")
        if not self._stopping.is_set():
            self._report.kills += kill
            self._report.stops += not kill

    # The proxy.

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Passes the requests of one connection on, and sends the responses, broken or not."""
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._connections.add(task := asyncio.current_task())
        try:
            while True:
                head, body = await _read_message(reader)
                method, target = head.decode("latin-1").split(" ", 2)[:2]
                task_id = target.removeprefix(POLL_PATH) if target.startswith(POLL_PATH) else ""
                self._report.polls += bool(task_id)
                try:
                    if upstream is None:
                        upstream = await asyncio.open_connection(*self._address())
                    upstream[1].write(self._for_sandbox(head) + body)
                    response = await _read_message(upstream[0])
                except (OSError, asyncio.IncompleteReadError):
                    # The same as nginx does: a page, or nothing.
                    if task_id and random.random() < 0.5:  # noqa: S311 - not for a secret
                        writer.write(http(502, NOT_JSON, content_type="text/html", connection="close"))
                    self._report.polls_while_down += bool(task_id)
                    return
                steps = self._steps(task_id, *response) if task_id and method == "GET" else [b"".join(response)]
                if await self._send(writer, steps):
                    return
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # The client has closed the connection, or the run has ended.
        finally:
            self._connections.discard(task)
            for each in (writer, *([] if upstream is None else [upstream[1]])):
                each.close()

    def _address(self) -> tuple[str, int]:
        if self._sandbox is None:
            raise ConnectionRefusedError
        return self._sandbox

    def _for_sandbox(self, head: bytes) -> bytes:
        host = "{}:{}".format(*self._address()).encode()
        return re.sub(rb"(?i)\r\nhost: [^\r]*", b"\r\nhost: " + host, head)

    def _steps(self, task_id: str, head: bytes, body: bytes) -> Sequence[Step]:
        """The response to send. It depends on the seed, the task and the number of the poll, and not on the load."""
        self._polls[task_id] += 1
        seed = f"{self._settings.seed} {task_id} {self._polls[task_id]}"
        poll = Poll(random.Random(seed), head, body)  # noqa: S311 - not for a secret
        chosen = poll.rand.random()
        if self._permanent_kinds and chosen < _PERMANENT_RATE and head.startswith(b"HTTP/1.1 200 "):
            kind = poll.rand.choice(self._permanent_kinds)
            error, fault = PERMANENT[kind]
            self._report.permanent[task_id] = error
        elif self._kinds and chosen < _FAULT_RATE:
            (kind,) = poll.rand.choices(self._kinds, [_RARE.get(kind, 1.0) for kind in self._kinds])
            fault = FAULTS[kind]
        else:
            return [head + body]
        self._report.faults[kind] += 1
        return fault(poll)

    async def _send(self, writer: asyncio.StreamWriter, steps: Sequence[Step]) -> bool:
        """Sends a response. Returns whether the connection has ended."""
        for step in steps:
            if isinstance(step, float):
                await asyncio.sleep(step)
            elif isinstance(step, bytes):
                writer.write(step)
            else:
                if step == "reset":
                    # A socket with a linger time of 0 is closed with a reset.
                    linger = struct.pack("ii", 1, 0)
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    await writer.drain()
                    writer.transport.abort()
                return True
        return False


def control_client(base_url: str) -> httpx.Client:
    """A client for the control API, with few connections and without a proxy of the environment."""
    return httpx.Client(base_url=base_url, timeout=30, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


async def _read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The head and the body of a request or a response."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    return head, await reader.readexactly(int(length[1])) if length else b""
