"""The blocking client."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Self

import httpx

from meshapi_video import _polling
from meshapi_video._answers import check_answer
from meshapi_video._borrowed import BorrowedTransport
from meshapi_video._config import ApiKey, Config, check_task_id
from meshapi_video._contract import task_in
from meshapi_video._errors import MeshVideoError
from meshapi_video._logging import log_look
from meshapi_video._polling import Done, GiveUp, Look, Poll, PollPolicy, Sleep
from meshapi_video._tasks import Video, video_of
from meshapi_video._transport import (
    HEADERS,
    BearerAuth,
    DeadlineTransport,
    environment_proxy,
    no_cookies,
    request_deadline,
    tls_context,
    typed_errors,
)
from meshapi_video_generated.api.video import get_video_generation
from meshapi_video_generated.client import AuthenticatedClient
from meshapi_video_generated.models import VideoTaskResponse

if TYPE_CHECKING:
    from collections.abc import Callable


class VideoClient:
    """Gets video tasks from Mesh API, and waits for them, blocking the calling thread.

    `api_key` defaults to the environment variable `MESHAPI_API_KEY`, `base_url` to
    `MESHAPI_BASE_URL` and then to the API's own server. `timeout` is the seconds that one
    request may take as a whole, and `max_retries` how often `get` asks again after a failure
    that may pass. `http_client` is an `httpx.Client` of yours to send through, with its own
    proxies and certificates; it stays yours to close.

    Two things blocking code cannot bound: looking up the server's name, which takes as long as
    the system lets it; and, through an `http_client` of yours, headers that arrive byte by byte,
    where the time counts for each byte anew. `AsyncVideoClient` bounds both.

    Use it as a context manager, or `close` it. It can be shared between threads. Without a key,
    or with a proxy in the environment that cannot be used, it raises `MeshVideoError`; any other
    setting that cannot work is a `ValueError`, and an `http_client` of the wrong kind a `TypeError`.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float = 30.0,
        max_retries: int = 2,
        http_client: httpx.Client | None = None,
    ) -> None:
        key = ApiKey(api_key)
        # Whatever is raised from here on, a traceback that prints its locals does not show it.
        del api_key
        self._config = config = Config.resolve(key, base_url, timeout, max_retries)
        self._http = httpx.Client(
            base_url=config.base_url,
            auth=BearerAuth(config),
            headers=HEADERS,
            timeout=timeout,
            cookies=no_cookies(),
            event_hooks={"response": [self._check]},
            transport=BorrowedTransport(http_client)
            if http_client is not None
            else DeadlineTransport(tls_context(config.base_url), environment_proxy(config.base_url)),
        )
        # Without the token: only the client's own httpx clients would use it, and its `repr` shows it.
        self._generated = AuthenticatedClient(config.base_url, token="").set_httpx_client(self._http)
        self._clock: Callable[[], float] = time.monotonic
        self._chance: Callable[[], float] = random.random
        self._sleep: Callable[[float], None] = time.sleep

    def __repr__(self) -> str:
        # A traceback that prints its locals may ask before there is a configuration.
        known = f"base_url={self._config.base_url!r}" if hasattr(self, "_config") else "unfinished"
        return f"{type(self).__name__}({known})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections that this client opened. It cannot be used afterwards."""
        self._http.close()

    def get(self, task_id: str) -> VideoTaskResponse:
        """The task as it is now.

        Asks once, and at most `max_retries` times more after failures that may pass. Raises
        `APIError`, `ConnectionFailed` or `InvalidResponse`, and `ValueError` for what cannot be a
        task's id.
        """
        retries = self._config.max_retries
        return self._drive(_polling.get(check_task_id(task_id), retries, self._clock()))

    def wait(
        self,
        task_id: str,
        *,
        timeout: float = 900.0,
        poll: PollPolicy = PollPolicy(),
        on_update: Callable[[VideoTaskResponse], object] | None = None,
    ) -> Video:
        """Blocks until the task is over, for at most `timeout` seconds, and returns its video.

        Looks at once, then after the delays of `poll`, and calls `on_update` with every answer.
        Failures that may pass are ridden through, and the server's `Retry-After` is honoured. A
        last look at the deadline may take up to a second more.

        Raises `TaskFailed`, `TaskExpired` or `TaskCancelled` when the task ended without a video;
        `WaitTimeout` when the time is over, after which waiting again on the same id goes on
        where this left off; `APIError` or `InvalidResponse` when asking again cannot help; and
        `ValueError` for what cannot be a task's id or a time.
        """
        state = _polling.wait(check_task_id(task_id), poll, timeout, self._clock())
        return video_of(self._drive(state, on_update))

    def _drive(self, poll: Poll, on_update: Callable[[VideoTaskResponse], object] | None = None) -> VideoTaskResponse:
        while True:
            match _polling.decide(poll, self._clock()):
                case Done(task):
                    return task
                case GiveUp(error):
                    raise error
                case Sleep(seconds):
                    self._sleep(seconds)
                case Look(timeout):
                    try:
                        task = self._look(poll.task_id, timeout)
                    except MeshVideoError as error:
                        poll = _polling.missed(poll, error, self._clock(), self._chance())
                    else:
                        poll = _polling.answered(poll, task, self._clock(), self._chance())
                        if on_update is not None:
                            on_update(task)
                    log_look(poll)

    def _look(self, task_id: str, seconds_left: float) -> VideoTaskResponse:
        seconds = min(seconds_left, self._config.timeout)
        with typed_errors(task_id, self._config, seconds), request_deadline(seconds):
            return task_in(get_video_generation.sync(task_id, client=self._generated))

    def _check(self, response: httpx.Response) -> None:
        response.read()
        check_answer(response, self._config.api_key)
