"""Every fault of `support.faults`, through every driver: real sockets, virtual time between polls.

The session prints a table of the outcomes, with the drivers side by side.
"""

from __future__ import annotations

import gc
import re
import socket
import tracemalloc
import zlib
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest

from meshapi_video import APIError, MeshVideoError, PollPolicy, WaitTimeout
from support.clients import Caller, Driver, Kind
from support.faults import FAULTS, INTERVAL, MIB, SHORT_TIMEOUT, WAIT, Fault, Stage, bomb
from support.marks import unclosed_generators
from support.server import Response, Server, finished, reset, serving, task

STEADY = PollPolicy(initial_delay=INTERVAL, multiplier=1.0, max_delay=INTERVAL, jitter=0.0)


@contextmanager
def staged(fault: Fault, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> Generator[tuple[Stage, Response]]:
    with ExitStack() as stack:
        server, other = (stack.enter_context(serving()) for _ in range(2))
        settings = {"max_retries": 0, "timeout": SHORT_TIMEOUT if fault.stalls else 30.0}
        stage = Stage(Caller(kind, server.base_url, settings=settings), server, other, monkeypatch, stack)
        yield stage, fault.setup(stage)
        assert other.requests == [], "the request was sent to another host, perhaps with the key"


def error_of(call: Callable[[], object]) -> MeshVideoError | None:
    """The error that the call raises; None if it returns."""
    try:
        call()
    except MeshVideoError as error:
        return error
    return None


def name_of(error: MeshVideoError) -> str:
    status = f" {error.status_code}" if isinstance(error, APIError) else ""
    return f"{type(error).__name__}{status}"


def outcome_of(poll: MeshVideoError | None, wait: MeshVideoError | None) -> str:
    """The errors of a single poll and of a wait, in a few words."""
    if isinstance(wait, WaitTimeout) and wait.last_error is not None:
        return f"WaitTimeout: {name_of(wait.last_error)}"
    if wait is not None:
        return f"raised: {name_of(wait)}"
    return "no failure" if poll is None else f"retried: {name_of(poll)}"


@unclosed_generators
@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_fault_has_the_outcome_in_the_table(
    fault: Fault,
    driver: Driver,
    kind: Kind,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    with staged(fault, kind, monkeypatch) as (stage, faulty):
        stage.server.script(faulty)
        poll = error_of(stage.caller.get)
    with staged(fault, kind, monkeypatch) as (stage, faulty):
        stage.server.script(task(), faulty, *(() if fault.stalls else (faulty,)), finished())
        timeout = 50 * WAIT if fault.stalls else WAIT
        wait = error_of(lambda: stage.caller.wait(timeout=timeout, poll=STEADY))
        polls = len(stage.caller.clock.sleeps) + 1
    record_property("fault", fault.name)
    record_property("driver", driver)
    record_property("outcome", outcome_of(poll, wait))
    expected = (driver == "aiohttp" and fault.over_aiohttp) or fault.outcome
    assert outcome_of(poll, wait) == expected
    expected_polls = (driver == "aiohttp" and fault.polls_over_aiohttp) or fault.polls
    assert polls == expected_polls or (fault.stalls and polls > expected_polls)
    if poll is not None:
        assert name_of(poll) in expected
        assert re.search(fault.message, str(poll))
        assert str(poll).startswith("task task-1: ")


BIG = [fault for fault in FAULTS if re.search("10 MB|bomb|without end", fault.name)]


@unclosed_generators
@pytest.mark.parametrize("fault", BIG, ids=[fault.name for fault in BIG])
def test_no_response_fills_the_memory(fault: Fault, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    with staged(fault, kind, monkeypatch) as (stage, faulty):
        stage.server.script(faulty)
        # Otherwise the check for leaked keys may run here, for objects of other tests.
        gc.collect()
        tracemalloc.start()
        try:
            error = error_of(stage.caller.get)
            _now, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert error is not None
    assert peak < 20 * MIB


def test_the_gzip_bomb_is_as_large_as_it_should_be() -> None:
    packed = bomb(mebibytes=20)
    unpacker, size = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS), 0
    while packed:
        size += len(unpacker.decompress(packed, MIB))
        packed = unpacker.unconsumed_tail
    assert (len(bomb()) < MIB, size) == (True, 20 * MIB)


def test_a_reset_is_a_real_tcp_reset(server: Server) -> None:
    server.script(reset)
    url = urlsplit(server.base_url)
    with socket.create_connection((url.hostname, url.port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
