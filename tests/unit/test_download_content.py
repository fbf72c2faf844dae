"""The bytes of a file say whether it is a page of text, and whether a video or a picture is complete."""

from __future__ import annotations

import io
from pathlib import Path
from unittest import mock

import pytest

import meshapi_video_sandbox
from meshapi_video._download.content import Content, content_of

MEDIA = Path(meshapi_video_sandbox.__file__).parent
VIDEO, PICTURE = (MEDIA / "video.mp4").read_bytes(), (MEDIA / "last_frame.jpg").read_bytes()
PNG = b"\x89PNG\r\n\x1a\n" + b"data" + b"\0\0\0\0IEND\xae\x42\x60\x82"


def box(kind: bytes, content: bytes = b"") -> bytes:
    return (8 + len(content)).to_bytes(4) + kind + content


LARGE_BOX = (1).to_bytes(4) + b"mdat" + (20).to_bytes(8) + b"data"
OPEN_BOX = (0).to_bytes(4) + b"mdat" + b"data"


@pytest.mark.parametrize(
    "text",
    [
        b"<!DOCTYPE html><html>",
        b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>',
        b'{"error": {"code": "not_found"}}',
        b"[]",
        b" \r\n\t{}",
        b"\xef\xbb\xbf<Error/>",
        "\ufeff<Fehler>Zugriff verweigert: \u00fc</Fehler>".encode("utf-16-le"),
        "\ufeff {}".encode("utf-16-be"),
        "<p>\u65e5\u672c".encode() + b"x" * 1000,
        b"{" + "\u00fc".encode() * 1000,
    ],
)
def test_html_xml_and_json_are_a_page(text: bytes) -> None:
    assert content_of(io.BytesIO(text)) is Content.PAGE


@pytest.mark.parametrize("data", [VIDEO, box(b"ftyp") + box(b"moov") + LARGE_BOX, PICTURE, PNG])
def test_a_complete_file_is_told_from_each_shorter_one(data: bytes) -> None:
    assert content_of(io.BytesIO(data)) is Content.COMPLETE
    for size in {*range(12, len(data), max(len(data) // 50, 1)), len(data) - 1}:
        assert content_of(io.BytesIO(data[:size])) is Content.TRUNCATED, size


@pytest.mark.parametrize("signature", [b"", b";chunk-signature=" + b"0f" * 32])
def test_the_chunks_of_an_upload_are_no_video(signature: bytes) -> None:
    assert content_of(io.BytesIO(b"1F4" + signature + b"\r\n" + VIDEO)) is Content.UPLOAD_CHUNKS


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        b"<\0\0\0",
        b"\x1aE\xdf\xa3 WebM",
        box(b"ftyp") + box(b"moov") + OPEN_BOX,
        box(b"ftyp") + box(b"moov") + box(b"moof") + box(b"mdat"),
    ],
)
def test_other_bytes_do_not_say_where_they_end(data: bytes) -> None:
    assert content_of(io.BytesIO(data)) is Content.UNKNOWN


def test_a_box_without_a_size_of_its_own_is_no_complete_video() -> None:
    assert content_of(io.BytesIO(box(b"ftyp") + (7).to_bytes(4) + b"free")) is Content.TRUNCATED


def test_a_file_of_countless_boxes_is_not_read_to_its_end() -> None:
    file = mock.Mock(wraps=io.BytesIO(box(b"ftyp") + box(b"free") * 100_000))
    assert content_of(file) is Content.UNKNOWN
    assert file.read.call_count < 2000


def test_the_file_is_left_at_its_end() -> None:
    file = io.BytesIO(VIDEO)
    content_of(file)
    assert file.tell() == len(VIDEO)
