"""Everything that can go wrong on the wire, one line each, with what the caller sees of it."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import trustme

from support.clients import Caller
from support.server import (
    Answer,
    Server,
    answer,
    close,
    endless,
    finished,
    http,
    raw,
    reset,
    reset_after,
    serving,
)

WAIT = 120.0
"""Seconds that a wait may take, in virtual time."""
EVERY = 20.0
"""Seconds between two looks."""
IMPATIENT = 0.15
"""Seconds of real time after which what stalls is given up."""

BODY = b'{"id": "task-1", "status": "running"}'
TASK = http(200, BODY)
NO_GZIP = http(200, BODY, content_encoding="gzip")
HEAD = TASK.removesuffix(BODY)
MORE = HEAD.replace(b"content-length: 37", b"content-length: 99")
"""The head of an answer that promises more than BODY."""
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
PAGE = b"<html><title>Something is wrong</title></html>"
MIB = 1024**2
TEN_MB = b" " * (10 * MIB)


@dataclass
class Stage:
    """Where a fault is played."""

    caller: Caller
    server: Server
    other: Server
    patch: pytest.MonkeyPatch
    stack: ExitStack

    def move_to(self, server: Server) -> None:
        self.server = server
        self.caller.base_url = server.base_url

    def at_half_time(self, happen: Callable[[], None]) -> None:
        clock, begun = self.caller.clock, self.caller.clock.now

        def meanwhile() -> None:
            if clock.now == begun + WAIT / 2:
                happen()

        clock.meanwhile.append(meanwhile)


Play = Callable[[Stage], Answer]
"""Sets the stage, and returns the faulty answer."""


def gives(answer: Answer) -> Play:
    return lambda _stage: answer


def stalls(sent: bytes = b"") -> Play:
    return lambda stage: stage.server.stall(sent)


def drips(content: bytes) -> Play:
    return lambda stage: stage.server.drip(content)


def chunked(content: bytes) -> bytes:
    return CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content)


def bomb(mebibytes: int = 300) -> bytes:
    """So many of blanks, in a thousandth of the space."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    block = packer.compress(b" " * MIB) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + block * mebibytes


def redirects(status: int) -> Play:
    """To another host: the same machine by another name, and another port."""

    def play(stage: Stage) -> Answer:
        stage.other.script(finished())
        elsewhere = stage.other.base_url.replace("127.0.0.1", "localhost")
        return answer(status, b"", location=f"{elsewhere}/v1/video/generations/task-1")

    return play


def hangs_up_after(content: bytes) -> Play:
    """Promises to keep the connection, and closes it before the next look."""

    def play(stage: Stage) -> Answer:
        # Otherwise the next look, which in virtual time comes at once, could be there first.
        hung_up = threading.Semaphore(0)
        stage.caller.clock.meanwhile.append(lambda: len(stage.server.requests) == 1 or hung_up.acquire(timeout=5))

        def write(connection: socket.socket) -> bool:
            connection.sendall(content)
            connection.shutdown(socket.SHUT_RDWR)
            hung_up.release()
            return False

        return write

    return play


def has_no_name(stage: Stage) -> Answer:
    """Its name is not found for the first half of the wait."""
    # No resolver is asked, which might take its time over a name that is none, or make something up.
    found, known = threading.Event(), socket.getaddrinfo
    stage.at_half_time(found.set)

    # The standard library's own signature.
    def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        named = host in {"mesh.example", b"mesh.example"}
        if named and not found.is_set():
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return known("127.0.0.1" if named else host, *args, **kwargs)

    stage.patch.setattr(socket, "getaddrinfo", lookup)
    stage.caller.base_url = stage.server.base_url.replace("127.0.0.1", "mesh.example")
    return finished()


def is_down(stage: Stage) -> Answer:
    """Nobody listens for the first half of the wait."""
    server = stage.stack.enter_context(serving(down=True))
    stage.move_to(server)
    stage.at_half_time(server.open)
    return finished()


