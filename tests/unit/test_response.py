"""The body of a response is limited in size, and an error keeps its status even if its body cannot be read."""

from __future__ import annotations

import gzip

import httpx
import pytest

from meshapi_video import InvalidResponse
from meshapi_video._transport.response import LARGEST_BODY, BodyReader, Response, headers_by_name
from meshapi_video._transport.user_client import already_read


def read(status: int, *parts: bytes, **headers: str) -> Response:
    reader = BodyReader(status, httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()}).raw)
    with reader.lenient:
        for part in parts:
            reader.feed(part)
    return reader.response()


@pytest.mark.parametrize("encoding", [None, "", "identity", " Identity "])
def test_the_parts_of_a_body_are_joined(encoding: str | None) -> None:
    headers = {} if encoding is None else {"content_encoding": encoding}
    response = read(200, b'{"id":', b' "t"}', **headers)
    assert (response.status_code, response.content) == (200, b'{"id": "t"}')
    assert "content-encoding" not in response.headers


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
def test_a_gzip_body_is_decompressed(encoding: str) -> None:
    compressed = gzip.compress(b'{"id": "t"}')
    assert read(200, compressed[:9], compressed[9:], content_encoding=encoding).content == b'{"id": "t"}'


def test_a_body_of_the_largest_size_is_accepted_and_a_larger_body_is_refused() -> None:
    assert len(read(200, b"x" * LARGEST_BODY, content_length=str(LARGEST_BODY)).content) == LARGEST_BODY
    with pytest.raises(InvalidResponse, match="larger than the limit of 4 MiB, and was not read completely"):
        read(200, b"x" * LARGEST_BODY, b"x")
    with pytest.raises(InvalidResponse, match="larger than the limit of 4 MiB"):
        BodyReader(200, httpx.Headers({"content-length": str(LARGEST_BODY + 1)}).raw)
    with pytest.raises(InvalidResponse, match="larger than the limit of 4 MiB"):
        read(200, gzip.compress(b"x" * (LARGEST_BODY + 1)), content_encoding="gzip")


@pytest.mark.parametrize("status", [200, 201, 299])
def test_a_body_that_is_too_large_is_refused_with_each_status_of_success(status: int) -> None:
    with pytest.raises(InvalidResponse, match="larger than the limit of 4 MiB"):
        read(status, b"x" * (LARGEST_BODY + 1))


@pytest.mark.parametrize("length", ["", "-1", "many", "1e9", "5, 5"])
def test_an_unusable_content_length_is_ignored(length: str) -> None:
    assert read(200, b"{}", content_length=length).content == b"{}"


def test_a_body_that_cannot_be_decompressed_is_refused() -> None:
    with pytest.raises(InvalidResponse, match="the response cannot be decompressed: "):
        read(200, b"not gzip", content_encoding="gzip")
    with pytest.raises(InvalidResponse, match="a content encoding that the request did not accept") as caught:
        read(200, b"...", content_encoding="secret")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("parts", "headers", "content"),
    [
        ([b"x", b"x" * LARGEST_BODY, b"x"], {}, b"x"),
        ([b"x" * 9], {"content_length": str(LARGEST_BODY + 1)}, b"x" * 9),
        ([b"not gzip"], {"content_encoding": "gzip"}, b""),
        ([b"..."], {"content_encoding": "unknown"}, b""),
    ],
)
def test_an_error_keeps_its_status_and_the_readable_part_of_its_body(
    parts: list[bytes], headers: dict[str, str], content: bytes
) -> None:
    response = read(502, *parts, **headers)
    assert (response.status_code, response.content) == (502, content)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_headers_are_readable_in_both_encodings_and_several_with_one_name_become_one(encoding: str) -> None:
    raw = [(b"X-Request-Id", "r\u00e4q".encode(encoding)), (b"Warning", b"a"), (b"warning", b"b")]
    assert headers_by_name(raw) == {"x-request-id": "r\u00e4q", "warning": "a, b"}


def test_a_response_that_a_users_client_has_read_keeps_its_body_and_loses_the_headers_about_it() -> None:
    headers = {"content-encoding": "gzip", "x-request-id": "req_1"}
    response = already_read(httpx.Response(200, headers=headers, content=gzip.compress(b"{}")))
    assert (response.status_code, response.content) == (200, b"{}")
    assert list(response.headers) == ["x-request-id"]


def test_a_response_that_a_hook_closed_keeps_its_status_only_if_it_is_an_error() -> None:
    def unread(status: int) -> httpx.Response:
        return httpx.Response(status, stream=httpx.ByteStream(b""))

    assert (already_read(unread(502)).status_code, already_read(unread(502)).content) == (502, b"")
    with pytest.raises(httpx.ResponseNotRead):
        already_read(unread(200))
