"""Keeps a transport and a limit for each event loop: connections of one event loop cannot be used on another.

Each event loop closes its own connections. An asynchronous generator holds them: every event loop finishes its
asynchronous generators before it ends (`asyncio.run` and `trio.run` do this), and those that are garbage.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    import trio

    from meshapi_video._transport.request import Request
    from meshapi_video._transport.response import Response

    EventLoop: TypeAlias = asyncio.AbstractEventLoop | trio.lowlevel.TrioToken


class Transport(Protocol):
    """Sends requests over the connections of one event loop."""

    async def send(self, request: Request, check: Callable[[Response], None]) -> Response:
        """The whole response to `request`, after `check`."""
        ...

    async def aclose(self) -> None:
        """Closes the connections."""
        ...


class _Held:
    """A transport that both the client and the end of the event loop may close, at the same time."""

    def __init__(self, transport: Transport) -> None:
        self.transport: Transport | None = transport
        self._closed = anyio.Event()

    async def aclose(self) -> None:
        """Closes the transport, or waits until the other caller has closed it. Completely, even if cancelled."""
        transport, self.transport = self.transport, None
        with anyio.CancelScope(shield=True):
            if transport is not None:
                try:
                    await transport.aclose()
                finally:
                    self._closed.set()
            elif not self._closed.is_set():
                await self._closed.wait()


class LoopResources:
    """The transport of one event loop, and the limit of its requests in flight."""

    def __init__(self, capacity: int) -> None:
        self.in_flight = anyio.Semaphore(capacity, fast_acquire=True)
        self.opening = anyio.Lock(fast_acquire=True)
        """Held while a transport is made, so that requests that begin together share one."""
        self._held: _Held | None = None
        self._holder: AsyncGenerator[None] | None = None

    @property
    def transport(self) -> Transport | None:
        """The transport, if it is open."""
        return None if self._held is None else self._held.transport

    async def hold(self, transport: Transport) -> None:
        """Keeps the transport open until `aclose`, the end of the event loop, or the end of this object."""
        self._held = _Held(transport)
        self._holder = _close_at_end(self._held)
        # Runs to the `yield` without a pause. From here on, the event loop knows the generator.
        await anext(self._holder)

    async def aclose(self) -> None:
        """Closes the transport. Call it on its own event loop."""
        if self._held is None or self._holder is None:
            return
        try:
            # Not through the generator: the event loop may finish it at the same time, and reports one that runs.
            await self._held.aclose()
        finally:
            # Nothing is left to wait for, unless the event loop is finishing the generator: then this raises.
            with contextlib.suppress(RuntimeError):
                await self._holder.aclose()


class EventLoops:
    """The resources of the event loops that use one client. Several may run at the same time, each in its thread."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._resources: dict[EventLoop, LoopResources] = {}

    def current(self) -> LoopResources:
        """The resources of the running event loop."""
        loop = current_loop()
        found = self._resources.get(loop)
        if found is None:
            # An event loop that does not run may never run again. If it does, it opens a connection anew.
            for each in [each for each in list(self._resources) if not _is_running(each)]:
                self._close_elsewhere(each)
            found = self._resources[loop] = LoopResources(self._capacity)
        return found

    async def aclose(self) -> None:
        """Closes the connections of this event loop, and tells every other one to close its own."""
        found = self._resources.pop(current_loop(), None)
        for loop in list(self._resources):
            self._close_elsewhere(loop)
        if found is not None:
            await found.aclose()

    def __del__(self) -> None:
        for loop in list(self._resources):
            self._close_elsewhere(loop)

    def _close_elsewhere(self, loop: EventLoop) -> None:
        """Has an event loop close its connections, from any thread. Does nothing if it has ended."""
        resources = self._resources.pop(loop, None)
        if resources is not None and resources.transport is not None:
            with contextlib.suppress(RuntimeError):
                call_threadsafe(loop, partial(_start_closing, loop, resources))


def current_loop() -> EventLoop:
    """The running event loop: of asyncio, or trio's token for it."""
    if anyio.get_cancelled_exc_class() is asyncio.CancelledError:
        return asyncio.get_running_loop()
    import trio  # noqa: PLC0415 - without asyncio, trio is running

    return trio.lowlevel.current_trio_token()


def call_threadsafe(loop: EventLoop, function: Callable[[], object]) -> None:
    """Calls a function on an event loop, from any thread. Raises `RuntimeError` if the event loop has ended."""
    if isinstance(loop, asyncio.AbstractEventLoop):
        # In a context of its own: that of a trio task would make anyio take this event loop for trio.
        loop.call_soon_threadsafe(function, context=contextvars.Context())
    else:
        loop.run_sync_soon(function)


def _is_running(loop: EventLoop) -> bool:
    if isinstance(loop, asyncio.AbstractEventLoop):
        return loop.is_running()
    try:
        loop.run_sync_soon(_nothing)
    except RuntimeError:
        return False
    return True


def _nothing() -> None:
    """Asks trio whether it still runs."""


_closing: Final[set[asyncio.Task[None]]] = set()
"""An event loop itself holds only weak references to its tasks."""


def _start_closing(loop: EventLoop, resources: LoopResources) -> None:
    if isinstance(loop, asyncio.AbstractEventLoop):
        task = loop.create_task(resources.aclose())
        _closing.add(task)
        task.add_done_callback(_closing.discard)
        return
    import trio  # noqa: PLC0415 - trio calls this

    async def close() -> None:
        # An error in a system task would end the whole program.
        with contextlib.suppress(Exception):
            await resources.aclose()

    # trio's run may be about to end, and then it finishes every generator.
    with contextlib.suppress(RuntimeError):
        trio.lowlevel.spawn_system_task(close)


async def _close_at_end(held: _Held) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await held.aclose()
