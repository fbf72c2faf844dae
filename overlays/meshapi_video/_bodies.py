"""Bounds what is read of an answer, so that no server fills the memory."""

from __future__ import annotations

import contextlib
import http
import zlib
from typing import TYPE_CHECKING, Final

import httpx

from meshapi_video._errors import InvalidResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

LARGEST_BODY: Final = 4 * 1024 * 1024
"""Bytes of an answer, as sent and as unpacked; a task has a few thousand."""


class BoundedTransport(httpx.BaseTransport):
    """Sends through another transport, and hands on no more of an answer than it may have."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._transport = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Part of httpx's protocol for transports."""
        answer = self._transport.handle_request(request)
        try:
            return _bounded(answer, _BoundedStream(answer))
        except InvalidResponse:
            answer.close()
            raise

    def close(self) -> None:
        """Part of httpx's protocol for transports."""
        self._transport.close()


class AsyncBoundedTransport(httpx.AsyncBaseTransport):
    """The same for an asynchronous client."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Part of httpx's protocol for transports."""
        answer = await self._transport.handle_async_request(request)
        try:
            return _bounded(answer, _AsyncBoundedStream(answer))
        except InvalidResponse:
            await answer.aclose()
            raise

    async def aclose(self) -> None:
        """Part of httpx's protocol for transports."""
        await self._transport.aclose()


def _bounded(answer: httpx.Response, stream: httpx.SyncByteStream | httpx.AsyncByteStream) -> httpx.Response:
    stated = answer.headers.get("content-length", "")
    if answer.status_code == http.HTTPStatus.OK and stated.isdecimal() and int(stated) > LARGEST_BODY:
        raise _too_large()
    if answer.is_closed:
        # A borrowed client's hook has read it, or its transport never sent for it.
        return answer
    # Unpacked here: httpx would unpack a whole part at a time, however much that makes.
    headers = [(name, value) for name, value in answer.headers.multi_items() if name != "content-encoding"]
    return httpx.Response(answer.status_code, headers=headers, stream=stream, extensions=answer.extensions)


class _BoundedStream(httpx.SyncByteStream):
    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer
        self._intake = _Intake(answer)

    def __iter__(self) -> Iterator[bytes]:
        with self._intake.forgiving:
            for part in self._answer.iter_raw():
                yield self._intake.take(part)

    def close(self) -> None:
        self._answer.close()


class _AsyncBoundedStream(httpx.AsyncByteStream):
    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer
        self._intake = _Intake(answer)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with self._intake.forgiving:
            async for part in self._answer.aiter_raw():
                yield self._intake.take(part)

    async def aclose(self) -> None:
        await self._answer.aclose()


class _Intake:
    """Counts what arrives, and unpacks it where it was packed although nobody asked for that."""

    def __init__(self, answer: httpx.Response) -> None:
        self._left = LARGEST_BODY
        self._encoding = answer.headers.get("content-encoding", "").strip().lower()
        packed = self._encoding in {"gzip", "x-gzip"}
        self._unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS) if packed else None
        refused = answer.status_code != http.HTTPStatus.OK
        # The status of a refusal says enough, even where its body is too much or cannot be unpacked.
        self.forgiving = contextlib.suppress(InvalidResponse) if refused else contextlib.nullcontext()
        """What to take the parts inside of: it ends the answer before what cannot be taken of a refusal."""

    def take(self, part: bytes) -> bytes:
        """What `part` holds. Raises `InvalidResponse` when it is too much, or cannot be unpacked."""
        if self._unpacker is not None:
            try:
                part = self._unpacker.decompress(part, self._left + 1)
            except zlib.error as error:
                raise InvalidResponse(f"the answer cannot be unpacked: {error}") from None
        elif self._encoding not in {"", "identity"}:
            # Not quoted: it is whatever the server says, and as long.
            raise InvalidResponse("the answer has a content encoding that nobody asked for")
        self._left -= len(part)
        if self._left < 0:
            raise _too_large()
        return part


def _too_large() -> InvalidResponse:
    return InvalidResponse(
        f"the answer is larger than {LARGEST_BODY // 1024**2} MiB, which no task is; it was not read"
    )
