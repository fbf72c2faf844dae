"""The gateway's client of its upstream, simulated or real."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

from meshapi_video_sandbox._clock import LATEST
from meshapi_video_sandbox._error_responses import APIError
from meshapi_video_sandbox._http_library import httpx
from meshapi_video_wire import VideoTaskResponse as WireTask

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from meshapi_video_sandbox._settings import Upstream

_TIMEOUT: Final = 20.0
"""Seconds for one whole request to the upstream."""
_MAX_IN_FLIGHT: Final = 64
"""Requests in flight at the same time. httpcore's pool gets slow if many requests wait in it."""

# Made here, and not at the first use: see `_task_requests`.
_task_decoder: Final = msgspec.json.Decoder(WireTask)


class UpstreamClient:
    """Polls one upstream. Use it from the server's own thread."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._limit = asyncio.Semaphore(_MAX_IN_FLIGHT)

    async def get_task(self, task_id: str) -> WireTask | None:
        """The upstream's task, or None if it knows no such task; an `APIError` with status 502 if it fails."""
        try:
            async with self._limit, asyncio.timeout(_TIMEOUT):
                response = await self._client.get(f"/contents/generations/tasks/{quote(task_id, safe='')}")
        except TimeoutError:
            raise _upstream_error(f"no complete response within {_TIMEOUT:g} s") from None
        except httpx.HTTPError as error:
            raise _upstream_error(str(error) or type(error).__name__) from None
        if response.status_code == 404:
            return None
        if response.status_code != 200:
            raise _upstream_error(f"HTTP {response.status_code}", status=response.status_code)
        try:
            task = _task_decoder.decode(response.content)
        except (ValueError, RecursionError, msgspec.DecodeError) as error:
            raise _upstream_error(f"the response is not a valid task: {error}") from None
        if task.id != task_id:
            raise _upstream_error("the response is about another task")
        if isinstance(task.updated_at, int) and task.updated_at > LATEST:
            raise _upstream_error("the response has an `updated_at` that is too late to be a date")
        return task


def _upstream_error(message: str, **provider_error: object) -> APIError:
    return APIError(502, f"BytePlus upstream error: {message}", provider_error={"message": message, **provider_error})


@asynccontextmanager
async def open_upstream_client(upstream: Upstream) -> AsyncGenerator[UpstreamClient]:
    """A client of the upstream, until the block ends."""
    async with httpx.AsyncClient(
        base_url=upstream.url,
        headers={"Authorization": f"Bearer {upstream.key}"},
        timeout=_TIMEOUT,
        # The simulated upstream is on this machine: it needs no proxy, and loading certificates takes time.
        trust_env=not upstream.simulated,
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if upstream.simulated else True,
    ) as client:
        yield UpstreamClient(client)
