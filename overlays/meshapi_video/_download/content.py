"""Tells by its bytes whether a file is a page of text, and whether a video or a picture is complete."""

from __future__ import annotations

import codecs
import enum
import os
import re
from typing import IO, Final

_BEGINNING: Final = 512
"""The bytes that tell a page from a video. The first bytes of each video and picture are no text."""
_TEXT_CONTROLS: Final = frozenset("\t\n\r\f")
_BYTE_ORDER_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_UPLOAD_CHUNK: Final = re.compile(rb"[0-9A-Fa-f]{1,16}(?:;chunk-signature=[0-9A-Fa-f]{64})?\r\n")
_MOST_BOXES: Final = 1000
"""A video has a few dozen. To read millions of them would take minutes."""
_JPEG: Final = b"\xff\xd8\xff"
_JPEG_END: Final = b"\xff\xd9"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_END: Final = b"IEND\xae\x42\x60\x82"


class Content(enum.Enum):
    """What the bytes of a file are."""

    PAGE = enum.auto()
    """HTML, XML or JSON."""
    COMPLETE = enum.auto()
    """A video or a picture whose own structure says that nothing is missing."""
    TRUNCATED = enum.auto()
    """A video or a picture whose end is missing."""
    UPLOAD_CHUNKS = enum.auto()
    """A file in the chunks in which it was uploaded to object storage."""
    UNKNOWN = enum.auto()
    """Bytes of a format that does not say where it ends."""


def content_of(file: IO[bytes]) -> Content:
    """Reads what the bytes of a file are, and leaves the file at its end. Raises `OSError`."""
    size = file.seek(0, os.SEEK_END)
    try:
        file.seek(0)
        beginning = file.read(_BEGINNING)
        if _is_page(beginning):
            return Content.PAGE
        if _UPLOAD_CHUNK.match(beginning):
            return Content.UPLOAD_CHUNKS
        if beginning[4:8] == b"ftyp":
            return _content_of_mp4(file, size)
        for signature, end in ((_JPEG, _JPEG_END), (_PNG, _PNG_END)):
            if beginning.startswith(signature):
                file.seek(max(size - len(end), 0))
                return Content.COMPLETE if file.read(len(end)) == end else Content.TRUNCATED
        return Content.UNKNOWN
    finally:
        file.seek(0, os.SEEK_END)


def _is_page(beginning: bytes) -> bool:
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if beginning.startswith(mark)), "utf-8")
    text = beginning.decode(encoding, "replace").lstrip("\ufeff \t\r\n")
    return text.startswith(("<", "{", "[")) and all(char >= " " or char in _TEXT_CONTROLS for char in text)


def _content_of_mp4(file: IO[bytes], size: int) -> Content:
    """An MP4 file is a row of boxes, and each box states its size."""
    position, boxes, kinds = 0, 0, set[bytes]()
    while position < size:
        boxes += 1
        if boxes > _MOST_BOXES:
            return Content.UNKNOWN
        file.seek(position)
        head = file.read(16)
        length, kind = int.from_bytes(head[:4]), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:]) or length
        if len(kind) == 4 and (length == 0 or kind == b"moof"):
            # A last box up to the end of the file, or fragments, of which any number may follow.
            return Content.UNKNOWN
        if length < 8:
            # The end of the file, within a head.
            return Content.TRUNCATED
        kinds.add(kind)
        position += length
    is_complete = position == size and {b"moov", b"mdat"} <= kinds
    return Content.COMPLETE if is_complete else Content.TRUNCATED
