"""Pictures, videos and sounds on this machine: checked, and made data URIs. Reads files; uses no network."""

from __future__ import annotations

import os
import re
import stat
from base64 import b64encode
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Final, Literal, TypeAlias

from attrs import frozen

from meshapi_video._urls import parse_http_url

Kind: TypeAlias = Literal["image", "video", "audio"]

MEGABYTE: Final = 1024**2
"""The API does not say which megabyte it means. This is the larger one, so that no accepted file is refused here."""
LARGEST_FILE: Final[dict[Kind, int]] = {"image": 30 * MEGABYTE - 1, "video": 50 * MEGABYTE, "audio": 15 * MEGABYTE}
"""Bytes of one file, as the API documents them: an image is smaller than 30 MB, the others may have their limit."""
FORMATS: Final[dict[Kind, str]] = {
    "image": "a JPEG, PNG, WebP, BMP, TIFF, GIF, HEIC or HEIF image",
    "video": "an MP4 or MOV video",
    "audio": "a WAV or MP3 sound",
}
"""What the API accepts."""

_HEAD_SIZE: Final = 64
"""The bytes at the beginning of a file by which its type is known."""
_CHUNK_SIZE: Final = 3 * 2**18
"""The bytes that are encoded at once: a multiple of 3, so that only the last chunk may have padding."""
_STARTS: Final = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
    b"ID3": "audio/mpeg",
}
_BMP_HEADERS: Final = frozenset({12, 40, 52, 56, 64, 108, 124})
"""The sizes of the second header of a BMP file. Its first two bytes alone begin many texts."""
_HEIC: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
_HEIF: Final = (b"mif1", b"msf1")
_NOT_VIDEO: Final = (b"avif", b"avis", b"M4A ", b"M4B ", b"M4P ", b"crx ", b"jp2 ", b"jxl ")
"""Brands of files with the structure of an MP4 file that hold something else."""
_DATA_URI: Final = re.compile(r"data:(image|video|audio)/[a-z0-9.+-]+;base64,", re.IGNORECASE)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")


@frozen
class Inspected:
    """The size in bytes and the MIME type of a file or of bytes."""

    size: int
    mime: str

    @property
    def encoded_size(self) -> int:
        """The bytes of its data URI in a request."""
        return len(f"data:{self.mime};base64,") + (self.size + 2) // 3 * 4


def mime_of(head: bytes) -> str | None:
    """The MIME type of a file that begins with these bytes; None if the API does not accept its type."""
    for start, mime in _STARTS.items():
        if head.startswith(start):
            return mime
    if head.startswith(b"RIFF"):
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12])
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "image/bmp"
    return "audio/mpeg" if _is_mp3_frame(head) else _mime_of_boxes(head)


def _is_mp3_frame(head: bytes) -> bool:
    """Whether the bytes are the header of a frame of MPEG audio, layer III."""
    if len(head) < 3 or head[0] != 0xFF:
        return False
    is_layer_3, version = head[1] & 0b1110_0110 == 0b1110_0010, head[1] >> 3 & 0b11
    return is_layer_3 and version != 1 and head[2] >> 4 not in {0, 15} and head[2] >> 2 & 0b11 != 3


def _mime_of_boxes(head: bytes) -> str | None:
    """The type of a file that consists of boxes, as MP4, MOV and HEIC files do."""
    if head[4:8] in {b"moov", b"mdat", b"wide"}:
        # Old MOV files have no box with the brand.
        return "video/quicktime"
    if head[4:8] != b"ftyp" or len(head) < 12:
        return None
    size = int.from_bytes(head[:4], "big")
    brand, others = head[8:12], [head[at : at + 4] for at in range(16, min(size, len(head)), 4)]
    if brand in _HEIC or (brand in _HEIF and any(other in _HEIC for other in others)):
        return "image/heic"
    if brand in _NOT_VIDEO or (brand in _HEIF and any(other in _NOT_VIDEO for other in others)):
        return None
    if brand in _HEIF:
        return "image/heif"
    return "video/quicktime" if brand == b"qt  " else "video/mp4"


