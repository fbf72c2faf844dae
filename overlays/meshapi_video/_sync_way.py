"""The blocking client's way to the server: what the generated functions ask through.

They call nothing but `request`, and get an answer that was read whole, was checked, and is a task.
It is opened by its first look, which loads what a program that never looks has no use for.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Protocol

from meshapi_video._answers import check_answer
from meshapi_video._borrowed import Borrowed
from meshapi_video._prepared import Prepared
from meshapi_video._transport import BORROWED_CAPACITY, CAPACITY, environment_proxy, tls_context

if TYPE_CHECKING:
    import httpx

    from meshapi_video._bodies import Answer
    from meshapi_video._config import Config


class _Sender(Protocol):
    def send(self, method: str, path: str) -> Answer: ...

    def close(self) -> None: ...


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
        """A task's answer; raises `APIError` or `InvalidResponse` for any other, and what httpx raises."""
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
