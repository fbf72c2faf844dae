"""Requests to the API: everything that a generated function passes is encoded, and the key goes to one server only."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from meshapi_video._settings import ApiKey, Settings
from meshapi_video._transport.request import Request, RequestTemplate

KEY = "rsk_secret"


def template(base_url: str = "https://api.example/mesh") -> RequestTemplate:
    return RequestTemplate(Settings.resolve(ApiKey(KEY), base_url, 30.0, 0))


def build(method: str = "post", path: str = "/v1/tasks", **options: Any) -> Request:  # noqa: ANN401 - each test knows its options
    return template().build(method, path, **options)


@pytest.mark.parametrize(
    ("base_url", "url", "target"),
    [
        ("https://api.example", "https://api.example/v1/tasks/a%20b", "/v1/tasks/a%20b"),
        ("https://api.example/mesh", "https://api.example/mesh/v1/tasks/a%20b", "/mesh/v1/tasks/a%20b"),
        ("http://[::1]:8787/a%20b/", "http://[::1]:8787/a%20b/v1/tasks/a%20b", "/a%20b/v1/tasks/a%20b"),
        ("https://b\u00fccher.example", "https://xn--bcher-kva.example/v1/tasks/a%20b", "/v1/tasks/a%20b"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"params": {}}])
def test_the_path_is_appended_to_the_base_url_as_it_is(
    base_url: str, url: str, target: str, options: dict[str, Any]
) -> None:
    request = template(base_url).build("get", "/v1/tasks/a%20b", **options)
    assert (request.method, httpx.URL(request.url), request.target) == ("GET", httpx.URL(url), target)
    assert request.headers["host"] == httpx.URL(url).netloc.decode()
    parsed = httpx.URL(url)
    assert request.origin == (parsed.raw_scheme, parsed.raw_host, parsed.port)
    assert request.content == b""


def test_params_become_a_query_and_an_array_repeats_its_name() -> None:
    request = build("get", params={"status": ["queued", "running"], "limit": 5, "draft": True, "after": "a b&c/d"})
    assert request.target == "/mesh/v1/tasks?status=queued&status=running&limit=5&draft=true&after=a+b%26c%2Fd"
    assert request.url == f"https://api.example{request.target}"


def test_json_becomes_the_body() -> None:
    request = build(json={"prompt": "a l\u00e4ke", "duration": 5})
    assert json.loads(request.content) == {"prompt": "a l\u00e4ke", "duration": 5}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["content-length"] == str(len(request.content))


def test_data_becomes_a_form() -> None:
    request = build(data={"prompt": "a lake", "tag": ["x", "y"]})
    assert request.content == b"prompt=a+lake&tag=x&tag=y"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"


def test_files_become_a_multipart_body() -> None:
    request = build(data={"prompt": "a lake"}, files={"image": ("lake.png", b"\x89PNG", "image/png")})
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="image"; filename="lake.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n' in request.content
    assert b'name="prompt"\r\n\r\na lake\r\n' in request.content


def test_content_is_the_body_as_it_is() -> None:
    request = build(content=b"\x00\x01", headers={"content-type": "application/octet-stream"})
    assert request.content == b"\x00\x01"
    assert request.headers["content-type"] == "application/octet-stream"


def test_headers_and_cookies_are_sent() -> None:
    request = build(headers={"Idempotency-Key": "k-1", "Accept": "text/plain"}, cookies={"session": "s-1"})
    assert request.headers["idempotency-key"] == "k-1"
    assert request.headers["accept"] == "text/plain"
    assert request.headers["cookie"] == "session=s-1"
    assert len(request.headers.get_list("accept")) == 1


@pytest.mark.parametrize("name", ["Authorization", "authorization", "Host"])
def test_a_header_of_a_generated_function_cannot_replace_the_key_or_the_host(name: str) -> None:
    request = build(headers={name: "another"})
    assert request.headers.get_list("authorization") == [f"Bearer {KEY}"]
    assert request.headers.get_list("host") == ["api.example"]


@pytest.mark.parametrize("options", [{}, {"json": {}}])
def test_every_request_has_the_key_and_the_headers_of_this_package(options: dict[str, Any]) -> None:
    request = build(**options)
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["accept"] == "application/json"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["user-agent"].startswith("meshapi-video/")


def test_the_headers_of_one_request_do_not_change_those_of_the_next() -> None:
    each = template()
    each.build("POST", "/v1/tasks", json={}, headers={"x-extra": "1"})
    assert each.build("GET", "/v1/tasks").headers == template().headers


def test_an_unsupported_option_is_refused_by_its_name() -> None:
    with pytest.raises(
        TypeError, match=r"a generated function passes auth, timeout=, which .* add it to RequestOptions"
    ):
        build(timeout=5, auth=None, json={})


def test_a_value_that_cannot_be_encoded_is_a_mistake_of_the_caller_and_not_of_the_response() -> None:
    with pytest.raises(TypeError, match=r"the arguments of the request cannot be sent: .*JSON"):
        build(json={"duration": float("nan")})


def test_the_repr_of_a_request_does_not_show_the_key_or_the_body() -> None:
    request = build(content=b"a secret body")
    assert "secret" not in repr(request)
    assert "secret" not in repr(request.headers)


def test_a_post_without_a_body_states_its_length() -> None:
    assert build("post").headers["content-length"] == "0"
    assert "content-length" not in build("get").headers


def test_an_httpx_client_gets_the_same_request_with_the_timeouts() -> None:
    each = template()
    for options in ({}, {"json": {"prompt": "a lake"}}):
        request = each.build("POST", "/v1/tasks", params={"a": ["1", "2"]}, **options)
        same = each.httpx_request(request)
        assert (same.method, str(same.url), same.read()) == (request.method, request.url, request.content)
        assert [(name, same.headers[name]) for name in request.headers] == list(request.headers.items())
        assert set(same.extensions["timeout"].values()) == {30.0}
