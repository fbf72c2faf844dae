"""Sends through an httpx client that the user made, and neither changes its settings nor closes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httpx

from meshapi_video._transport import bound, time_left

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_OTHER_KIND: Final = ": VideoClient takes an httpx.Client, and AsyncVideoClient an httpx.AsyncClient"


class BorrowedTransport(httpx.BaseTransport):
    """For a blocking client."""

    def __init__(self, client: httpx.Client) -> None:
        if not isinstance(client, httpx.Client):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise TypeError(f"http_client should be an httpx.Client, not {type(client).__name__}{_OTHER_KIND}")
        self._client = client

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Part of httpx's protocol for transports."""
        bound(request)
        try:
            answer = self._client.send(request, stream=True, auth=httpx.Auth(), follow_redirects=False)
        except httpx.HTTPStatusError as error:
            # A hook that calls `raise_for_status`; which error it is is for `check_answer` to say.
            answer = error.response
        return _handed_on(answer, _BorrowedStream(answer))


def _handed_on(answer: httpx.Response, stream: httpx.SyncByteStream | httpx.AsyncByteStream) -> httpx.Response:
    """A borrowed client's answer: still to be read, or read already by a hook or a mocked transport."""
    if not answer.is_closed:
        return httpx.Response(answer.status_code, headers=answer.headers, stream=stream, extensions=answer.extensions)
    try:
        content = answer.content
    except httpx.ResponseNotRead:
        # httpx closes what a hook raises about; its status is enough to tell a refusal.
        if answer.is_success:
            raise
        content = b""
    # Of the body as it was sent, not as it was read.
    sent = {"content-encoding", "content-length", "transfer-encoding"}
    headers = [(name, value) for name, value in answer.headers.multi_items() if name not in sent]
    return httpx.Response(answer.status_code, headers=headers, content=content, extensions=answer.extensions)


class _BorrowedStream(httpx.SyncByteStream):
    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        for part in self._answer.iter_raw():
            time_left()
            yield part

    def close(self) -> None:
        self._answer.close()


class AsyncBorrowedTransport(httpx.AsyncBaseTransport):
    """For an asynchronous client."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        if not isinstance(client, httpx.AsyncClient):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise TypeError(f"http_client should be an httpx.AsyncClient, not {type(client).__name__}{_OTHER_KIND}")
        self._client = client

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Part of httpx's protocol for transports."""
        try:
            answer = await self._client.send(request, stream=True, auth=httpx.Auth(), follow_redirects=False)
        except httpx.HTTPStatusError as error:
            answer = error.response
        return _handed_on(answer, _AsyncBorrowedStream(answer))


class _AsyncBorrowedStream(httpx.AsyncByteStream):
    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._answer.aiter_raw():
            yield part

    async def aclose(self) -> None:
        await self._answer.aclose()
