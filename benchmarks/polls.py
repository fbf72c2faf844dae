"""The contenders: each function returns a function that polls a task once, written as a user would write it.

Every client is as a user gets it: with its own timeout and its own limit of connections.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeAlias

import httpx

from benchmarks import limit
from benchmarks.processes import ErrorReply, hide_packages

KEY: Final = "rsk_benchmark"
PATH: Final = "/v1/video/generations/"
HEADERS: Final = {"Authorization": f"Bearer {KEY}"}

NO_EXTRA: Final = ErrorReply("this version of the SDK has no such extra")

AsyncPoll: TypeAlias = Callable[[str], Awaitable[object]]


class AsyncHTTPClient(Protocol):
    """The part of a client of httpx or httpx2 that a poll needs."""

    async def get(self, url: str) -> httpx.Response:
        """The response."""
        ...


def import_peer(name: str) -> Any:  # noqa: ANN401 - the types session does not install the peers
    """Another project's package, imported only in the process that needs it."""
    return importlib.import_module(name)


def raw_streams(base_url: str) -> AsyncPoll:
    """The limit: `asyncio.open_connection` and a request written by hand."""
    connections = limit.Streams(base_url)

    async def poll(task_id: str) -> object:
        return json.loads(await connections.get(PATH + task_id, KEY))

    return poll


def raw_httpx(base_url: str) -> AsyncPoll:
    """`httpx.AsyncClient`."""
    return poll_with(httpx.AsyncClient(base_url=base_url, headers=HEADERS))


def raw_httpx2(base_url: str) -> AsyncPoll:
    """`httpx2.AsyncClient`."""
    return poll_with(import_peer("httpx2").AsyncClient(base_url=base_url, headers=HEADERS))


def httpx_over_aiohttp(base_url: str) -> AsyncPoll:
    """Httpx with the package `httpx-aiohttp`."""
    return poll_with(import_peer("httpx_aiohttp").HttpxAiohttpClient(base_url=base_url, headers=HEADERS))


def aiohttp_alone(base_url: str) -> AsyncPoll:
    """`aiohttp.ClientSession`."""
    session = import_peer("aiohttp").ClientSession(base_url, headers=HEADERS)

    async def poll(task_id: str) -> object:
        async with session.get(PATH + task_id) as response:
            return await response.json()

    return poll


def mesh_sdk(base_url: str) -> AsyncPoll:
    """Mesh's own SDK."""
    retrieve: AsyncPoll = import_peer("meshapi").AsyncMeshAPI(base_url=base_url, token=KEY).videos.retrieve
    return retrieve


def openai_sdk(base_url: str) -> AsyncPoll:
    """The openai package, whose client is one of httpx2. The server has a canned answer for it."""
    retrieve: AsyncPoll = import_peer("openai").AsyncOpenAI(base_url=f"{base_url}/v1", api_key=KEY).videos.retrieve
    return retrieve


def this_sdk(base_url: str) -> AsyncPoll:
    """The SDK of this repository, without aiohttp."""
    hide_packages("aiohttp", "httpx_aiohttp")
    return this_sdk_over_aiohttp(base_url)


def this_sdk_over_aiohttp(base_url: str) -> AsyncPoll:
    """The same with the extra. Call `uses_aiohttp` afterwards to check that it used aiohttp."""
    from meshapi_video import AsyncVideoClient

    return AsyncVideoClient(KEY, base_url=base_url).get


def sdk_transport(base_url: str) -> AsyncPoll:
    """The SDK's own transport alone, without aiohttp."""
    hide_packages("aiohttp", "httpx_aiohttp")
    return sdk_transport_over_aiohttp(base_url)


def sdk_transport_over_aiohttp(base_url: str) -> AsyncPoll:
    """The same with the extra. It parses the response with `json.loads`, and checks nothing."""
    from meshapi_video import AsyncVideoClient

    # The transport has no public name.
    session = AsyncVideoClient(KEY, base_url=base_url)._session  # noqa: SLF001

    async def poll(task_id: str) -> object:
        request = session._template.build("GET", PATH + task_id)  # noqa: SLF001
        response = await (await session.open()).send(request, check=lambda _response: None)
        return json.loads(response.content)

    return limited(poll, session.capacity)


def limited(poll: AsyncPoll, max_in_flight: int) -> AsyncPoll:
    """A poll function with a limit for the polls in flight."""
    semaphore = asyncio.Semaphore(max_in_flight)

    async def limited_poll(task_id: str) -> object:
        async with semaphore:
            return await poll(task_id)

    return limited_poll


def uses_aiohttp() -> bool:
    """Whether this process has imported aiohttp."""
    return "aiohttp" in sys.modules


def poll_with(client: AsyncHTTPClient) -> AsyncPoll:
    """A poll function that sends through a client of httpx or httpx2."""

    async def poll(task_id: str) -> object:
        return (await client.get(PATH + task_id)).json()

    return poll
