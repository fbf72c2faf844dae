"""The asynchronous client's way to the server: what the generated functions ask through.

They call nothing but `request`, and get an answer that was read whole, was checked, and is a task.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from typing import TYPE_CHECKING, Final

import anyio

from meshapi_video._answers import check_answer
from meshapi_video._borrowed import AsyncBorrowed
from meshapi_video._connections import AsyncConnections
from meshapi_video._prepared import Prepared
from meshapi_video._transport import BORROWED_CAPACITY, CAPACITY, environment_proxy, tls_context

if TYPE_CHECKING:
    from typing import Protocol

    import httpx

    from meshapi_video._bodies import Answer
    from meshapi_video._config import Config

    class _Sender(Protocol):
        async def send(self, method: str, path: str) -> Answer: ...

        async def aclose(self) -> None: ...


def has_aiohttp() -> bool:
    """Whether the extra of that name is installed; loads it, for which later an event loop would wait."""
    with contextlib.suppress(ImportError):
        return bool(importlib.import_module("meshapi_video._aiohttp").IS_NEW_ENOUGH)
    return False


HAS_AIOHTTP: Final = has_aiohttp()


class AsyncWay:
    """For asyncio and trio."""

    def __init__(self, config: Config, http_client: httpx.AsyncClient | None) -> None:
        self._config = config
        self._prepared = Prepared(config)
        self._proxy = None if http_client is not None else environment_proxy(config.base_url)
        self._sender: _Sender | None = None if http_client is None else AsyncBorrowed(self._prepared, http_client)
        self.capacity: Final = CAPACITY if http_client is None else BORROWED_CAPACITY
        """How many looks it takes well at once."""
        self.is_closed = False

    def open(self) -> _Sender:
        """Opens it where it was not, on the event loop that runs, and before the first look's time does.

        Raises `RuntimeError` once it is closed.
        """
        if self.is_closed:
            raise RuntimeError("this client has been closed")
        if self._sender is None:
            self._sender = self._opened()
        return self._sender

    async def request(self, method: str, url: str) -> Answer:
        """A task's answer; raises `APIError` or `InvalidResponse` for any other, and what httpx raises."""
        answer = await self.open().send(method, url)
        check_answer(answer, self._config)
        return answer

    async def aclose(self) -> None:
        """Closes what was opened."""
        self.is_closed = True
        if self._sender is not None:
            # All of it, where this is cancelled too.
            with anyio.CancelScope(shield=True):
                await self._sender.aclose()

    def _opened(self) -> _Sender:
        tls = tls_context(self._config.base_url)
        # aiohttp knows not every kind of proxy, and asyncio alone.
        if self._proxy is None and HAS_AIOHTTP and anyio.get_cancelled_exc_class() is asyncio.CancelledError:
            from meshapi_video._aiohttp import AiohttpConnections  # noqa: PLC0415 - there only with the extra

            return AiohttpConnections(self._prepared, tls)
        return AsyncConnections(self._prepared, tls, self._proxy)
