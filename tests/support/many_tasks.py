"""Many tasks on one server, and `wait_many` for them in real time, with a check that nothing is left running."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, SupportsIndex, TypeVar

import anyio
import trio

from meshapi_video import AsyncVideoClient, PollPolicy, WaitResult, WaitToken
from support.clients import Caller, Kind
from support.clock import Clock
from support.server import Response, Server, close, finished, task

QUICK = PollPolicy(initial_delay=0.01, multiplier=1.0, max_delay=0.01, jitter=0.0)
SLOW = PollPolicy(initial_delay=60.0, multiplier=1.0, max_delay=60.0, jitter=0.0)
LONG = 20.0
"""Seconds that no step takes unless it hangs, even on a busy machine."""

TASK_IDS = [f"t{number}" for number in range(30)]
INVALID_ID = ".."
"""Not a task id: `wait_many` has its result before it sends a request."""

T = TypeVar("T")
TaskIds = Iterable[str | WaitToken] | AsyncIterable[str]
ResponseTo = Callable[[str, int], Response]
"""The response to the n-th poll of a task."""


class RealClock(Clock):
    """Real time, as a client has it outside of tests."""

    def __call__(self) -> float:
        return time.monotonic()

    def unix(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def sleep_async(self, seconds: float) -> None:
        await anyio.sleep(seconds)


class ResponsesById(list[Response]):
    """Responses chosen by the task's id and by the number of the poll."""

    def __init__(self, server: Server, response_to: ResponseTo) -> None:
        super().__init__([close])
        self.polls = Counter[str]()
        self._server = server
        self._response_to = response_to

    def __getitem__(self, _index: SupportsIndex) -> Response:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - the server never takes a slice
        # The server holds its lock here, so the last request is the current one.
        task_id = self._server.requests[-1].target.rpartition("/")[2]
        self.polls[task_id] += 1
        return self._response_to(task_id, self.polls[task_id])


def respond_by_id(server: Server, response_to: ResponseTo) -> Counter[str]:
    """Makes the server respond by the task's id and the number of the poll. Returns the polls of each task so far."""
    responses = ResponsesById(server, response_to)
    server.responses = responses
    return responses.polls


def finished_after(polls: int) -> ResponseTo:
    """Every task is running until this poll, and then has a video."""
    return lambda task_id, poll: finished(task_id) if poll >= polls else task("running", task_id)


def never_finished(task_id: str, _poll: int) -> Response:
    """Every task is running."""
    return task("running", task_id)


def hang(connection: socket.socket) -> bool:
    """Sends no response, and ends when the client closes the connection."""
    connection.recv(1)
    return False


def always_hangs(_task_id: str, _poll: int) -> Response:
    """No poll gets a response."""
    return hang


def eventually(condition: Callable[[], object]) -> None:
    """Waits until the condition is true, and fails if that takes too long."""
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline, "the condition never became true"
        time.sleep(0.005)


async def eventually_async(condition: Callable[[], object]) -> None:
    """The same in the body of a test. Lets other tasks run if there is an event loop."""
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline, "the condition never became true"
        if _has_event_loop():
            await anyio.sleep(0.005)
        else:
            time.sleep(0.005)  # noqa: ASYNC251 - the body of a test runs with the blocking client


def first_finish(server: Server, *, in_flight: int = 20, first: int = 1) -> ResponseTo:
    """The first tasks have a video as soon as `in_flight` requests are in flight; the other tasks hang.

    Before that, connections are still being made, and some releases of the libraries leave a connection
    open if its creation is cancelled.
    """
    # Once is enough: when the first of these tasks ends, one request less is in flight.
    reached = threading.Event()

    def respond_when_all_are_in_flight(task_id: str) -> Response:
        def write(connection: socket.socket) -> bool:
            eventually(lambda: reached.is_set() or server.in_flight >= in_flight)
            reached.set()
            return finished(task_id)(connection)

        return write

    return lambda task_id, _poll: respond_when_all_are_in_flight(task_id) if task_id in TASK_IDS[:first] else hang


def thread_count() -> int:
    """The number of threads of `wait_many`."""
    return sum(thread.name.startswith("meshapi-video") for thread in threading.enumerate())


def task_count() -> int:
    """The number of tasks of the event loop, including the current one; without a loop, of threads of `wait_many`."""
    if not _has_event_loop():
        return thread_count()
    if trio.lowlevel.in_trio_run():
        return trio.lowlevel.current_statistics().tasks_living
    return len(asyncio.all_tasks())


def _has_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return trio.lowlevel.in_trio_run()
    return True


async def collect(items: AsyncIterator[T]) -> list[T]:
    """All items of an asynchronous iterator."""
    return [item async for item in items]


@dataclass
class WaitManyCaller:
    """Runs a loop over `wait_many`. Checks that afterwards nothing runs, and that the client still works."""

    kind: Kind
    server: Server
    settings: dict[str, Any] = field(default_factory=dict[str, Any])

    # The arguments of `wait_many`, passed on as they are.
    def __call__(
        self,
        task_ids: TaskIds,
        body: Callable[[WaitResult], object] = lambda _: None,
        **arguments: Any,  # noqa: ANN401
    ) -> list[WaitResult]:
        """The results, until `body` returns True for one, or raises."""
        caller = Caller(self.kind, self.server.base_url, RealClock(), self.settings)
        return caller.run(lambda client: self._loop(client, task_ids, body, arguments))

    async def _loop(
        self,
        client: AsyncVideoClient,
        task_ids: TaskIds,
        body: Callable[[WaitResult], object],
        arguments: dict[str, Any],
    ) -> list[WaitResult]:
        results = list[WaitResult]()
        before = task_count()
        try:
            async for result in client.wait_many(task_ids, **arguments):
                results.append(result)
                if body(result):
                    break
        finally:
            await eventually_async(lambda: task_count() == before and self.server.in_flight == 0)
            self.server.script(task("running", "another"))
            assert (await client.get("another")).status == "running"
        return results
