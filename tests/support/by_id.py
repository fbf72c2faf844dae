"""Many tasks on one server, and the loops that wait for them: in real time, and with nothing left running."""

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

from meshapi_video import AsyncVideoClient, PollPolicy, VideoClient, WaitResult, WaitToken
from support.clients import Caller, Kind
from support.clock import Clock
from support.server import Answer, Server, close, finished, task

QUICK = PollPolicy(initial_delay=0.01, growth=1.0, max_delay=0.01, jitter=0.0)
SLOW = PollPolicy(initial_delay=60.0, growth=1.0, max_delay=60.0, jitter=0.0)
LONG = 20.0
"""Seconds that nothing takes unless it hangs, on a machine however busy."""

NAMES = [f"t{number}" for number in range(30)]
AT_ONCE = ".."
"""What has its result before anybody is asked: no id."""

T = TypeVar("T")
Ids = Iterable[str | WaitToken]
AnswerTo = Callable[[str, int], Answer]
"""The answer to the n-th look at a task."""


class RealTime(Clock):
    """The clock that a client has by itself."""

    def __call__(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def sleep_async(self, seconds: float) -> None:
        await anyio.sleep(seconds)


class Script(list[Answer]):
    """Answers by the id asked for, and by how often that was."""

    def __init__(self, server: Server, answer_to: AnswerTo) -> None:
        super().__init__([close])
        self.asked = Counter[str]()
        self._server = server
        self._answer_to = answer_to

    def __getitem__(self, _index: SupportsIndex) -> Answer:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - the server never asks for a slice
        # The server holds its lock here: the last request is the one to be answered.
        task_id = self._server.requests[-1].target.rpartition("/")[2]
        self.asked[task_id] += 1
        return self._answer_to(task_id, self.asked[task_id])


def by_id(server: Server, answer_to: AnswerTo) -> Counter[str]:
    """Has the server answer by the task's id and the number of the look at it; gives the looks so far."""
    script = Script(server, answer_to)
    server.answers = script
    return script.asked


def over_after(looks: int) -> AnswerTo:
    """Every task is running until that look, and then has a video."""
    return lambda task_id, look: finished(task_id) if look >= looks else task("running", task_id)


def never_over(task_id: str, _look: int) -> Answer:
    """Every task is running."""
    return task("running", task_id)


def held(connection: socket.socket) -> bool:
    """Never answers, and notices when the client goes away."""
    connection.recv(1)
    return False


def never_answered(_task_id: str, _look: int) -> Answer:
    """Every look stalls."""
    return held


def eventually(condition: Callable[[], object]) -> None:
    """Waits until something is so, and fails if that takes long."""
    late = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < late, "it never came about"
        time.sleep(0.005)


async def eventually_so(condition: Callable[[], object]) -> None:
    """The same, letting other tasks run."""
    late = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < late, "it never came about"
        await anyio.sleep(0.005)


def first_over(server: Server, *, at_once: int = 20, first: int = 1) -> AnswerTo:
    """The first tasks have a video once so many looks are under way together with theirs; the others stall.

    Until then connections are being made, and some releases of what makes them leave one open when it is
    cancelled in that moment.
    """
    # Once is enough: the first of them that ends is one look less.
    reached = threading.Event()

    def once_all_are_asked_for(task_id: str) -> Answer:
        def write(connection: socket.socket) -> bool:
            eventually(lambda: reached.is_set() or server._at_once >= at_once)
            reached.set()
            return finished(task_id)(connection)

        return write

    return lambda task_id, _look: once_all_are_asked_for(task_id) if task_id in NAMES[:first] else held


def threads() -> int:
    """How many threads of `wait_many` there are."""
    return sum(thread.name.startswith("meshapi-video") for thread in threading.enumerate())


def tasks() -> int:
    """How many tasks the event loop has, this one among them."""
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        return trio.lowlevel.current_statistics().tasks_living


async def collect(updates: AsyncIterator[T]) -> list[T]:
    """What an asynchronous iterator brings."""
    return [update async for update in updates]


@dataclass
class Loop:
    """Waits for many with a client of one kind, and sees that afterwards nothing runs and the client can be used."""

    kind: Kind
    server: Server
    settings: dict[str, Any] = field(default_factory=dict[str, Any])

    # The arguments of `wait_many`, passed on as they are.
    def __call__(
        self,
        ids: Ids | AsyncIterable[str],
        body: Callable[[WaitResult], object] = lambda _: None,
        **arguments: Any,  # noqa: ANN401
    ) -> list[WaitResult]:
        """The results, until `body` says True of one, or raises."""
        return Caller(self.kind, self.server.base_url, RealTime(), self.settings)._call(
            lambda client: self._sync(client, ids, body, arguments),
            lambda client: self._awaited(client, ids, body, arguments),
        )

    def _sync(self, client: VideoClient, ids: Any, body: Callable[[WaitResult], object], arguments: Any) -> Any:  # noqa: ANN401
        found = list[WaitResult]()
        before = threads()
        try:
            for result in client.wait_many(ids, **arguments):
                found.append(result)
                if body(result):
                    break
        finally:
            eventually(lambda: threads() == before and self.server._at_once == 0)
            self.server.script(task("running", "another"))
            assert client.get("another").status == "running"
        return found

    async def _awaited(
        self,
        client: AsyncVideoClient,
        ids: Any,  # noqa: ANN401
        body: Callable[[WaitResult], object],
        arguments: Any,  # noqa: ANN401
    ) -> list[WaitResult]:
        found = list[WaitResult]()
        before = tasks()
        try:
            async for result in client.wait_many(ids, **arguments):
                found.append(result)
                if body(result):
                    break
        finally:
            await eventually_so(lambda: tasks() == before and self.server._at_once == 0)
            self.server.script(task("running", "another"))
            assert (await client.get("another")).status == "running"
        return found
