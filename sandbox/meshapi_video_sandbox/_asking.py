"""How the gateway asks its upstream, simulated or real."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import httpx
import msgspec

from meshapi_video_sandbox._clock import LATEST
from meshapi_video_sandbox._envelope import Problem
from meshapi_video_wire import VideoTaskResponse as WireTask

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from meshapi_video_sandbox._settings import Upstream

_TIMEOUT: Final = 20.0
"""Seconds that the upstream has for an answer as a whole."""
_AT_ONCE: Final = 64
"""Questions under way at once: httpcore's pool gets slow by those that wait in it."""


class Asker:
    """Asks one upstream. To be used from the server's own thread."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def ask(self, task_id: str) -> WireTask | None:
        """The upstream's answer about a task, or None if it knows none; a `Problem` with 502 if it fails."""
        try:
            async with self._turns, asyncio.timeout(_TIMEOUT):
                answer = await self._client.get(f"/contents/generations/tasks/{quote(task_id, safe='')}")
        except TimeoutError:
            raise _failed(f"no whole answer within {_TIMEOUT:g} s") from None
        except httpx.HTTPError as error:
            raise _failed(str(error) or type(error).__name__) from None
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise _failed(f"HTTP {answer.status_code}", status=answer.status_code)
        try:
            task = msgspec.json.decode(answer.content, type=WireTask)
        except (ValueError, RecursionError, msgspec.DecodeError) as error:
            raise _failed(f"an answer that is no task: {error}") from None
        if task.id != task_id:
            raise _failed("an answer about another task")
        if isinstance(task.updated_at, int) and task.updated_at > LATEST:
            raise _failed("an answer from a time that no clock shows")
        return task


def _failed(message: str, **provider_error: object) -> Problem:
    return Problem(502, f"BytePlus upstream error: {message}", provider_error={"message": message, **provider_error})


@asynccontextmanager
async def asking(upstream: Upstream) -> AsyncGenerator[Asker]:
    """Somebody who asks, until the block ends."""
    async with httpx.AsyncClient(
        base_url=upstream.url,
        headers={"Authorization": f"Bearer {upstream.key}"},
        timeout=_TIMEOUT,
        # What is on this machine is reached without a proxy, and without the work of loading certificates.
        trust_env=not upstream.simulated,
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if upstream.simulated else True,
    ) as client:
        yield Asker(client)
