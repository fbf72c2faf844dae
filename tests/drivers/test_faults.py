"""Every fault of `support.faults`, through every driver: real sockets, virtual time between looks.

The session prints the table of what was seen, the drivers side by side.
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
from support.faults import EVERY, FAULTS, IMPATIENT, MIB, WAIT, Fault, Stage, bomb
from support.server import Answer, Server, finished, reset, serving, task

STEADY = PollPolicy(initial_delay=EVERY, growth=1.0, max_delay=EVERY, jitter=0.0)

# httpx leaves the generators of a body that is not read to its end to the garbage collector, and trio says so.
left_by_httpx = pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")


@contextmanager
def staged(fault: Fault, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> Generator[tuple[Stage, Answer]]:
    with ExitStack() as stack:
        server, other = (stack.enter_context(serving()) for _ in range(2))
        settings = {"max_retries": 0, "timeout": IMPATIENT if fault.impatient else 30.0}
        stage = Stage(Caller(kind, server.base_url, settings=settings), server, other, monkeypatch, stack)
        yield stage, fault.play(stage)
        assert other.requests == [], "it was sent to another host, perhaps with the key"


def ended(call: Callable[[], object]) -> MeshVideoError | None:
    """What a call raised, if it did."""
    try:
        call()
    except MeshVideoError as error:
        return error
    return None


def name_of(error: MeshVideoError) -> str:
    status = f" {error.status_code}" if isinstance(error, APIError) else ""
    return f"{type(error).__name__}{status}"


def seen(look: MeshVideoError | None, wait: MeshVideoError | None) -> str:
    """One look at a server with the fault, and a wait, in a few words."""
    if isinstance(wait, WaitTimeout) and wait.last_error is not None:
        return f"WaitTimeout: {name_of(wait.last_error)}"
    if wait is not None:
        return f"the end: {name_of(wait)}"
    return "no miss" if look is None else f"a miss: {name_of(look)}"


@left_by_httpx
@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_fault_is_what_the_table_says(
    fault: Fault,
    driver: Driver,
    kind: Kind,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    with staged(fault, kind, monkeypatch) as (stage, faulty):
        stage.server.script(faulty)
        look = ended(stage.caller.get)
    with staged(fault, kind, monkeypatch) as (stage, faulty):
        stage.server.script(task(), faulty, *(() if fault.impatient else (faulty,)), finished())
        timeout = 50 * WAIT if fault.impatient else WAIT
        wait = ended(lambda: stage.caller.wait(timeout=timeout, poll=STEADY))
        looks = len(stage.caller.clock.sleeps) + 1
    record_property("fault", fault.name)
    record_property("driver", driver)
    record_property("seen", seen(look, wait))
    expected = (driver == "aiohttp" and fault.over_aiohttp) or fault.seen
    assert seen(look, wait) == expected
    assert looks == fault.looks or (fault.impatient and looks > fault.looks)
    if look is not None:
        assert name_of(look) in expected
        assert re.search(fault.says, str(look))
        assert str(look).startswith("task task-1: ")


BIG = [fault for fault in FAULTS if re.search("10 MB|bomb|without end", fault.name)]


@left_by_httpx
@pytest.mark.parametrize("fault", BIG, ids=[fault.name for fault in BIG])
def test_no_answer_fills_the_memory(fault: Fault, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    with staged(fault, kind, monkeypatch) as (stage, faulty):
        stage.server.script(faulty)
        # What is left of other tests is not read for the key in the midst of this one.
        gc.collect()
        tracemalloc.start()
        try:
            error = ended(stage.caller.get)
            _now, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert error is not None
    assert most < 20 * MIB


def test_the_bomb_would_fill_it() -> None:
    packed = bomb(mebibytes=20)
    unpacker, size = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS), 0
    while packed:
        size += len(unpacker.decompress(packed, MIB))
        packed = unpacker.unconsumed_tail
    assert (len(bomb()) < MIB, size) == (True, 20 * MIB)


def test_the_resets_among_them_are_real_ones(server: Server) -> None:
    server.script(reset)
    address = urlsplit(server.base_url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
