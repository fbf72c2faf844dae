"""One interface to both clients, so that each test is written once for sync, asyncio and trio."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import Any, Literal, Self, TypeVar, cast

import anyio

from meshapi_video import AsyncVideoClient, Video, VideoClient, VideoTaskResponse
from support.clock import Clock
from support.http_library import httpx
from support.server import TASK_ID

Kind = Literal["sync", "asyncio", "trio"]
Driver = Literal["sync", "asyncio", "trio", "aiohttp"]
# The last one is asyncio too, over the extra `[aiohttp]`, if that is installed.
DRIVERS: tuple[Driver, ...] = ("sync", "asyncio", "trio", *(("aiohttp",) if find_spec("aiohttp") else ()))
ASYNC_DRIVERS = DRIVERS[1:]
KEY = "rsk_test_0123456789"

T = TypeVar("T")
Body = Callable[[AsyncVideoClient], Awaitable[T]]
"""The part of a test that uses a client. It is written for the asynchronous client, and runs on both."""


def kind_of(driver: Driver) -> Kind:
    return "asyncio" if driver == "aiohttp" else driver


@dataclass
class Caller:
    """Creates a client of one kind in virtual time, runs a test's body with it, and closes it."""

    kind: Kind
    base_url: str
    clock: Clock = field(default_factory=Clock)
    # The arguments of the client's constructor. Each test knows their types.
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    # The arguments of the user's own httpx client; None for a test without one.
    user_client: dict[str, Any] | None = None

    def get(self, task_id: str = TASK_ID) -> VideoTaskResponse:
        return self.run(lambda client: client.get(task_id))

    # The arguments of `wait`, passed on as they are.
    def wait(self, task_id: str = TASK_ID, **arguments: Any) -> Video:  # noqa: ANN401
        return self.run(lambda client: client.wait(task_id, **arguments))

    def run(self, body: Body[T]) -> T:
        """Runs `body` with a new client."""
        settings: dict[str, Any] = {"api_key": KEY, "base_url": self.base_url, **self.settings}
        if self.kind == "sync":
            return self._run_blocking(body, settings)

        # Without arguments: the frames of anyio would hold them, and so the key, in the traceback of each error.
        async def main() -> T:
            return await self._run_async(body, settings)

        return anyio.run(main, backend=self.kind)

    def _run_blocking(self, body: Body[T], settings: dict[str, Any]) -> T:
        with ExitStack() as stack:
            http_client: httpx.Client | None = None
            if self.user_client is not None:
                http_client = settings["http_client"] = stack.enter_context(httpx.Client(**self.user_client))
            before = _snapshot(http_client)
            with VideoClient(**settings) as client:
                client._clock, client._unix_clock, client._sleep = self.clock, self.clock.unix, self.clock.sleep
                result = complete(body(as_async(client)))
            assert _snapshot(http_client) == before
            return result

    async def _run_async(self, body: Body[T], settings: dict[str, Any]) -> T:
        async with AsyncExitStack() as stack:
            http_client: httpx.AsyncClient | None = None
            if self.user_client is not None:
                http_client = httpx.AsyncClient(**self.user_client)
                settings["http_client"] = await stack.enter_async_context(http_client)
            before = _snapshot(http_client)
            async with AsyncVideoClient(**settings) as client:
                client._clock, client._unix_clock = self.clock, self.clock.unix
                client._sleep = self.clock.sleep_async
                result = await body(client)
            assert _snapshot(http_client) == before
            return result


def _snapshot(http_client: httpx.Client | httpx.AsyncClient | None) -> object:
    """What the SDK must not change of the user's own client."""
    if http_client is None:
        return None
    hooks = {event: list(functions) for event, functions in http_client.event_hooks.items()}
    return http_client.is_closed, dict(http_client.headers), dict(http_client.cookies), hooks, http_client.auth


def complete(awaitable: Awaitable[T]) -> T:
    """The result of an awaitable that awaits nothing but a blocking client."""
    try:
        awaitable.__await__().send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("a body for the blocking client awaited an event loop")


def as_async(client: VideoClient) -> AsyncVideoClient:
    """The blocking client with the interface of the asynchronous one. Each method still blocks."""
    return cast("AsyncVideoClient", _BlockingClient(client))


class _BlockingClient:
    def __init__(self, client: VideoClient) -> None:
        vars(self)["_client"] = client

    def __getattr__(self, name: str) -> object:
        found = getattr(vars(self)["_client"], name)
        if name in {"create", "generate", "get", "step", "wait", "download", "close"}:
            return partial(_call, found)
        if name in {"list", "updates", "wait_many"}:
            return partial(_iterate, found)
        return found

    def __setattr__(self, name: str, value: object) -> None:
        setattr(vars(self)["_client"], name, value)


class _BlockingIterator:
    def __init__(self, iterator: Iterator[object]) -> None:
        self._iterator = iterator

    def __getattr__(self, name: str) -> object:
        found = getattr(self._iterator, name)
        return partial(_call, found) if name == "close" else found

    def __aiter__(self) -> Self:
        assert iter(self._iterator) is self._iterator
        return self

    async def __anext__(self) -> object:
        try:
            return next(self._iterator)
        except StopIteration:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        assert self._iterator.__enter__() is self._iterator  # type: ignore[attr-defined]  # pyright: ignore - all but `TaskList` have it
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._iterator.__exit__(*exc_info)  # type: ignore[attr-defined]  # pyright: ignore - all but `TaskList` have it


# The arguments of any blocking method, passed on as they are.
def _iterate(method: Callable[..., Iterator[object]], *args: Any, **kwargs: Any) -> _BlockingIterator:  # noqa: ANN401
    return _BlockingIterator(method(*args, **kwargs))


async def _call(method: Callable[..., T], *args: Any, **kwargs: Any) -> T:  # noqa: ANN401
    return method(*args, **kwargs)
