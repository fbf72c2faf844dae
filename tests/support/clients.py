"""One way to call the clients, so that each test is written once for sync, asyncio and trio."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Literal, TypeVar

import anyio

from meshapi_video import AsyncVideoClient, Video, VideoClient, VideoTaskResponse
from support.clock import Clock
from support.server import TASK_ID

Kind = Literal["sync", "asyncio", "trio"]
Driver = Literal["sync", "asyncio", "trio", "aiohttp"]
# The last is asyncio's too, over the extra of that name, wherever that is installed.
DRIVERS: tuple[Driver, ...] = ("sync", "asyncio", "trio", *(("aiohttp",) if find_spec("aiohttp") else ()))
ASYNC_DRIVERS = DRIVERS[1:]
KEY = "rsk_test_0123456789"

T = TypeVar("T")


def kind_of(driver: Driver) -> Kind:
    return "asyncio" if driver == "aiohttp" else driver


@dataclass
class Caller:
    """Makes a client of one kind, calls it once in virtual time, and closes it."""

    kind: Kind
    base_url: str
    clock: Clock = field(default_factory=Clock)
    # Passed on to the client as they are: each test knows what it puts in.
    settings: dict[str, Any] = field(default_factory=dict[str, Any])

    def get(self, task_id: str = TASK_ID) -> VideoTaskResponse:
        return self._call(lambda client: client.get(task_id), lambda client: client.get(task_id))

    # The arguments of `wait`, passed on as they are.
    def wait(self, task_id: str = TASK_ID, **arguments: Any) -> Video:  # noqa: ANN401
        return self._call(
            lambda client: client.wait(task_id, **arguments), lambda client: client.wait(task_id, **arguments)
        )

    def _call(self, sync: Callable[[VideoClient], T], awaited: Callable[[AsyncVideoClient], Awaitable[T]]) -> T:
        settings: dict[str, Any] = {"api_key": KEY, "base_url": self.base_url, **self.settings}
        if self.kind == "sync":
            with VideoClient(**settings) as client:
                client._clock, client._sleep = self.clock, self.clock.sleep
                return sync(client)

        async def main() -> T:
            async with AsyncVideoClient(**settings) as client:
                client._clock, client._sleep = self.clock, self.clock.sleep_async
                return await awaited(client)

        return anyio.run(main, backend=self.kind)
