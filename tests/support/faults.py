"""Every fault of the network that is tested, one line each, with what the caller sees."""

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
    Response,
    Server,
    close,
    endless,
    finished,
    http,
    raw,
    reset,
    reset_after,
    response,
    serving,
)

WAIT = 120.0
"""The timeout of a wait, in seconds of virtual time."""
INTERVAL = 20.0
"""Seconds between two polls."""
SHORT_TIMEOUT = 0.15
"""The timeout of a request that stalls, in seconds of real time."""

BODY = b'{"id": "task-1", "status": "running"}'
TASK = http(200, BODY)
NO_GZIP = http(200, BODY, content_encoding="gzip")
HEAD = TASK.removesuffix(BODY)
MORE = HEAD.replace(b"content-length: 37", b"content-length: 99")
"""The head of a response that states a larger body than BODY."""
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
HTML = b"<html><title>Something is wrong</title></html>"
MIB = 1024**2
TEN_MB = b" " * (10 * MIB)


@dataclass
class Stage:
    """The client and the servers of one fault."""

    caller: Caller
    server: Server
    other: Server
    patch: pytest.MonkeyPatch
    stack: ExitStack

    def move_to(self, server: Server) -> None:
        self.server = server
        self.caller.base_url = server.base_url

    def at_half_time(self, action: Callable[[], None]) -> None:
        clock, started = self.caller.clock, self.caller.clock.now

        def run_at_half_time() -> None:
            if clock.now == started + WAIT / 2:
                action()

        clock.meanwhile.append(run_at_half_time)


Setup = Callable[[Stage], Response]
"""Prepares the stage, and returns the faulty response."""


def sends(response: Response) -> Setup:
    return lambda _stage: response


def stalls(sent: bytes = b"") -> Setup:
    return lambda stage: stage.server.stall(sent)


def drips(content: bytes) -> Setup:
    return lambda stage: stage.server.drip(content)


def chunked(content: bytes) -> bytes:
    return CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content)


def bomb(mebibytes: int = 300) -> bytes:
    """So many mebibytes of spaces, compressed to a thousandth."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    block = packer.compress(b" " * MIB) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + block * mebibytes


def redirects(status: int) -> Setup:
    """Redirects to another host: the same machine under another name, with another port."""

    def setup(stage: Stage) -> Response:
        stage.other.script(finished())
        elsewhere = stage.other.base_url.replace("127.0.0.1", "localhost")
        return response(status, b"", location=f"{elsewhere}/v1/video/generations/task-1")

    return setup


def closes_after(content: bytes) -> Setup:
    """Closes a connection that should stay open, before the next poll."""

    def setup(stage: Stage) -> Response:
        # In virtual time the next poll follows at once, and could otherwise come first.
        was_closed = threading.Semaphore(0)
        stage.caller.clock.meanwhile.append(lambda: len(stage.server.requests) == 1 or was_closed.acquire(timeout=5))

        def write(connection: socket.socket) -> bool:
            connection.sendall(content)
            connection.shutdown(socket.SHUT_RDWR)
            was_closed.release()
            return False

        return write

    return setup


def has_no_address(stage: Stage) -> Response:
    """The lookup of the server's name fails for the first half of the wait."""
    # A real resolver could take long for an unknown name, or return an address of its own.
    is_known, getaddrinfo = threading.Event(), socket.getaddrinfo
    stage.at_half_time(is_known.set)

    # The standard library's own signature.
    def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        is_ours = host in {"mesh.example", b"mesh.example"}
        if is_ours and not is_known.is_set():
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return getaddrinfo("127.0.0.1" if is_ours else host, *args, **kwargs)

    stage.patch.setattr(socket, "getaddrinfo", lookup)
    stage.caller.base_url = stage.server.base_url.replace("127.0.0.1", "mesh.example")
    stage.caller.settings["private_hosts"] = ["http://mesh.example"]
    return finished()