def has_expired(stage: Stage) -> Answer:
    """Its certificate was good until yesterday."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    # trustme leaves out the type of a context that is OpenSSL's.
    authority.issue_cert("127.0.0.1", not_after=yesterday).configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    trusted = stage.stack.enter_context(authority.cert_pem.tempfile())
    stage.patch.setenv("SSL_CERT_FILE", trusted)
    stage.move_to(stage.stack.enter_context(serving(context)))
    return finished()


@dataclass(frozen=True)
class Fault:
    name: str
    play: Play
    seen: str
    """What a wait makes of it, and what one look raises."""
    says: str = ""
    """A pattern for what one look raises."""
    looks: int = 4
    """Of a wait in which it happens twice, after one answer and before the last."""
    impatient: bool = False
    """Whether it happens once only, and the client gives up soon; a busy machine may make it miss more looks."""
    over_aiohttp: str = ""
    """What it is seen as there, if that is another kind of miss."""


def miss(name: str, play: Play, error: str, says: str = "", *, looks: int = 4, over_aiohttp: str = "") -> Fault:
    return Fault(name, play, f"a miss: {error}", says, looks, over_aiohttp=over_aiohttp and f"a miss: {over_aiohttp}")


def stalled(name: str, play: Play) -> Fault:
    return Fault(
        name, play, f"a miss: {LOST}", rf"no whole answer from .* within {IMPATIENT} s", looks=3, impatient=True
    )


def refusal(name: str, play: Play, error: str, says: str = "") -> Fault:
    return Fault(name, play, f"the end: {error}", says, looks=2)


LOST, BAD, LARGE = "ConnectionFailed", "InvalidResponse", "larger than 4 MiB, which no task is; it was not read"
ELSEWHERE = "a redirect to http://localhost, which is not followed"

FAULTS = (
    miss("408", gives(answer(408)), "APIError 408"),
    miss("425", gives(answer(425)), "APIError 425"),
    miss("429", gives(answer(429)), "RateLimitedError 429"),
    *(miss(f"{n}", gives(answer(n, {"error": "x"})), f"UpstreamError {n}") for n in (500, 501, 502, 503, 504)),
    *(miss(f"{n}, a page", gives(answer(n, PAGE)), f"UpstreamError {n}") for n in (502, 520, 521, 522, 523, 524, 599)),
    miss("a page", gives(answer(200, PAGE, content_type="text/html")), BAD),
    miss("nothing at all", gives(answer(200, b"")), BAD),
    miss("truncated JSON", gives(answer(200, BODY[:-5])), BAD),
    miss("no HTTP", gives(raw(b"SSH-2.0-OpenSSH\r\n\r\n")), LOST),
    miss("closed without an answer", gives(close), LOST),
    miss("reset without an answer", gives(reset), LOST),
    miss("reset in the head", gives(reset_after(HEAD[:-9])), LOST),
    miss("reset in the body", gives(reset_after(TASK[:-5])), LOST),
    miss("closed after the head", gives(raw(HEAD)), LOST),
    stalled("no answer, connection open", stalls()),
    stalled("head only, connection open", stalls(HEAD)),
    stalled("half a body, connection open", stalls(TASK[:-5])),
    stalled("head, byte by byte", drips(TASK)),
    stalled("body, byte by byte", drips(HEAD.replace(b"37", b"9999") + b" " * 9999)),
    miss("content-length too long, closed", gives(raw(MORE + BODY)), LOST),
    stalled("content-length too long, open", stalls(MORE + BODY)),
    miss(
        "content-length too short",
        gives(raw(HEAD.replace(b"37", b"30") + BODY, stays_open=True)),
        BAD,
        # It has read on, to what cannot be another answer.
        over_aiohttp=LOST,
    ),
    miss("content-length is no number", gives(raw(HEAD.replace(b"37", b"-1") + BODY)), LOST),
    miss("two content-lengths", gives(raw(MORE[:-2] + b"content-length: 37\r\n\r\n" + BODY)), LOST),
    miss("chunks of garbage", gives(raw(CHUNKED + b"zz\r\n" + BODY)), LOST),
    miss("chunks that end early", gives(raw(chunked(BODY)[:-5])), LOST),
    miss("10 MB", gives(raw(http(200, TEN_MB))), BAD, LARGE),
    miss("10 MB in chunks", gives(raw(chunked(TEN_MB))), BAD, LARGE),
    miss("a body without end", gives(endless(CHUNKED, b"10000\r\n%s\r\n" % (b" " * 0x10000))), BAD, LARGE),
    miss("a head without end", gives(endless(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n" * 9999)), LOST),
    miss("a gzip bomb", gives(raw(http(200, bomb(), content_encoding="gzip"))), BAD, LARGE),
    miss(
        "a gzip bomb in a gzip", gives(raw(http(200, bomb(), content_encoding="gzip, gzip"))), BAD, "nobody asked for"
    ),
    miss(
        "gzip that is none",
        gives(raw(NO_GZIP, stays_open=True)),
        BAD,
        "cannot be unpacked",
    ),
    Fault("keep-alive, closed between looks", hangs_up_after(TASK), "no miss"),
    miss("redirect 302 to another host", redirects(302), "APIError 302", ELSEWHERE),
    miss("redirect 303 to another host", redirects(303), "APIError 303", ELSEWHERE),
    miss("redirect 307 to another host", redirects(307), "APIError 307", ELSEWHERE),
    refusal("redirect 301 to another host", redirects(301), "APIError 301", ELSEWHERE),
    refusal("redirect 308 to another host", redirects(308), "APIError 308", ELSEWHERE),
    miss("no such name, at first", has_no_name, LOST, "Name or service not known", looks=5),
    miss("down, at first", is_down, LOST, "refused|attempts to connect|connection attempts|call failed", looks=5),
    Fault("an expired certificate", has_expired, f"WaitTimeout: {LOST}", "certificate has expired", looks=7),
    Fault(
        "429, silence for an hour", gives(answer(429, retry_after="3600")), "WaitTimeout: RateLimitedError 429", looks=2
    ),
    *(refusal(f"{n}", gives(answer(n)), f"RequestRejectedError {n}") for n in (400, 409, 422)),
    refusal("401", gives(answer(401)), "AuthenticationError 401"),
    refusal("402", gives(answer(402)), "PaymentRequiredError 402"),
    refusal("403", gives(answer(403)), "PermissionDeniedError 403"),
    refusal("404", gives(answer(404)), "NotFoundError 404"),
    refusal("404, a page", gives(answer(404, PAGE)), "NotFoundError 404"),
    refusal("404, 10 MB", gives(raw(http(404, TEN_MB))), "NotFoundError 404"),
    refusal(
        "404, gzip that is none",
        gives(raw(NO_GZIP.replace(b"200", b"404"), stays_open=True)),
        "NotFoundError 404",
    ),
)
