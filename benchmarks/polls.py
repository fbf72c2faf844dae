"""The contenders: each function returns a function that polls a task once, written as a user would write it."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import httpx

from benchmarks.processes import ErrorReply, hide_packages

TIMEOUT: Final = 60.0
"""Seconds, for all clients alike. With httpx's own five seconds, an overloaded client only reports errors."""
KEY: Final = "rsk_benchmark"
PATH: Final = "/v1/video/generations/"

NO_EXTRA: Final = ErrorReply("this version of the SDK has no such extra")

AsyncPoll: TypeAlias = Callable[[str], Awaitable[object]]


def import_peer(name: str) -> Any:  # noqa: ANN401 - the types session does not install the peers
    """Another project's package, imported only in the process that needs it."""
    return importlib.import_module(name)


def raw_httpx(base_url: str) -> AsyncPoll:
    """`httpx.AsyncClient` with the timeout of all contenders."""
    return poll_with(httpx.AsyncClient(base_url=base_url, headers=_headers(), timeout=TIMEOUT))


def raw_httpx_default_timeout(base_url: str) -> AsyncPoll:
    """`httpx.AsyncClient` with its own timeout of five seconds."""
    return poll_with(httpx.AsyncClient(base_url=base_url, headers=_headers()))


def httpx_limited_to_10(base_url: str) -> AsyncPoll:
    """`httpx.AsyncClient` behind a semaphore."""
    return limited(raw_httpx(base_url), 10)


def httpx_limited_to_20(base_url: str) -> AsyncPoll:
    """The same with the highest limit at which the pool still works well."""
    return limited(raw_httpx(base_url), 20)


def limited(poll: AsyncPoll, max_in_flight: int) -> AsyncPoll:
    """A poll function with a limit for the polls in flight."""
    semaphore = asyncio.Semaphore(max_in_flight)

    async def limited_poll(task_id: str) -> object:
        async with semaphore:
            return await poll(task_id)

    return limited_poll


def httpx_over_aiohttp(base_url: str) -> AsyncPoll:
    """Httpx with the package `httpx-aiohttp` and its default of 100 connections."""
    client = import_peer("httpx_aiohttp").HttpxAiohttpClient
    return poll_with(client(base_url=base_url, headers=_headers(), timeout=TIMEOUT))


def httpx_over_aiohttp_unlimited(base_url: str) -> AsyncPoll:
    """The same with as many connections as requests."""
    limits = httpx.Limits(max_connections=0)  # 0 means no limit to aiohttp
    client = import_peer("httpx_aiohttp").HttpxAiohttpClient
    return poll_with(client(base_url=base_url, headers=_headers(), timeout=TIMEOUT, limits=limits))


def aiohttp_alone(base_url: str) -> AsyncPoll:
    """`aiohttp.ClientSession` with its default of 100 connections."""
    aiohttp = import_peer("aiohttp")
    session = aiohttp.ClientSession(
        base_url, headers=_headers(), timeout=aiohttp.ClientTimeout(total=None, sock_read=TIMEOUT)
    )

    async def poll(task_id: str) -> object:
        async with session.get(PATH + task_id) as response:
            return await response.json()

    return poll


def mesh_sdk(base_url: str) -> AsyncPoll:
    """Mesh's own SDK."""
    client = import_peer("meshapi").AsyncMeshAPI(base_url=base_url, token=KEY, timeout=TIMEOUT)
    retrieve: AsyncPoll = client.videos.retrieve
    return retrieve


def generated(base_url: str) -> AsyncPoll:
    """The generated function with the generated client, unchanged."""
    from meshapi_video_generated.api.video import get_video_generation
    from meshapi_video_generated.client import AuthenticatedClient

    client = AuthenticatedClient(base_url, token=KEY, timeout=httpx.Timeout(TIMEOUT))

    async def poll(task_id: str) -> object:
        return await get_video_generation.asyncio_detailed(task_id, client=client)

    return poll


def this_sdk(base_url: str) -> AsyncPoll:
    """The SDK of this repository, without aiohttp."""
    hide_packages("aiohttp", "httpx_aiohttp")
    from meshapi_video import AsyncVideoClient

    return AsyncVideoClient(KEY, base_url=base_url, timeout=TIMEOUT).get


def this_sdk_over_aiohttp(base_url: str) -> AsyncPoll:
    """The same with the extra. Call `uses_aiohttp` afterwards to check that it used aiohttp."""
    from meshapi_video import AsyncVideoClient

    return AsyncVideoClient(KEY, base_url=base_url, timeout=TIMEOUT).get


def uses_aiohttp() -> bool:
    """Whether this process has imported aiohttp."""
    return "aiohttp" in sys.modules


def poll_with(client: httpx.AsyncClient) -> AsyncPoll:
    """A poll function that sends through a client of httpx."""

    async def poll(task_id: str) -> object:
        return (await client.get(PATH + task_id)).json()

    return poll


def _headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {KEY}"}
