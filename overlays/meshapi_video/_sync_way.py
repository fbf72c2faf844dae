"""The blocking client's way to the server: what the generated functions ask through.

They call nothing but `request`, and get an answer that was read whole, was checked, and is a task.
It is opened by its first look, which loads what a program that never looks has no use for.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Final

from meshapi_video._borrowed import Borrowed
from meshapi_video._prepared import Prepared
from meshapi_video._transport import BORROWED_CAPACITY, CAPACITY, environment_proxy, tls_context

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol, TypeAlias

    import httpx

    from meshapi_video._bodies import Answer
    from meshapi_video._config import Config

    class _Sender(Protocol):
        def send(self, method: str, path: str) -> Answer: ...

        def close(self) -> None: ...

    _Check: TypeAlias = Callable[[Answer, Config], None]


class Way:
    """For blocking code, in any number of threads."""

    def __init__(self, config: Config, http_client: httpx.Client | None) -> None:
        self._config = config
        self._prepared = Prepared(config)
        self._proxy = None if http_client is not None else environment_proxy(config.base_url)
        self._borrowed = None if http_client is None else Borrowed(self._prepared, http_client)
        self.capacity: Final = CAPACITY if http_client is None else BORROWED_CAPACITY
        """How many looks it takes well at once."""
        self._opened: tuple[_Sender, _Check] | None = None
        self._opening = threading.Lock()
        self._process = os.getpid()
        self.is_closed = False

    def open(self) -> tuple[_Sender, _Check]:
        """Loads what the first look needs, whose time does not run while this does.

        Raises `RuntimeError` once it is closed.
        """
        if self._process != os.getpid():
            # After a fork: what is kept is the parent's, and so is the lock.
            self._process, self._opening, self._opened = os.getpid(), threading.Lock(), None
        with self._opening:
            if self.is_closed:
                raise RuntimeError("this client has been closed")
            if self._opened is None:
                from meshapi_video._answers import check_answer  # noqa: PLC0415 - see above

                self._opened = self._borrowed or self._connections(), check_answer
            return self._opened

    def request(self, method: str, url: str) -> Answer:
        """A task's answer; raises `APIError` or `InvalidResponse` for any other, and what httpx raises."""
        sender, check = self.open()
        answer = sender.send(method, url)
        check(answer, self._config)
        return answer

    def close(self) -> None:
        """Closes what was opened."""
        with self._opening:
            self.is_closed = True
        if self._opened is not None:
            self._opened[0].close()

    def _connections(self) -> _Sender:
        from meshapi_video._connections import Connections  # noqa: PLC0415 - see above

        return Connections(self._prepared, tls_context(self._config.base_url), self._proxy)
