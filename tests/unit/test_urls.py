"""URLs are parsed in one place, and unusable ones are refused."""

from __future__ import annotations

import pytest

from meshapi_video._urls import is_loopback, parse_http_url


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("https://api.example", "api.example", None),
        ("HTTP://api.example:8080/path?query#fragment", "api.example", 8080),
        ("https://api.example:443", "api.example", None),
        ("http://[::1]:8787/", "::1", 8787),
        ("http://127.0.0.1", "127.0.0.1", None),
        ("http://127.0.0.1:65535", "127.0.0.1", 65535),
        ("https://api.example.", "api.example.", None),
        ("https://b\u00fccher.example", "b\u00fccher.example", None),
        (f"https://{'a' * 63}.example", f"{'a' * 63}.example", None),
        ("https://my_bucket.example/v.mp4?X-Signature=a%2Fb", "my_bucket.example", None),
    ],
)
def test_a_web_address_is_parsed(text: str, host: str, port: int | None) -> None:
    url = parse_http_url(text)
    assert (url.host, url.port) == (host, port)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("https://x:secret", "it is not a URL"),
        ("https://x/secret\x00", "it is not a URL"),
        ("https://999.1.1.1/secret", "it is not a URL"),
        ("https://xn--secret--", "it is not a URL"),
        ("https://xn--a.secret", "it is not a URL"),
        ("https://\u2603-.secret", "it is not a URL"),
        ("", "its scheme is not http or https"),
        ("secret.example", "its scheme is not http or https"),
        ("//secret.example", "its scheme is not http or https"),
        ("ftp://secret.example", "its scheme is not http or https"),
        ("javascript:secret", "its scheme is not http or https"),
        ("https://", "its host is missing or not usable"),
        ("http://[secret", "its host is missing or not usable"),
        ("https:secret", "its host is missing or not usable"),
        ("https:///secret", "its host is missing or not usable"),
        ("https://se..cret", "its host is missing or not usable"),
        ("https://.secret", "its host is missing or not usable"),
        ("https://secret..", "its host is missing or not usable"),
        ("https://se%20cret", "its host is missing or not usable"),
        ("https://se cret", "its host is missing or not usable"),
        (f"https://{'a' * 64}.secret", "its host is missing or not usable"),
        ("https://secret:0", "its port is not between 1 and 65535"),
        ("https://secret:65536", "its port is not between 1 and 65535"),
    ],
)
def test_any_other_text_is_refused_with_the_reason_and_not_quoted(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$") as caught:
        parse_http_url(text)
    # The error that httpx raised would quote the text.
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("10.0.0.1", False),
        ("x.example", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_the_names_and_addresses_of_this_machine_are_known(host: str, *, expected: bool) -> None:
    assert is_loopback(host) is expected