def inspect(source: Path | bytes, kind: Kind) -> Inspected:
    """The size and type of a file or of bytes; reads only the beginning of a file.

    Raises `ValueError`, which says what is wrong and what to do, unless the API accepts it as `kind`.
    """
    if isinstance(source, bytes):
        size, head = len(source), source[:_HEAD_SIZE]
        _check_size(size, kind)
    else:
        try:
            size, head = _inspect_file(source, kind)
        except FileNotFoundError:
            # A path has one of the two slashes after the scheme of an address.
            hint = "; an address begins with https://, http://, asset:// or data:" if ":/" in os.fspath(source) else ""
            folder = os.fspath(Path.cwd())
            raise ValueError(
                f"there is no such file; check the path (the current folder is {folder!r}){hint}"
            ) from None
        except OSError as error:
            raise ValueError(f"the file cannot be read: {error.strerror}; check the path and its permissions") from None
    mime = mime_of(head)
    if mime is None:
        raise ValueError(f"it is of no type that the API accepts; convert it to {FORMATS[kind]}")
    if not mime.startswith(kind):
        raise ValueError(f"it is of the type {mime}; pass {FORMATS[kind]}")
    return Inspected(size, mime)


def _inspect_file(path: Path, kind: Kind) -> tuple[int, bytes]:
    if "\0" in os.fspath(path):
        raise ValueError("the path has a zero byte; check the path")
    # Before the file is opened: to open a FIFO blocks, and to open a device may do anything.
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise ValueError("it is a folder; pass the path of a file")
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is a pipe, a socket or a device; pass the path of a regular file, or the bytes")
    _check_size(found.st_size, kind)
    with path.open("rb") as file:
        return found.st_size, file.read(_HEAD_SIZE)


def _check_size(size: int, kind: Kind) -> None:
    if size == 0:
        raise ValueError(f"it is empty; pass {FORMATS[kind]}")
    if size > LARGEST_FILE[kind]:
        raise ValueError(
            f"it has {size:,} bytes, more than the {LARGEST_FILE[kind]:,} that the API allows; "
            "make it smaller, or pass a URL"
        )


def data_uri(source: Path | bytes, inspected: Inspected) -> str:
    """The data URI of what was inspected. Raises `ValueError` if the file has changed since, or cannot be read."""
    head, size, uri = b"", 0, f"data:{inspected.mime};base64,"
    try:
        with BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            # In chunks, so that the file is not in memory beside the URI. CPython extends the text in its place; a join
            # would need the memory of all pieces, too.
            for chunk in iter(partial(file.read, _CHUNK_SIZE), b""):
                head, size = head or chunk[:_HEAD_SIZE], size + len(chunk)
                uri += b64encode(chunk).decode("ascii")
                if size > inspected.size:
                    break
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}; check the path and its permissions") from None
    if Inspected(size, mime_of(head) or "") != inspected:
        raise ValueError("the file changed while it was read; wait until it is complete")
    return uri


def check_address(address: str, kind: Kind) -> None:
    """Raises `ValueError`, which does not quote `address`, unless it can be the address of a `kind`."""
    # Not of the whole text: a data URI may have 67 MB.
    scheme = address[: len("asset:")].partition(":")[0].lower()
    if scheme == "data":
        _check_data_uri(address, kind)
    elif scheme == "asset":
        if not (address.isprintable() and address[len("asset://") :].strip()):
            raise ValueError("the address has no id after asset://, or one that cannot be printed; pass the asset's id")
    else:
        try:
            url = parse_http_url(address)
        except ValueError as error:
            raise ValueError(f"the URL cannot be used: {error}; pass one that a browser opens") from None
        if url.userinfo:
            raise ValueError("the URL has a user name or a password; pass one that needs no authorization")


def _check_data_uri(address: str, kind: Kind) -> None:
    found = _DATA_URI.match(address)
    if found is None:
        raise ValueError("the data URI should begin like data:image/png;base64, with a type; pass the bytes instead")
    if found[1].lower() != kind:
        raise ValueError(f"the data URI is of the type {found[1].lower()}; pass {FORMATS[kind]}")
    if not _BASE64.fullmatch(address, found.end()) or (len(address) - found.end()) % 4:
        raise ValueError("the data URI is not valid base64 after its comma; pass the bytes instead")
    _check_size((len(address) - found.end()) // 4 * 3 - address.count("=", -2), kind)