def is_down(stage: Stage) -> Response:
    """The server refuses connections for the first half of the wait."""
    server = stage.stack.enter_context(serving(down=True))
    stage.move_to(server)
    stage.at_half_time(server.open)
    return finished()


def has_expired(stage: Stage) -> Response:
    """The server's certificate was valid until yesterday."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    # trustme does not state the type of a context of the standard library.
    authority.issue_cert("127.0.0.1", not_after=yesterday).configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    trusted = stage.stack.enter_context(authority.cert_pem.tempfile())
    stage.patch.setenv("SSL_CERT_FILE", trusted)
    stage.move_to(stage.stack.enter_context(serving(context)))
    return finished()


@dataclass(frozen=True)
class Fault:
    name: str
    setup: Setup
    outcome: str
    """What a wait does after the fault, and what a single poll raises."""
    message: str = ""
    """A pattern for the message of the error that a single poll raises."""
    polls: int = 4
    """The polls of a wait in which the fault happens twice, between the first and the last response."""
    stalls: bool = False
    """The fault happens only once, and the timeout is short. On a busy machine, more polls may fail."""
    over_aiohttp: str = ""
    """The outcome over aiohttp, if it is another error."""
    polls_over_aiohttp: int = 0
    """The number of polls over aiohttp, if it is another one."""


def transient(
    name: str,
    setup: Setup,
    error: str,
    message: str = "",
    *,
    polls: int = 4,
    over_aiohttp: str = "",
    polls_over_aiohttp: int = 0,
) -> Fault:
    over_aiohttp = over_aiohttp and f"retried: {over_aiohttp}"
    return Fault(
        name,
        setup,
        f"retried: {error}",
        message,
        polls,
        over_aiohttp=over_aiohttp,
        polls_over_aiohttp=polls_over_aiohttp,
    )


def stalled(name: str, setup: Setup) -> Fault:
    message = rf"no complete response from .* within {SHORT_TIMEOUT} s"
    return Fault(name, setup, "retried: ConnectionTimeout", message, polls=3, stalls=True)


def permanent(name: str, setup: Setup, error: str, message: str = "") -> Fault:
    return Fault(name, setup, f"raised: {error}", message, polls=2)


LOST, BAD, LARGE = "ConnectionFailed", "InvalidResponse", "larger than the limit of 4 MiB, and was not read completely"
ELSEWHERE = "a redirect to http://localhost:"

FAULTS = (
    transient("408", sends(response(408)), "APIError 408"),
    transient("425", sends(response(425)), "APIError 425"),
    transient("429", sends(response(429)), "RateLimitedError 429"),
    *(transient(f"{n}", sends(response(n, {"error": "x"})), f"ServerError {n}") for n in (500, 501, 502, 503, 504)),
    *(
        transient(f"{n}, an HTML page", sends(response(n, HTML)), f"ServerError {n}")
        for n in (502, 520, 521, 522, 523, 524, 599)
    ),
    transient("an HTML page", sends(response(200, HTML, content_type="text/html")), BAD),
    transient("an empty body", sends(response(200, b"")), BAD),
    transient("truncated JSON", sends(response(200, BODY[:-5])), BAD),
    transient("not HTTP", sends(raw(b"SSH-2.0-OpenSSH\r\n\r\n")), LOST),
    # The first of the two happens on a kept connection, and the poll goes out once more.
    transient("closed without a response", sends(close), LOST, polls=3),
    transient("reset without a response", sends(reset), LOST, polls=3),
    # aiohttp does not tell whether anything had arrived, so that the poll goes out once more.
    transient("reset in the head", sends(reset_after(HEAD[:-9])), LOST, polls_over_aiohttp=3),
    transient("reset in the body", sends(reset_after(TASK[:-5])), LOST),
    transient("closed after the head", sends(raw(HEAD)), LOST),
    stalled("no response, connection open", stalls()),
    stalled("head only, connection open", stalls(HEAD)),
    stalled("half a body, connection open", stalls(TASK[:-5])),
    stalled("head, byte by byte", drips(TASK)),
    stalled("body, byte by byte", drips(HEAD.replace(b"37", b"9999") + b" " * 9999)),
    transient("content-length too long, closed", sends(raw(MORE + BODY)), LOST),
    stalled("content-length too long, open", stalls(MORE + BODY)),
    transient(
        "content-length too short",
        sends(raw(HEAD.replace(b"37", b"30") + BODY, stays_open=True)),
        BAD,
        # aiohttp reads on, and finds bytes that cannot start another response.
        over_aiohttp=LOST,
    ),
    transient("content-length is not a number", sends(raw(HEAD.replace(b"37", b"-1") + BODY)), LOST),
    transient("two content-lengths", sends(raw(MORE[:-2] + b"content-length: 37\r\n\r\n" + BODY)), LOST),
    transient("invalid chunks", sends(raw(CHUNKED + b"zz\r\n" + BODY)), LOST),
    transient("chunks that end early", sends(raw(chunked(BODY)[:-5])), LOST),
    transient("10 MB", sends(raw(http(200, TEN_MB))), BAD, LARGE),
    transient("10 MB in chunks", sends(raw(chunked(TEN_MB))), BAD, LARGE),
    transient("a body without end", sends(endless(CHUNKED, b"10000\r\n%s\r\n" % (b" " * 0x10000))), BAD, LARGE),
    transient("a head without end", sends(endless(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n" * 9999)), LOST),
    transient("a gzip bomb", sends(raw(http(200, bomb(), content_encoding="gzip"))), BAD, LARGE),
    transient(
        "a gzip bomb in a gzip",
        sends(raw(http(200, bomb(), content_encoding="gzip, gzip"))),
        BAD,
        "content encoding that the request did not accept",
    ),
    transient(
        "invalid gzip",
        sends(raw(NO_GZIP, stays_open=True)),
        BAD,
        "cannot be decompressed",
    ),
    Fault("keep-alive, closed between polls", closes_after(TASK), "no failure"),
    transient("redirect 302 to another host", redirects(302), "APIError 302", ELSEWHERE),
    transient("redirect 303 to another host", redirects(303), "APIError 303", ELSEWHERE),
    transient("redirect 307 to another host", redirects(307), "APIError 307", ELSEWHERE),
    permanent("redirect 301 to another host", redirects(301), "APIError 301", ELSEWHERE),
    permanent("redirect 308 to another host", redirects(308), "APIError 308", ELSEWHERE),
    transient("unknown host name, at first", has_no_address, LOST, "Name or service not known", polls=5),
    transient("down, at first", is_down, LOST, "refused|attempts to connect|connection attempts|call failed", polls=5),
    Fault("an expired certificate", has_expired, "raised: CertificateError", "expired.*Check the clock", polls=1),
    Fault(
        "429, Retry-After: 3600", sends(response(429, retry_after="3600")), "WaitTimeout: RateLimitedError 429", polls=2
    ),
    *(permanent(f"{n}", sends(response(n)), f"RequestRejectedError {n}") for n in (400, 409, 422)),
    permanent("401", sends(response(401)), "AuthenticationError 401"),
    permanent("402", sends(response(402)), "PaymentRequiredError 402"),
    permanent("403", sends(response(403)), "PermissionDeniedError 403"),
    permanent("404", sends(response(404)), "NotFoundError 404"),
    permanent("404, an HTML page", sends(response(404, HTML)), "NotFoundError 404"),
    permanent("404, 10 MB", sends(raw(http(404, TEN_MB))), "NotFoundError 404"),
    permanent(
        "404, invalid gzip",
        sends(raw(NO_GZIP.replace(b"200", b"404"), stays_open=True)),
        "NotFoundError 404",
    ),
)
