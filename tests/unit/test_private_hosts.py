"""The hosts in `private_hosts` are names or addresses, and nothing else of a URL."""

from __future__ import annotations

from typing import Any

import pytest

from meshapi_video._settings import ApiKey, Settings


def hosts_of(*hosts: str) -> frozenset[str]:
    return Settings.resolve(ApiKey("rsk_1"), None, 30.0, 2, hosts).private_hosts


@pytest.mark.parametrize(
    ("host", "kept"),
    [
        ("files.internal", "files.internal"),
        ("Files.Internal", "files.internal"),
        ("b\u00fccher.internal", "xn--bcher-kva.internal"),
        ("10.0.0.1", "10.0.0.1"),
        ("::1", "::1"),
        ("[::1]", "::1"),
    ],
)
def test_a_name_and_an_address_are_kept_as_a_request_names_them(host: str, kept: str) -> None:
    assert hosts_of(host) == {kept}


def test_there_may_be_several_hosts_or_none() -> None:
    assert hosts_of() == frozenset()
    assert hosts_of("a.internal", "b.internal") == {"a.internal", "b.internal"}


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "files.internal:8080",
        "[::1]:8080",
        "me@files.internal",
        "files.internal/v",
        "files.internal?v",
        "files.internal#v",
        "https://files.internal",
        "two names",
        "10.0.0.0/8",
        "1::2::3",
    ],
)
def test_every_other_part_of_a_url_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"private_hosts should contain names such as 'files\.example'"):
        hosts_of(wrong)


@pytest.mark.parametrize("wrong", ["files.internal", b"files.internal"])
def test_a_single_string_is_refused_because_its_letters_are_no_hosts(wrong: Any) -> None:  # noqa: ANN401 - callers may be untyped
    with pytest.raises(TypeError, match="not a single string"):
        Settings.resolve(ApiKey("rsk_1"), None, 30.0, 2, wrong)


def test_plain_http_is_allowed_only_where_a_host_is_written_with_it() -> None:
    settings = Settings.resolve(ApiKey("rsk_1"), None, 30.0, 2, ["http://Box", "http://[::1]", "files.internal"])
    assert settings.plain_http_hosts == {"box", "::1"}
    assert settings.private_hosts == {"box", "::1", "files.internal"}


def test_the_variable_names_the_hosts_of_a_client_that_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHAPI_PRIVATE_HOSTS", " http://box, files.internal,")
    settings = Settings.resolve(ApiKey("rsk_1"), None, 30.0, 2)
    assert settings.plain_http_hosts == {"box"}
    assert settings.private_hosts == {"box", "files.internal"}
    assert hosts_of("other.internal") == {"other.internal"}
    monkeypatch.setenv("MESHAPI_PRIVATE_HOSTS", "http://box:8788")
    with pytest.raises(ValueError, match=r"MESHAPI_PRIVATE_HOSTS should contain names .* not 'box:8788'"):
        hosts_of()
