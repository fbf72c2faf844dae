# pyright: strict
"""Code of a user of httpx2: type-checked with httpx2 installed, and never run."""

import httpx
import httpx2

from meshapi_video import AsyncHTTPClient, AsyncVideoClient, HTTPClient, VideoClient


def blocking() -> None:
    with httpx2.Client() as http_client, VideoClient(http_client=http_client):
        pass


async def awaited() -> None:
    async with httpx2.AsyncClient() as http_client, AsyncVideoClient(http_client=http_client):
        pass


def either() -> tuple[list[HTTPClient], list[AsyncHTTPClient]]:
    return [httpx.Client(), httpx2.Client()], [httpx.AsyncClient(), httpx2.AsyncClient()]


def refused() -> None:
    VideoClient(http_client=httpx2.AsyncClient())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    AsyncVideoClient(http_client=httpx2.Client())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    VideoClient(transport="aiohttp")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
