"""The type of a file is known by its contents, and a file that the API cannot take is refused with what to do."""

from __future__ import annotations

import os
import socket
from base64 import b64decode
from pathlib import Path

import pytest

from meshapi_video._create import media
from meshapi_video._create.content import first_frame
from meshapi_video._create.media import LARGEST_FILE, Inspected, Kind, check_address, data_uri, inspect, mime_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
MP4 = b"\0\0\0\x18ftypisom\0\0\0\0mp42" + bytes(100)
MP3 = b"\xff\xfb\x90\x00" + bytes(100)


def box(brand: bytes, *others: bytes) -> bytes:
    size = 16 + 4 * len(others)
    return size.to_bytes(4, "big") + b"ftyp" + brand + bytes(4) + b"".join(others) + bytes(100)


KNOWN = {
    "jpeg": (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
    "png": (PNG, "image/png"),
    "webp": (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
    "bmp": (b"BM" + bytes(12) + b"\x28\0\0\0", "image/bmp"),
    "tiff, little-endian": (b"II*\0", "image/tiff"),
    "tiff, big-endian": (b"MM\0*", "image/tiff"),
    "gif 87": (b"GIF87a", "image/gif"),
    "gif 89": (b"GIF89a", "image/gif"),
    "heic": (box(b"heic", b"mif1"), "image/heic"),
    "heic by its second brand": (box(b"mif1", b"miaf", b"heic"), "image/heic"),
    "heif": (box(b"mif1", b"miaf"), "image/heif"),
    "mp4": (MP4, "video/mp4"),
    "mp4 of an unknown brand": (box(b"new1"), "video/mp4"),
    "mov": (box(b"qt  "), "video/quicktime"),
    "old mov": (b"\0\0\0\x08wide\0\0\0\0mdat", "video/quicktime"),
    "wav": (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
    "mp3 with a tag": (b"ID3\x04", "audio/mpeg"),
    "mp3": (MP3, "audio/mpeg"),
}
UNKNOWN = {
    "empty": b"",
    "text": b"<html>",
    "a text that begins like a bmp": b"BM is a mark of cars in Bavaria",
    "another file in the structure of a wav": b"RIFF\0\0\0\0AVI LIST",
    "avif": box(b"avif", b"mif1"),
    "avif by its second brand": box(b"mif1", b"avif"),
    "m4a": box(b"M4A "),
    "a box that was cut": b"\0\0\0\x18ftypis",
    "aac": b"\xff\xf1\x50\x80",
    "mpeg of a reserved version": b"\xff\xeb\x90\x00",
    "mpeg of a reserved bit rate": b"\xff\xfb\xf0\x00",
    "mpeg of a reserved sample rate": b"\xff\xfb\x9c\x00",
    "two bytes of mpeg": b"\xff\xfb",
}


@pytest.mark.parametrize(("head", "mime"), KNOWN.values(), ids=KNOWN)
def test_each_documented_type_is_known_by_its_first_bytes(head: bytes, mime: str) -> None:
    assert mime_of(head) == mime


@pytest.mark.parametrize("head", UNKNOWN.values(), ids=UNKNOWN)
def test_no_other_type_is_taken_for_a_documented_one(head: bytes) -> None:
    assert mime_of(head) is None


def test_a_brand_after_the_end_of_its_box_does_not_count() -> None:
    assert mime_of(box(b"mif1")[:16] + b"heic") == "image/heif"


def test_the_name_of_a_file_says_nothing_of_its_type(tmp_path: Path) -> None:
    path = tmp_path / "cat.mp3"
    path.write_bytes(PNG)
    found = inspect(path, "image")
    assert found == Inspected(len(PNG), "image/png")
    uri = data_uri(path, found)
    assert uri.startswith("data:image/png;base64,")
    assert b64decode(uri.partition(",")[2]) == PNG
    assert data_uri(PNG, inspect(PNG, "image")) == uri
    assert len(uri) == found.encoded_size


@pytest.mark.parametrize("size", [0, 1, 2, 3])
def test_the_size_of_a_data_uri_is_known_before_it_is_made(size: int) -> None:
    image = b"GIF89a" + bytes(size)
    found = inspect(image, "image")
    assert found.encoded_size == len(data_uri(image, found))


def test_a_file_of_many_chunks_becomes_one_data_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "_CHUNK_SIZE", 30)
    image = PNG + bytes(range(256))
    path = tmp_path / "cat"
    path.write_bytes(image)
    for source in (path, image):
        assert b64decode(data_uri(source, inspect(source, "image")).partition(",")[2], validate=True) == image


def mistake(source: Path | bytes, kind: Kind = "image") -> str:
    with pytest.raises(ValueError, match=r"\w") as caught:
        inspect(source, kind)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def test_a_missing_file_is_refused_with_the_current_folder(tmp_path: Path) -> None:
    assert mistake(tmp_path / "no.png").startswith("there is no such file; check the path (the current folder is '")


@pytest.mark.parametrize("address", ["s3://bucket/cat.png", "file:///home/cat.png", "htps://host/cat.png"])
def test_an_address_with_another_scheme_is_no_path(address: str) -> None:
    found = first_frame(address).source
    assert isinstance(found, Path)
    assert mistake(found).endswith("; an address begins with https://, http://, asset:// or data:")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert mistake(tmp_path) == "it is a folder; pass the path of a file"


def test_a_pipe_a_socket_and_a_device_are_refused_before_they_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(tmp_path / "s"))
        for path in (tmp_path / "fifo", tmp_path / "s", Path(os.devnull)):
            assert mistake(path).startswith("it is a pipe, a socket or a device; pass the path of a regular file")


def test_an_empty_file_and_empty_bytes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert mistake(tmp_path / "empty") == mistake(b"")
    assert mistake(b"").startswith("it is empty; pass a JPEG, PNG,")


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(LARGEST_FILE["image"] + 1)

    def no_open(*_args: object) -> None:
        raise AssertionError("the file was opened")

    monkeypatch.setattr(Path, "open", no_open)
    assert mistake(path) == (
        "it has 31,457,280 bytes, more than the 31,457,279 that the API allows; make it smaller, or pass a URL"
    )


def test_a_file_of_the_largest_size_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "large.wav"
    with path.open("wb") as file:
        file.write(KNOWN["wav"][0])
        file.truncate(LARGEST_FILE["audio"])
    assert inspect(path, "audio").size == LARGEST_FILE["audio"]


def test_a_file_that_cannot_be_read_is_refused_with_the_reason(tmp_path: Path) -> None:
    assert mistake(tmp_path / ("x" * 300)) == (
        "the file cannot be read: File name too long; check the path and its permissions"
    )


def test_a_path_with_a_zero_byte_is_refused() -> None:
    assert "the path has a zero byte" in mistake(Path("a\0b"))


def test_a_type_that_the_api_does_not_take_is_refused_with_those_it_takes() -> None:
    assert mistake(b"<html>") == (
        "it is of no type that the API accepts; convert it to a JPEG, PNG, WebP, BMP, TIFF, GIF, HEIC or HEIF image"
    )


def test_a_video_in_place_of_a_picture_is_refused() -> None:
    assert mistake(MP4) == ("it is of the type video/mp4; pass a JPEG, PNG, WebP, BMP, TIFF, GIF, HEIC or HEIF image")
    assert mistake(PNG, "audio") == "it is of the type image/png; pass a WAV or MP3 sound"


@pytest.mark.parametrize("after", [PNG + b"x", PNG[:-1], b"GIF89a" + PNG[6:], b""])
def test_a_file_that_changed_since_it_was_inspected_is_refused(tmp_path: Path, after: bytes) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    found = inspect(path, "image")
    path.write_bytes(after)
    with pytest.raises(ValueError, match="the file changed while it was read; wait until it is complete"):
        data_uri(path, found)


def test_a_file_that_was_deleted_since_it_was_inspected_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the file cannot be read: No such file or directory; check the path"):
        data_uri(tmp_path / "no.png", Inspected(1, "image/png"))


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("https://host/cat.png?x=1", "image"),
        ("http://[::1]:8000/clip.mp4", "video"),
        ("asset://asset-20260101", "audio"),
        ("data:image/png;base64,AAAA", "image"),
        ("DATA:audio/x-wav;base64,AAA=", "audio"),
        ("data:video/mp4;base64,AA==", "video"),
    ],
)
def test_a_usable_address_is_taken_as_it_is(address: str, kind: Kind) -> None:
    check_address(address, kind)


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("https://", "the URL cannot be used: its host is missing or not usable; pass one that a browser opens"),
        ("https://secre@host/", "the URL has a user name or a password; pass one that needs no authorization"),
        ("asset:// ", "the address has no id after asset://"),
        ("asset://a\nb", "or one that cannot be printed"),
        ("data:;base64,AAAA", "the data URI should begin like data:image/png;base64, with a type"),
        ("data:image/png,secre", "the data URI should begin like data:image/png;base64, with a type"),
        ("data:video/mp4;base64,AAAA", "the data URI is of the type video; pass a JPEG,"),
        ("data:image/png;base64,", "the data URI is not valid base64"),
        ("data:image/png;base64,secre", "the data URI is not valid base64"),
        ("data:image/png;base64,AA AAAAA", "the data URI is not valid base64"),
        ("data:image/png;base64,AAAA\n", "the data URI is not valid base64"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_and_not_quoted(address: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        check_address(address, "image")
    assert problem in str(caught.value)
    assert "secre" not in str(caught.value)


def test_a_data_uri_has_the_limit_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(media.LARGEST_FILE, "image", 4)
    check_address("data:image/png;base64,AAAAAA==", "image")
    with pytest.raises(ValueError, match="it has 5 bytes, more than the 4"):
        check_address("data:image/png;base64,AAAAAAA=", "image")
