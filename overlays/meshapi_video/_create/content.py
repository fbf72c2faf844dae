"""The pictures, videos and sounds of a request, as a caller describes them. Files are read by `build_request`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Literal, TypeAlias

from attrs import Attribute, field, frozen

from meshapi_video._create.media import Kind
from meshapi_video._text import one_line

Role: TypeAlias = Literal["first_frame", "last_frame", "reference_image", "reference_video", "reference_audio"]
Source: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview
"""The address (`https://…`, `http://…`, `asset://…` or a data URI), the path or the bytes of a file."""

_KINDS: Final[dict[Role, Kind]] = {
    "first_frame": "image",
    "last_frame": "image",
    "reference_image": "image",
    "reference_video": "video",
    "reference_audio": "audio",
}
_SCHEMES: Final = ("http://", "https://", "asset://", "data:")
_LONGEST_SCHEME: Final = max(map(len, _SCHEMES))


def _check_role(_media: Media, _attribute: Attribute[Role], role: object) -> None:
    if role not in _KINDS:
        raise TypeError(f"role should be one of {', '.join(_KINDS)}; it is {one_line(repr(role), 80)}")


def _check_source(_media: Media, _attribute: Attribute[str | Path | bytes], source: object) -> None:
    if not isinstance(source, str | Path | bytes):
        raise TypeError(f"source should be an address (str), a Path or bytes; it is {type(source).__name__}")


@frozen(repr=False)
class Media:
    """A picture, a video or a sound of a request, and its part in the video. Made by `first_frame` and the like."""

    role: Role = field(validator=_check_role)
    """Its part in the video, which is also the name of the function that made it."""
    source: str | Path | bytes = field(validator=_check_source)
    """An address (str), a file (Path), or the bytes themselves."""

    @property
    def kind(self) -> Kind:
        """What it has to be."""
        return _KINDS[self.role]

    def __repr__(self) -> str:
        return f"{self.role}({self.shown})"

    @property
    def shown(self) -> str:
        """The source in a few words: neither its contents nor the query of a URL, which may be a signature."""
        match self.source:
            case bytes():
                return f"{len(self.source):,} bytes"
            case Path():
                return one_line(repr(os.fspath(self.source)), 200)
            case address if address[:5].lower() == "data:":
                return f"a data URI of {len(address):,} characters"
            case address:
                scheme, _, rest = address.partition("://")
                # A user name and a password end with an @.
                place = rest.partition("?")[0].partition("#")[0].rpartition("@")[2]
                return one_line(repr(f"{scheme}://{place}"), 200)


def first_frame(x: Source) -> Media:
    """The picture with which the video begins.

    Args:
        x: An address (`https://…`, `asset://…` or a data URI), a path, or the bytes of the picture. A str without
            such a scheme is a path. The type is known by the contents, never by the name. A file is read when
            the task is created.

    Raises:
        TypeError: `x` is none of these.
    """
    return _media("first_frame", x)


def last_frame(x: Source) -> Media:
    """The picture with which the video ends. It needs a `first_frame`. See there for `x`."""
    return _media("last_frame", x)


def reference_image(x: Source) -> Media:
    """A picture that the video may use, such as a person or a thing. See `first_frame` for `x`."""
    return _media("reference_image", x)


def reference_video(x: Source) -> Media:
    """A video that the new video may use, such as a movement. See `first_frame` for `x`."""
    return _media("reference_video", x)


def reference_audio(x: Source) -> Media:
    """A sound that the video may use, such as a voice. See `first_frame` for `x`."""
    return _media("reference_audio", x)


def _media(role: Role, x: Source) -> Media:
    # A caller may be untyped.
    match x:
        # Not the whole text: a data URI may have 67 MB.
        case str() if x[:_LONGEST_SCHEME].lower().startswith(_SCHEMES):
            return Media(role, x)
        case str() | os.PathLike():
            return Media(role, Path(os.fsdecode(x)))
        case bytes() | bytearray() | memoryview():
            return Media(role, bytes(x))
        case _:
            raise TypeError(
                f"{role} takes an address, a path or bytes, not {type(x).__name__}. Pass the bytes of an open file: "
                "file.read()"
            )
