"""The ways to the server, one for each kind of client: what the generated functions ask through.

They call nothing but `request`, and get an answer that was read whole, was checked, and is a task.
A way is opened by its first look, which loads what a program that never looks has no use for.
"""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from typing import TYPE_CHECKING, Final, Protocol

import anyio

from meshapi_video._answers import check_answer
from meshapi_video._borrowed import AsyncBorrowed, Borrowed
from meshapi_video._prepared import Prepared
from meshapi_video._transport import environment_proxy, tls_context

if TYPE_CHECKING:
    import httpx

    from meshapi_video._bodies import Answer
    from meshapi_video._config import Config


CAPACITY: Final = 250
"""Looks that may be under way at once, each on a connection: on most systems a program may have some
thousand files open."""
BORROWED_CAPACITY: Final = 20
"""The same through a borrowed client: httpcore's pool does work for every request in proportion to all
that are queued and open, and collapses when they are many."""


class _Sender(Protocol):
    def send(self, method: str, path: str) -> Answer: ...

    def close(self) -> None: ...


class _AsyncSender(Protocol):
    async def send(self, method: str, path: str) -> Answer: ...

    async def aclose(self) -> None: ...


class Way:
    """For blocking code, in any number of threads."""

    def __init__(self, config: Config, http_client: httpx.Client | None) -> None:
        self._config = config
        self._prepared = Prepared(config)
        self._proxy = None if http_client is not None else environment_proxy(config.base_url)
        self._sender: _Sender | None = None if http_client is None else Borrowed(self._prepared, http_client)
        self.capacity: Final = CAPACITY if http_client is None else BORROWED_CAPACITY
        """How many looks it takes well at once."""
        self._opening = threading.Lock()
        self.is_closed = False

    def open(self) -> None:
        """Loads what the first look needs, whose time does not run while this does."""
        with self._opening:
            if self._sender is None:
                self._sender = self._opened()

    def request(self, method: str, url: str) -> Answer:
        """A task's answer; raises `APIError` or `InvalidResponse` for any other, and what httpx and httpcore raise."""
        if self.is_closed or self._sender is None:
            raise RuntimeError("this client has been closed")
        answer = self._sender.send(method, url)
        check_answer(answer, self._config)
        return answer

    def close(self) -> None:
        """Closes what was opened."""
        self.is_closed = True
        if self._sender is not None:
            self._sender.close()

    def _opened(self) -> _Sender:
        from meshapi_video._connections import Connections  # noqa: PLC0415 - see above

        return Connections(self._prepared, tls_context(self._config.base_url), self._proxy, self.capacity)


class AsyncWay:
    """For asyncio and trio."""

    def __init__(self, config: Config, http_client: httpx.AsyncClient | None) -> None:
        self._config = config
        self._prepared = Prepared(config)
        self._proxy = None if http_client is not None else environment_proxy(config.base_url)
        self._sender: _AsyncSender | None = None if http_client is None else AsyncBorrowed(self._prepared, http_client)
        self.capacity: Final = CAPACITY if http_client is None else BORROWED_CAPACITY
        """How many looks it takes well at once."""
        self.is_closed = False

    def open(self) -> None:
        """Loads what the first look needs, whose time does not run while this does."""
        if self._sender is None:
            self._sender = self._opened()

    async def request(self, method: str, url: str) -> Answer:
        """A task's answer; raises `APIError` or `InvalidResponse` for any other, and what httpx and httpcore raise."""
        if self.is_closed or self._sender is None:
            raise RuntimeError("this client has been closed")
        answer = await self._sender.send(method, url)
        check_answer(answer, self._config)
        return answer

    async def aclose(self) -> None:
        """Closes what was opened."""
        self.is_closed = True
        if self._sender is not None:
            await self._sender.aclose()

    def _opened(self) -> _AsyncSender:
        tls = tls_context(self._config.base_url)
        # aiohttp knows not every kind of proxy, and asyncio alone.
        if self._proxy is None and has_aiohttp() and anyio.get_cancelled_exc_class() is asyncio.CancelledError:
            from meshapi_video._aiohttp import AiohttpConnections  # noqa: PLC0415 - see above

            return AiohttpConnections(self._prepared, tls)
        from meshapi_video._connections import AsyncConnections  # noqa: PLC0415 - see above

        return AsyncConnections(self._prepared, tls, self._proxy)


def has_aiohttp() -> bool:
    """Whether the extra of that name is installed."""
    return importlib.util.find_spec("aiohttp") is not None
