"""The asynchronous client, for asyncio and trio."""

from __future__ import annotations

import inspect
import random
import time
from typing import TYPE_CHECKING, Final, Self

import anyio
import httpx

from meshapi_video import _polling
from meshapi_video._answers import check_answer
from meshapi_video._borrowed import AsyncBorrowedTransport
from meshapi_video._config import ApiKey, Config, check_task_id
from meshapi_video._contract import task_in
from meshapi_video._errors import ConnectionFailed, MeshVideoError
from meshapi_video._logging import log_look
from meshapi_video._polling import Done, GiveUp, Look, Poll, PollPolicy, Sleep
from meshapi_video._tasks import Video, video_of
from meshapi_video._transport import (
    HEADERS,
    BearerAuth,
    about,
    environment_proxy,
    no_cookies,
    tls_context,
    typed_errors,
)
from meshapi_video_generated.api.video import get_video_generation
from meshapi_video_generated.client import AuthenticatedClient
from meshapi_video_generated.models import VideoTaskResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MAX_IN_FLIGHT: Final = 20
"""Requests that one client has under way at once. httpcore's pool does work for every request in
proportion to all that are queued and open, and collapses when they are many."""


class AsyncVideoClient:
    """Gets video tasks from Mesh API, and waits for them, on asyncio or trio.

    `api_key` defaults to the environment variable `MESHAPI_API_KEY`, `base_url` to
    `MESHAPI_BASE_URL` and then to the API's own server. `timeout` is the seconds that one
    request may take as a whole, and `max_retries` how often `get` asks again after a failure
    that may pass. `http_client` is an `httpx.AsyncClient` of yours to send through, with its
    own proxies and certificates; it stays yours to close.

    Use it as an async context manager, or `close` it. It can be shared between the tasks of one
    event loop; at most 20 of its requests are under way at once, and others take turns. Without
    a key, or with a proxy in the environment that cannot be used, it raises `MeshVideoError`; any
    other setting that cannot work is a `ValueError`, and an `http_client` of the wrong kind a
    `TypeError`.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float = 30.0,
        max_retries: int = 2,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        key = ApiKey(api_key)
        # Whatever is raised from here on, a traceback that prints its locals does not show it.
        del api_key
        self._config = config = Config.resolve(key, base_url, timeout, max_retries)
        self._http = httpx.AsyncClient(
            base_url=config.base_url,
            auth=BearerAuth(config),
            headers=HEADERS,
            timeout=timeout,
            cookies=no_cookies(),
            event_hooks={"response": [self._check]},
            transport=AsyncBorrowedTransport(http_client)
            if http_client is not None
            else httpx.AsyncHTTPTransport(tls_context(config.base_url), proxy=environment_proxy(config.base_url)),
        )
        # Without the token: only the client's own httpx clients would use it, and its `repr` shows it.
        self._generated = AuthenticatedClient(config.base_url, token="").set_async_httpx_client(self._http)
        self._in_flight = anyio.Semaphore(MAX_IN_FLIGHT)
        self._clock: Callable[[], float] = time.monotonic
        self._chance: Callable[[], float] = random.random
        self._sleep: Callable[[float], Awaitable[None]] = anyio.sleep

    def __repr__(self) -> str:
        # A traceback that prints its locals may ask before there is a configuration.
        known = f"base_url={self._config.base_url!r}" if hasattr(self, "_config") else "unfinished"
        return f"{type(self).__name__}({known})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections that this client opened. It cannot be used afterwards."""
        await self._http.aclose()

    async def get(self, task_id: str) -> VideoTaskResponse:
        """The task as it is now.

        Asks once, and at most `max_retries` times more after failures that may pass. Raises
        `APIError`, `ConnectionFailed` or `InvalidResponse`, and `ValueError` for what cannot be a
        task's id.
        """
        retries = self._config.max_retries
        return await self._drive(_polling.get(check_task_id(task_id), retries, self._clock()))

    async def wait(
        self,
        task_id: str,
        *,
        timeout: float = 900.0,  # noqa: ASYNC109 - a wait that times out says more than a cancelled one
        poll: PollPolicy = PollPolicy(),
        on_update: Callable[[VideoTaskResponse], object] | None = None,
    ) -> Video:
        """Waits until the task is over, for at most `timeout` seconds, and returns its video.

        Looks at once, then after the delays of `poll`, and calls `on_update` with every answer:
        a plain function, which should not block, or an async one, which is awaited and so may
        keep the next look waiting. Failures that may pass are ridden through, and the server's
        `Retry-After` is honoured. A last look at the deadline may take up to a second more.

        Raises `TaskFailed`, `TaskExpired` or `TaskCancelled` when the task ended without a video;
        `WaitTimeout` when the time is over, after which waiting again on the same id goes on
        where this left off; `APIError` or `InvalidResponse` when asking again cannot help; and
        `ValueError` for what cannot be a task's id or a time.
        """
        state = _polling.wait(check_task_id(task_id), poll, timeout, self._clock())
        return video_of(await self._drive(state, on_update))

    async def _drive(
        self, poll: Poll, on_update: Callable[[VideoTaskResponse], object] | None = None
    ) -> VideoTaskResponse:
        while True:
            match _polling.decide(poll, self._clock()):
                case Done(task):
                    return task
                case GiveUp(error):
                    raise error
                case Sleep(seconds):
                    await self._sleep(seconds)
                case Look(timeout):
                    try:
                        task = await self._look(poll.task_id, timeout)
                    except MeshVideoError as error:
                        poll = _polling.missed(poll, error, self._clock(), self._chance())
                    else:
                        poll = _polling.answered(poll, task, self._clock(), self._chance())
                        if on_update is not None:
                            told = on_update(task)
                            if inspect.isawaitable(told):
                                await told
                    log_look(poll)

    async def _look(self, task_id: str, seconds_left: float) -> VideoTaskResponse:
        # Waiting for a turn counts towards the poll's deadline, not towards the request's time.
        deadline = anyio.current_time() + seconds_left
        with anyio.move_on_after(seconds_left) as queue:
            await self._in_flight.acquire()
        if queue.cancelled_caught:
            reason = f"no turn among the {MAX_IN_FLIGHT} requests under way within {seconds_left:.3g} s"
            raise about(task_id, ConnectionFailed(reason))
        try:
            seconds = min(deadline - anyio.current_time(), self._config.timeout)
            with typed_errors(task_id, self._config, seconds), anyio.fail_after(seconds):
                return task_in(await get_video_generation.asyncio(task_id, client=self._generated))
        finally:
            self._in_flight.release()

    async def _check(self, response: httpx.Response) -> None:
        await response.aread()
        check_answer(response, self._config.api_key)
