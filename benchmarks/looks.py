"""The contenders: each gives a function that looks at a task once, as its users would write it."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import httpx

from benchmarks.processes import Refusal, without

TIMEOUT: Final = 60.0
"""Seconds for every client alike: with httpx's own five, a client that has collapsed only fails."""
KEY: Final = "rsk_benchmark"
PATH: Final = "/v1/video/generations/"

NO_EXTRA: Final = Refusal("this version of the SDK has no such extra")

AsyncLook: TypeAlias = Callable[[str], Awaitable[object]]
Look: TypeAlias = Callable[[str], object]


def peer(name: str) -> Any:  # noqa: ANN401 - where types are checked, the peers need not be installed
    """Another project's package; whoever is measured has imported no more of them than it needs."""
    return importlib.import_module(name)


def raw_httpx(base_url: str) -> AsyncLook:
    """`httpx.AsyncClient`, which has the time that all have."""
    return through(httpx.AsyncClient(base_url=base_url, headers=_headers(), timeout=TIMEOUT))


def raw_httpx_as_it_comes(base_url: str) -> AsyncLook:
    """`httpx.AsyncClient` with its own timeout, of five seconds."""
    return through(httpx.AsyncClient(base_url=base_url, headers=_headers()))


def httpx_behind_ten(base_url: str) -> AsyncLook:
    """The same behind a semaphore."""
    return limited(raw_httpx(base_url), 10)


def httpx_behind_twenty(base_url: str) -> AsyncLook:
    """The same with a limit that a busier pool still bears."""
    return limited(raw_httpx(base_url), 20)


def limited(look: AsyncLook, at_once: int) -> AsyncLook:
    """A look of which so many are made at once."""
    turn = asyncio.Semaphore(at_once)

    async def in_turn(task_id: str) -> object:
        async with turn:
            return await look(task_id)

    return in_turn


def httpx_over_aiohttp(base_url: str) -> AsyncLook:
    """Httpx with the package `httpx-aiohttp`, as it comes: 100 connections."""
    return through(peer("httpx_aiohttp").HttpxAiohttpClient(base_url=base_url, headers=_headers(), timeout=TIMEOUT))


def httpx_over_aiohttp_unlimited(base_url: str) -> AsyncLook:
    """The same with as many connections as requests."""
    limits = httpx.Limits(max_connections=0)  # aiohttp's word for any number
    return through(
        peer("httpx_aiohttp").HttpxAiohttpClient(base_url=base_url, headers=_headers(), timeout=TIMEOUT, limits=limits)
    )


def aiohttp_alone(base_url: str) -> AsyncLook:
    """`aiohttp.ClientSession` as it comes: 100 connections."""
    aiohttp = peer("aiohttp")
    session = aiohttp.ClientSession(
        base_url, headers=_headers(), timeout=aiohttp.ClientTimeout(total=None, sock_read=TIMEOUT)
    )

    async def look(task_id: str) -> object:
        async with session.get(PATH + task_id) as answer:
            return await answer.json()

    return look


def mesh(base_url: str) -> AsyncLook:
    """Mesh's own SDK."""
    client = peer("meshapi").AsyncMeshAPI(base_url=base_url, token=KEY, timeout=TIMEOUT)
    retrieve: AsyncLook = client.videos.retrieve
    return retrieve


def generated(base_url: str) -> AsyncLook:
    """The generated function with the generated client, as they come."""
    from meshapi_video_generated.api.video import get_video_generation
    from meshapi_video_generated.client import AuthenticatedClient

    client = AuthenticatedClient(base_url, token=KEY, timeout=httpx.Timeout(TIMEOUT))

    async def look(task_id: str) -> object:
        return await get_video_generation.asyncio_detailed(task_id, client=client)

    return look


def ours(base_url: str) -> AsyncLook:
    """Ours, where aiohttp is not installed."""
    without("aiohttp", "httpx_aiohttp")
    from meshapi_video import AsyncVideoClient

    return AsyncVideoClient(KEY, base_url=base_url, timeout=TIMEOUT).get


def ours_over_aiohttp(base_url: str) -> AsyncLook:
    """Ours with the extra; `uses_aiohttp` says afterwards whether it did use it."""
    from meshapi_video import AsyncVideoClient

    return AsyncVideoClient(KEY, base_url=base_url, timeout=TIMEOUT).get


def uses_aiohttp() -> bool:
    """Whether this process has come to use it."""
    return "aiohttp" in sys.modules


def through(http: httpx.AsyncClient) -> AsyncLook:
    """A look that sends through a client of httpx."""

    async def look(task_id: str) -> object:
        return (await http.get(PATH + task_id)).json()

    return look


def _headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {KEY}"}
