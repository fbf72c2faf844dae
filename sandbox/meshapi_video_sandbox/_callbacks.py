"""Posts each change of a task to its `callback_url`, as the upstream and the gateway together do."""

from __future__ import annotations

import heapq
import itertools
import sqlite3
from collections import defaultdict
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import anyio
import msgspec
from attrs import frozen

from meshapi_video_sandbox._http_library import httpx
from meshapi_video_sandbox._store import documented_json
from meshapi_video_sandbox._upstream import changes, task_after
from meshapi_video_wire import VideoTaskResponse as WireTask

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from anyio.abc import TaskGroup

    from meshapi_video_sandbox._clock import Clock
    from meshapi_video_sandbox._store import TaskStore
    from meshapi_video_sandbox._upstream import TaskPlan

_STATUSES: Final = frozenset({"queued", "running", "succeeded", "failed", "expired"})
"""A cancelled task is not reported."""
_ACKNOWLEDGED_WITHIN: Final = 5.0
"""Seconds, by the real clock, in which the receiver has to respond with a status of 2xx."""
_MAX_IN_FLIGHT: Final = 64
"""Callbacks in flight at the same time. The others wait, and their time does not run yet."""
_RETRY_DELAYS: Final = (5.0, 5.0, 5.0)
"""Seconds before each retry, by the sandbox's clock. The upstream documents their number, not their times."""
_TICK: Final = 0.02
"""How often the sandbox's clock is read while a callback waits for its time. A test may move it at any moment."""


@frozen
class FollowedTask:
    """A task whose changes are posted."""

    task_id: str
    owner: str
    url: str
    plan: TaskPlan


class CallbackAttempt(msgspec.Struct, frozen=True):
    """One POST of a task to its `callback_url`."""

    at: float
    """When it ended, in seconds since 1970 by the sandbox's clock."""
    status: str
    """The status of the task."""
    response: int | None
    """The status code of the response; None if there was none within 5 seconds."""

    @property
    def is_acknowledged(self) -> bool:
        """Whether the callback need not be sent again."""
        return self.response is not None and 200 <= self.response <= 299


class CallbackSender:
    """Sends the callbacks of all tasks. Use it from the server's own thread."""

    def __init__(
        self, group: TaskGroup, client: httpx.AsyncClient, store: TaskStore, clock: Clock, upstream_url: str
    ) -> None:
        self._group, self._client, self._store, self._clock = group, client, store, clock
        self._scopes = set[anyio.CancelScope]()
        self._upstream_url = upstream_url
        self._attempts = defaultdict[str, list[CallbackAttempt]](list)
        self._alarm, self._limit = _Alarm(clock), anyio.CapacityLimiter(_MAX_IN_FLIGHT)
        group.start_soon(self._alarm.run)

    def attempts(self, task_id: str) -> list[CallbackAttempt]:
        """The attempts that have ended since the sandbox started, the first one first."""
        return self._attempts.get(task_id, [])

    def reset(self) -> None:
        """Forgets every task and every attempt."""
        for scope in self._scopes:
            scope.cancel()
        self._alarm.reset()
        self._attempts.clear()

    def follow(self, task: FollowedTask, *, since: float) -> None:
        """Posts the changes of a task that happen at `since` or later."""
        self._start(partial(self._follow, task, since))

    def _start(self, work: Callable[[], Awaitable[None]]) -> None:
        scope = anyio.CancelScope()
        self._scopes.add(scope)
        self._group.start_soon(self._run, work, scope)

    async def _run(self, work: Callable[[], Awaitable[None]], scope: anyio.CancelScope) -> None:
        with scope:
            await work()
        self._scopes.discard(scope)

    async def _follow(self, task: FollowedTask, since: float) -> None:
        for change in changes(task.plan):
            status, at = change
            if at < since or status not in _STATUSES:
                continue
            await self._alarm.wait_until(at)
            current = msgspec.convert(task_after(change, task.task_id, task.plan, self._upstream_url), WireTask)
            # The gateway takes the upstream's callback, updates its row, and passes the task on.
            # If its database fails, the next poll updates the row.
            with suppress(sqlite3.Error):
                self._store.record(current, task.owner, self._clock.now(), polled=False)
            # The first attempts keep the order of the changes; a retry may come after a later change.
            attempt = await self._post(task.url, current)
            if not attempt.is_acknowledged:
                self._start(partial(self._retry, task.url, current, attempt))

    async def _retry(self, url: str, task: WireTask, last: CallbackAttempt) -> None:
        for seconds in _RETRY_DELAYS:
            await self._alarm.wait_until(last.at + seconds)
            last = await self._post(url, task)
            if last.is_acknowledged:
                return

    async def _post(self, url: str, task: WireTask) -> CallbackAttempt:
        response = None
        async with self._limit:
            with suppress(httpx.HTTPError, httpx.InvalidURL, TimeoutError), anyio.fail_after(_ACKNOWLEDGED_WITHIN):
                response = (await self._client.post(url, content=documented_json(task))).status_code
        attempt = CallbackAttempt(self._clock.now(), task.status, response)
        self._attempts[task.id].append(attempt)
        return attempt


class _Alarm:
    """Wakes each waiter when the sandbox's clock reaches its time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiters = list[tuple[float, int, anyio.Event]]()
        self._numbers = itertools.count()
        self._added = anyio.Event()

    def reset(self) -> None:
        self._waiters.clear()

    async def wait_until(self, at: float) -> None:
        reached = anyio.Event()
        heapq.heappush(self._waiters, (at, next(self._numbers), reached))
        self._added.set()
        await reached.wait()

    async def run(self) -> None:
        while True:
            while self._waiters and self._waiters[0][0] <= self._clock.now():
                _, _, reached = heapq.heappop(self._waiters)
                reached.set()
            if self._waiters:
                await anyio.sleep(_TICK)
            else:
                self._added = anyio.Event()
                await self._added.wait()


@asynccontextmanager
async def open_callback_sender(store: TaskStore, clock: Clock, upstream_url: str) -> AsyncGenerator[CallbackSender]:
    """A sender that works until the block ends. Callbacks that are not due or not acknowledged by then are dropped."""
    headers = {"Content-Type": "application/json"}
    async with (
        # Callbacks go to this machine: they need no proxy, and a server there has no certificate that can be verified.
        httpx.AsyncClient(headers=headers, trust_env=False, verify=False, timeout=_ACKNOWLEDGED_WITHIN) as client,
        anyio.create_task_group() as group,
    ):
        yield CallbackSender(group, client, store, clock, upstream_url)
        group.cancel_scope.cancel()
