"""Takes in an answer's body, and no more of it than it may have, so that no server fills the memory."""

from __future__ import annotations

import contextlib
import http
import zlib
from typing import TYPE_CHECKING, Any, Final

import httpx
from attrs import define

from meshapi_video._errors import InvalidResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST_BODY: Final = 4 * 1024 * 1024
"""Bytes of an answer, as sent and as unpacked; a task has a few thousand."""


# Without a `repr`: it may hold what should not be in a traceback that prints its locals.
@define(repr=False)
class Answer:
    """An answer that was read whole: what the generated functions and the check of it use of httpx's."""

    status_code: int
    headers: httpx.Headers
    content: bytes
    parsed: object = None
    """What its JSON says, once it was checked."""

    # The generated parser casts whatever it is.
    def json(self) -> Any:  # noqa: ANN401
        """What the JSON says; it was parsed when it was checked, and need not be again."""
        return self.parsed


class Intake:
    """Counts what arrives, and unpacks it where it was packed although nobody asked for that.

    Raises `InvalidResponse` for an answer that says itself that it is too much.
    """

    def __init__(self, status: int, headers: httpx.Headers | Sequence[tuple[bytes, bytes]]) -> None:
        self._status = status
        self._headers = httpx.Headers(headers)
        self._parts = list[bytes]()
        self._left = LARGEST_BODY
        self._encoding = self._headers.pop("content-encoding", "").strip().lower()
        packed = self._encoding in {"gzip", "x-gzip"}
        self._unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS) if packed else None
        refused = status != http.HTTPStatus.OK
        # The status of a refusal says enough, even where its body is too much or cannot be unpacked.
        self.forgiving = contextlib.suppress(InvalidResponse) if refused else contextlib.nullcontext()
        """What to take the parts inside of: it ends the answer before what cannot be taken of a refusal."""
        stated = self._headers.get("content-length", "")
        if not refused and stated.isdecimal() and int(stated) > LARGEST_BODY:
            raise _too_large()

    def take(self, part: bytes) -> None:
        """Takes in `part`. Raises `InvalidResponse` when it is too much, or cannot be unpacked."""
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
        self._parts.append(part)

    def answer(self) -> Answer:
        """The answer, with what was taken in."""
        return Answer(self._status, self._headers, b"".join(self._parts))


def _too_large() -> InvalidResponse:
    return InvalidResponse(
        f"the answer is larger than {LARGEST_BODY // 1024**2} MiB, which no task is; it was not read"
    )
