"""The body of a request, in parts: a data URI may have 67 MB, and is not copied as a whole."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Final, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

Part: TypeAlias = bytes | str
"""Bytes, or a text of which each character is a byte."""

_CHUNK_SIZE: Final = 256 * 1024
"""Bytes that are written at once. httpcore copies all that is left of a write after each part of it."""
_AS_IT_IS: Final = re.compile(r"[ !#-\[\]-~]*")
"""Characters that JSON does not escape, and that are one byte each."""


class Body:
    """A body that can be sent any number of times, by a blocking and an asynchronous connection."""

    def __init__(self, *parts: Part) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __bytes__(self) -> bytes:
        return b"".join(self)

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            for at in range(0, len(part), _CHUNK_SIZE):
                chunk = part[at : at + _CHUNK_SIZE]
                yield chunk.encode("ascii") if isinstance(chunk, str) else chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk


def _encode(value: object) -> bytes:
    # As httpx encodes it.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def json_body(value: object, encode: Callable[[object], bytes] = _encode) -> Body:
    """The body that `encode` makes of `value`. Its long texts stay where they are, as far as JSON writes them so."""
    texts = list[str]()
    # Nobody else can know it, so that no text of a caller contains it.
    mark = os.urandom(16).hex()

    def without_long_texts(value: object) -> object:
        if isinstance(value, str) and len(value) > _CHUNK_SIZE and _AS_IT_IS.fullmatch(value):
            texts.append(value)
            return mark
        if isinstance(value, dict):
            fields = cast("dict[object, object]", value)
            return {name: without_long_texts(field) for name, field in fields.items()}
        if isinstance(value, list):
            return [without_long_texts(item) for item in cast("list[object]", value)]
        return value

    first, *others = encode(without_long_texts(value)).split(mark.encode())
    return Body(first, *(part for pair in zip(texts, others, strict=True) for part in pair))
