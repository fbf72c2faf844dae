"""A response of the API, with a body of limited size, so that no server can fill the memory."""

from __future__ import annotations

import contextlib
import zlib
from typing import TYPE_CHECKING, Any, Final

from meshapi_video._errors import InvalidResponse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LARGEST_BODY: Final = 4 * 1024 * 1024
"""The size limit of a body in bytes, as sent and after decompression; a task has a few thousand."""


class Response:
    """A response with its whole body: the part of httpx's response that the generated functions use."""

    def __init__(self, status_code: int, headers: Mapping[str, str], content: bytes) -> None:
        self.status_code = status_code
        self.headers = headers
        """By their names in lower case."""
        self.content = content
        self.parsed: object = None
        """The body as Python's own types, after the check."""

    # The generated parser expects a value of any type.
    def json(self) -> Any:  # noqa: ANN401
        """The body as Python's own types. The check has parsed it already."""
        return self.parsed


def headers_by_name(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers by their names in lower case. Several with one name become one, as HTTP defines it."""
    # Not `httpx.Headers`, which goes through all headers to find one.
    headers: dict[str, str] = {}
    for name, value in raw:
        key = name.decode("latin-1").lower()
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            text = value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


class BodyReader:
    """Collects the body of one response, limits its size, and decompresses it if necessary.

    Raises `InvalidResponse` for a response whose headers state a size over the limit.
    """

    def __init__(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self._status = status
        self._headers = headers_by_name(headers)
        # Not `list[bytes]()`, which takes ten times as long: each poll makes one.
        self._parts: list[bytes] = []
        self._left = LARGEST_BODY
        self._encoding = self._headers.pop("content-encoding", "").strip().lower()
        is_gzip = self._encoding in {"gzip", "x-gzip"}
        self._decompressor = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS) if is_gzip else None
        is_error = not 200 <= status < 300
        # The status of an error is useful even if its body is too large or cannot be decompressed.
        self.lenient = contextlib.suppress(InvalidResponse) if is_error else contextlib.nullcontext()
        """Call `feed` in this context. It ends the body of an error before the part that cannot be read."""
        stated = self._headers.get("content-length", "")
        if not is_error and stated.isdecimal() and int(stated) > LARGEST_BODY:
            raise _too_large()

    def feed(self, part: bytes) -> None:
        """Adds `part`. Raises `InvalidResponse` if the body is too large or cannot be decompressed."""
        if self._decompressor is not None:
            try:
                part = self._decompressor.decompress(part, self._left + 1)
            except zlib.error as error:
                raise InvalidResponse(f"the response cannot be decompressed: {error}") from None
        elif self._encoding not in {"", "identity"}:
            # The error does not quote the encoding: the server chooses its text and its length.
            raise InvalidResponse("the response has a content encoding that the request did not accept")
        self._left -= len(part)
        if self._left < 0:
            raise _too_large()
        self._parts.append(part)

    def response(self) -> Response:
        """The response with the body collected so far."""
        return Response(self._status, self._headers, b"".join(self._parts))


def _too_large() -> InvalidResponse:
    return InvalidResponse(
        f"the response is larger than the limit of {LARGEST_BODY // 1024**2} MiB, and was not read completely"
    )
