"""Files in the content of a request: their roles, types and sizes."""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshapi_video_sandbox._models import ModelLimits
    from meshapi_video_wire import VideoContentItem

Path = tuple[str | int, ...]
Mistake = tuple[Path, str]
"""What is wrong, and where."""

FRAME_ROLES: Final = ("first_frame", "last_frame")
_DATA_URI: Final = re.compile(r"data:([a-z]+)/([a-z0-9.+-]+);base64,", re.IGNORECASE)


@frozen
class _Media:
    """One kind of media in `content`."""

    roles: tuple[str, ...]
    subtypes: frozenset[str]
    max_bytes: int
    schemes: frozenset[str] = frozenset({"http", "https", "asset"})


_IMAGES: Final = frozenset({"jpeg", "jpg", "png", "webp", "bmp", "tiff", "gif"})
_HEIC: Final = frozenset({"heic", "heif"})
MEDIA: Final = {
    # An image is smaller than 30 MB: the other two limits may be reached.
    "image": _Media((*FRAME_ROLES, "reference_image"), _IMAGES | _HEIC, 30 * 2**20 - 1),
    "video": _Media(("reference_video",), frozenset({"mp4", "quicktime", "mov"}), 50 * 2**20),
    "audio": _Media(("reference_audio",), frozenset({"wav", "x-wav", "wave", "mpeg", "mp3"}), 15 * 2**20),
}


def media_mistakes(item: VideoContentItem, limits: ModelLimits) -> Iterator[Mistake]:
    """What is wrong with the file of an item."""
    media = getattr(item, item.type)
    if not media:
        yield (item.type,), "Field required"
        return
    kind = item.type.removesuffix("_url")
    path, accepted = (item.type, "url"), MEDIA[kind]
    scheme = media.url.partition(":")[0].lower()
    if scheme != "data":
        if scheme not in accepted.schemes:
            yield path, "should be a URL with http or https, or a data URI"
        return
    # Only the start: the rest may have millions of characters.
    prefix = _DATA_URI.match(media.url[:100])
    if prefix is None or prefix[1].lower() != kind:
        yield path, f"a data URI should begin with its MIME type, such as data:{kind}/…;base64,"
        return
    subtypes = accepted.subtypes if limits.heic else accepted.subtypes - _HEIC
    if prefix[2].lower() not in subtypes:
        yield path, f"the type should be one of {', '.join(f'{kind}/{one}' for one in sorted(subtypes))}"
    try:
        size = len(binascii.a2b_base64(media.url[prefix.end() :].encode(), strict_mode=True))
    except (ValueError, binascii.Error):
        yield path, "the data URI has no valid base64"
        return
    if not 0 < size <= accepted.max_bytes:
        yield path, f"should have from 1 to {accepted.max_bytes} bytes, not {size}"


def roles_of(kind: str) -> tuple[str, ...]:
    """The roles that an item of this type may have."""
    media = MEDIA.get(kind.removesuffix("_url"))
    return () if media is None else media.roles


def role_of(item: VideoContentItem) -> str | None:
    """The role of an item, with the one that it has by default; None for a text or a draft."""
    roles = roles_of(item.type)
    return item.role or (roles[0] if roles else None)
