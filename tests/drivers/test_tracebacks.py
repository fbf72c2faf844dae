"""No frame of a traceback has the API key in its local variables, wherever a request is interrupted."""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

import anyio
import pytest

from meshapi_video import AsyncVideoClient, ConnectionFailed, MeshVideoError
from meshapi_video._sync.session import Session
from support.clients import KEY, Caller, Driver, kind_of
from support.frames import chain, places_of
from support.http_library import httpx
from support.marks import unclosed_generators
from support.server import Response, Server, close, raw, reset, reset_after, response, task, until_requested

BOTH_CLIENTS = pytest.mark.parametrize("user_client", [None, {}], ids=["own client", "user client"])
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n"
STEPS = 30
"""The places at which each test interrupts a request."""
INTERRUPTED = {"meshapi_video", "meshapi_video_generated", "httpx", "httpcore", "h11"}
"""The packages whose lines are interrupted. If an interrupt loses a lock, all later requests hang: in the standard
library, each handler of `logging` has one."""
WITH_LOCKS = {"httpcore._synchronization", "httpcore._sync.connection_pool"}
"""Not interrupted, because of the locks of httpcore's pool."""


class Interrupted(BaseException):
    """Stands for ctrl-C, or for any error that nobody foresees."""


def leaks_of(error: BaseException) -> list[str]:
    """The local variables with the key, and the errors whose `repr` has it."""
    return places_of(KEY, error) + [type(each).__name__ for each in chain(error) if KEY in repr(each)]


@contextmanager
def interrupted_at(step: int) -> Generator[Callable[[], int]]:
    """Raises `Interrupted` at this line of the code that sends a request. Gives the number of the lines so far."""
    lines = 0

    # A trace function returns another one, or None.
    def trace(frame: FrameType, event: str, _argument: object) -> Any:  # noqa: ANN401
        nonlocal lines
        # Code that `exec` runs may have no module: old releases of attrs make methods from it.
        module = str(frame.f_globals.get("__name__"))
        if event == "line" and module.partition(".")[0] in INTERRUPTED and module not in WITH_LOCKS:
            lines += 1
            if lines == step:
                raise Interrupted
        # Not any trace function: coverage has one in each frame.
        is_part = frame.f_code is Session.request.__code__ or (frame.f_back and frame.f_back.f_trace is trace)
        return trace if is_part else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield lambda: lines
    finally:
        sys.settrace(before)


# An interrupt between two lines loses the connection that the first of them opened.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@BOTH_CLIENTS
def test_no_frame_has_the_key_wherever_a_blocking_poll_is_interrupted(
    server: Server, user_client: dict[str, Any] | None
) -> None:
    client = Caller("sync", server.base_url, user_client=user_client)
    server.script(task())
    # The first request imports modules.
    client.get()
    # In a thread of its own: if a trace function raises, `sys.exception()` of CPython may stay wrong in this thread.
    with ThreadPoolExecutor(1) as thread:
        leaks, interrupts = thread.submit(leaks_of_interrupts, client).result()
    assert leaks == []
    assert interrupts > STEPS / 2


def leaks_of_interrupts(client: Caller) -> tuple[list[str], int]:
    """The leaks after interrupts at `STEPS` lines of a poll, and the number of interrupts."""
    with interrupted_at(sys.maxsize) as lines:
        client.get()
    leaks, interrupts = list[str](), 0
    for step in range(1, lines(), max(lines() // STEPS, 1)):
        try:
            with interrupted_at(step):
                client.get()
        except Interrupted as error:
            interrupts += 1
            leaks += leaks_of(error)
    return leaks, interrupts


async def with_timeout_of_asyncio(seconds: float, client: AsyncVideoClient) -> None:
    async with asyncio.timeout(seconds):
        await client.wait("task-1")


async def with_timeout_of_anyio(seconds: float, client: AsyncVideoClient) -> None:
    with anyio.fail_after(seconds):
        await client.wait("task-1")


@unclosed_generators
@BOTH_CLIENTS
@pytest.mark.parametrize("sent", [b"", HEAD + b"{"], ids=["no response", "a part of a response"])
@pytest.mark.parametrize(
    ("driver", "wait"),
    [
        ("asyncio", with_timeout_of_asyncio),
        ("asyncio", with_timeout_of_anyio),
        ("aiohttp", with_timeout_of_asyncio),
        ("aiohttp", with_timeout_of_anyio),
        ("trio", with_timeout_of_anyio),
    ],
)
def test_no_frame_has_the_key_after_a_timeout_of_the_caller(
    driver: Driver,
    wait: Callable[[float, AsyncVideoClient], Awaitable[None]],
    sent: bytes,
    user_client: dict[str, Any] | None,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("meshapi_video._async.session.HAS_AIOHTTP", driver == "aiohttp")
    server.script(server.stall(sent))
    caller = Caller(kind_of(driver), server.base_url, user_client=user_client)
    for seconds in until_requested(server):
        with pytest.raises(TimeoutError) as caught:
            caller.run(partial(wait, seconds))
        assert leaks_of(caught.value) == []


FAILURES = [close, reset, reset_after(HEAD), raw(b"x\r\n\r\n"), response(500), response(200, b"x")]


@unclosed_generators
@BOTH_CLIENTS
@pytest.mark.parametrize("failure", FAILURES)
def test_no_frame_has_the_key_after_a_failure(
    client: Caller, server: Server, failure: Response, user_client: dict[str, Any] | None
) -> None:
    client.settings["max_retries"] = 0
    client.user_client = user_client
    server.script(failure)
    with pytest.raises(MeshVideoError) as caught:
        client.get()
    assert leaks_of(caught.value) == []


def test_the_callers_own_frames_stay_in_the_traceback(client: Caller, server: Server) -> None:
    def hook(_request: httpx.Request) -> None:
        raise Interrupted

    async def async_hook(request: httpx.Request) -> None:
        hook(request)

    server.script(task())
    client.user_client = {"event_hooks": {"request": [hook if client.kind == "sync" else async_hook]}}
    with pytest.raises(Interrupted) as caught:
        client.get()
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "hook"
    assert leaks_of(caught.value) == []


def test_an_exception_that_the_caller_was_handling_keeps_its_whole_traceback(client: Caller, server: Server) -> None:
    async def body(client: AsyncVideoClient) -> None:
        try:
            json.loads("{")
        except ValueError:
            await client.get("task-1")

    client.settings["max_retries"] = 0
    server.script(close)
    with pytest.raises(ConnectionFailed) as caught:
        client.run(body)
    handled = next(error for error in chain(caught.value) if isinstance(error, json.JSONDecodeError))
    assert traceback.extract_tb(handled.__traceback__)[-1].name == "raw_decode"
    assert "During handling of the above exception" in "".join(traceback.format_exception(caught.value))
