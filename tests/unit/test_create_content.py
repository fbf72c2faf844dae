"""Pictures, videos and sounds are described by an address, a path or bytes, and never shown."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meshapi_video._create.content import (
    Media,
    first_frame,
    last_frame,
    reference_audio,
    reference_image,
    reference_video,
)

FUNCTIONS = [first_frame, last_frame, reference_image, reference_video, reference_audio]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_role_is_the_name_of_the_function(function: Callable[[bytes], Media]) -> None:
    assert f"function {function(b'x').role} at" in repr(function)


def test_the_kind_follows_from_the_role() -> None:
    assert [function(b"x").kind for function in FUNCTIONS] == ["image", "image", "image", "video", "audio"]


@pytest.mark.parametrize(
    "address", ["http://x/a.png", "HTTPS://x/a.png", "asset://asset-1", "data:image/png;base64,AA=="]
)
def test_a_text_with_the_scheme_of_an_address_is_an_address(address: str) -> None:
    assert first_frame(address).source == address


@pytest.mark.parametrize("path", ["cat.png", "./http:/cat.png", "C:\\cat.png", "file:///cat.png", "https.png"])
def test_any_other_text_is_a_path(path: str) -> None:
    assert first_frame(path).source == Path(path)


class BytesPath(os.PathLike[str]):
    def __fspath__(self) -> str:
        return os.fsdecode(b"\xff.png")


def test_a_path_object_is_a_path() -> None:
    assert first_frame(Path("https:") / "x").source == Path("https:/x")
    assert first_frame(BytesPath()).source == Path(os.fsdecode(b"\xff.png"))


def test_bytes_are_copied_from_a_buffer_that_can_change() -> None:
    buffer = bytearray(b"one")
    copied, viewed = first_frame(buffer), first_frame(memoryview(buffer))
    buffer[:] = b"two"
    assert copied.source == viewed.source == b"one"


def test_an_open_file_is_refused_with_what_to_pass_instead() -> None:
    with Path(__file__).open("rb") as file, pytest.raises(TypeError, match=r"not BufferedReader.*file\.read\(\)"):
        first_frame(file)  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.parametrize("role", ["middle_frame", None])
def test_media_of_another_role_is_refused(role: Any) -> None:  # noqa: ANN401 - the mistake under test
    with pytest.raises(TypeError, match=r"^role should be one of first_frame, .*; it is "):
        Media(role, "https://a/cat.png")


@pytest.mark.parametrize("source", [None, 5, bytearray(b"x")])
def test_media_of_another_source_is_refused(source: Any) -> None:  # noqa: ANN401 - the mistake under test
    with pytest.raises(TypeError, match=r"^source should be an address \(str\), a Path or bytes; it is "):
        Media("first_frame", source)


@pytest.mark.parametrize(
    ("media", "shown"),
    [
        (first_frame(b"secret"), "first_frame(6 bytes)"),
        (last_frame("data:image/png;base64,c2VjcmV0"), "last_frame(a data URI of 30 characters)"),
        (
            reference_image("https://user:secret@host/cat.png?signature=secret#secret"),
            "reference_image('https://host/cat.png')",
        ),
        (reference_video("clip.mp4"), "reference_video('clip.mp4')"),
        (reference_audio("asset://asset-1"), "reference_audio('asset://asset-1')"),
    ],
)
def test_a_repr_shows_no_contents_and_no_secret_of_a_url(media: Media, shown: str) -> None:
    assert repr(media) == str(media) == shown


def test_a_repr_is_one_short_line() -> None:
    assert repr(first_frame("a\n" + "b" * 1000)).isprintable()
    assert len(repr(first_frame("https://x/" + "b" * 1000))) < 250


def test_media_cannot_be_changed_and_can_be_pickled() -> None:
    media = first_frame("cat.png")
    assert pickle.loads(pickle.dumps(media)) == media  # noqa: S301 - of this test
    with pytest.raises(AttributeError):
        media.source = b""  # type: ignore[misc]  # the mistake under test
