"""Settings are checked before anything is sent, and the key is shown nowhere."""

from __future__ import annotations

import math
import re
import traceback
from pathlib import Path
from typing import Any

import httpx
import pytest

import meshapi_video
from meshapi_video import AsyncVideoClient, MeshVideoError, VideoClient
from meshapi_video._settings import DEFAULT_BASE_URL, ApiKey, Settings

CLIENTS = (VideoClient, AsyncVideoClient)
PACKAGE = str(Path(meshapi_video.__file__).parent)


def resolve(
    api_key: str | None = "rsk_1", base_url: str | None = None, timeout: float = 30.0, max_retries: int = 2
) -> Settings:
    return Settings.resolve(ApiKey(api_key), base_url, timeout, max_retries)


def test_the_key_and_the_base_url_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHAPI_API_KEY", " rsk_env\n")
    monkeypatch.setenv("MESHAPI_BASE_URL", "http://127.0.0.1:8787/")
    settings = resolve(api_key=None)
    assert settings.api_key.authorization == "Bearer rsk_env"
    assert settings.base_url == "http://127.0.0.1:8787"


def test_arguments_override_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHAPI_API_KEY", "rsk_env")
    monkeypatch.setenv("MESHAPI_BASE_URL", "http://127.0.0.1:8787")
    settings = resolve("rsk_argument", "https://gateway.example/mesh")
    assert settings.api_key.authorization == "Bearer rsk_argument"
    assert settings.base_url == "https://gateway.example/mesh"


def test_the_default_is_the_server_that_the_document_names() -> None:
    assert resolve().base_url == DEFAULT_BASE_URL


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("key", [None, "", "  \n"])
def test_the_error_for_a_missing_key_names_the_variable(
    client: type[VideoClient | AsyncVideoClient], key: str | None
) -> None:
    with pytest.raises(MeshVideoError, match="MESHAPI_API_KEY"):
        client(key)


def test_a_key_that_is_not_a_string_is_treated_as_missing() -> None:
    with pytest.raises(MeshVideoError, match="no API key"):
        VideoClient(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - callers may be untyped


@pytest.mark.parametrize("key", ["rsk_a\r\nX-Evil: 1", "rsk_ä", "rsk a"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(MeshVideoError, match="another character that cannot be part of a key") as caught:
        resolve(key)
    assert key not in str(caught.value)


@pytest.mark.parametrize("client", CLIENTS)
def test_no_repr_shows_the_key(client: type[VideoClient | AsyncVideoClient]) -> None:
    made = client("rsk_secret")
    shown = [repr(value) for value in (made, *vars(made).values(), ApiKey("rsk_secret"))]
    assert not [text for text in shown if "rsk_secret" in text]
    assert f"{client.__name__}(base_url='https://api.meshapi.ai')" in shown


class StringThatRaises(str):
    __slots__ = ()

    def strip(self, _characters: str | None = None, /) -> str:
        raise ZeroDivisionError


def shown_with_locals(error: BaseException) -> str:
    """The frames of this package in a traceback that prints local variables."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(f"{frame.name} {frame.locals}\n" for frame in report.stack if frame.filename.startswith(PACKAGE))


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("key", "settings"),
    [
        ("rsk_SECRET", {"base_url": "nonsense"}),
        ("rsk_SECRET", {"base_url": StringThatRaises("x")}),
        ("rsk_SECRET", {"timeout": 0}),
        ("rsk_SECRET", {"http_client": object()}),
        ("rsk_SECRET\nrsk_SECRET", {}),
    ],
)
@pytest.mark.parametrize("from_environment", [True, False])
def test_a_traceback_with_local_variables_shows_the_key_in_no_frame_of_this_package(
    client: type[VideoClient | AsyncVideoClient],
    key: str,
    settings: dict[str, Any],
    *,
    from_environment: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MESHAPI_API_KEY", key)
    with pytest.raises((ValueError, TypeError, MeshVideoError, ZeroDivisionError)) as caught:
        client(None if from_environment else key, **settings)
    shown = shown_with_locals(caught.value)
    assert "__init__" in shown
    assert "SECRET" not in shown
    assert "repr() failed" not in shown


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_that_is_not_initialized_has_a_repr(client: type[VideoClient | AsyncVideoClient]) -> None:
    assert repr(client.__new__(client)) == f"{client.__name__}(not initialized)"


@pytest.mark.parametrize(
    ("client", "wrong", "message"),
    [
        (
            VideoClient,
            httpx.AsyncClient(),
            "a VideoClient should be an httpx.Client or an httpx2.Client, not AsyncClient",
        ),
        (
            AsyncVideoClient,
            httpx.Client(),
            "an AsyncVideoClient should be an httpx.AsyncClient or an httpx2.AsyncClient, not Client",
        ),
        (VideoClient, "client", "a VideoClient should be an httpx.Client or an httpx2.Client, not str"),
    ],
)
def test_an_http_client_of_the_wrong_type_is_refused_and_the_error_names_the_right_type(
    client: type[VideoClient | AsyncVideoClient], wrong: object, message: str
) -> None:
    settings: dict[str, Any] = {"http_client": wrong}
    with pytest.raises(TypeError, match=rf"^http_client of {re.escape(message)}$"):
        client("rsk_1", **settings)


@pytest.mark.parametrize(
    "url",
    [
        "api.meshapi.ai",
        "ftp://x",
        "https://",
        "https://x:port",
        "https://x:0",
        "http://[",
        "https://u:p@x",
        "https://x/?a=1",
        "https://x/#a",
        "https://x/?",
        "https://x\n.example",
        "https://x/\ta",
        "https://x/\x00",
        "http://exa mple.com",
        "http://exa%20mple.com",
        "http://a\\b",
        "http://a..b",
        "http://.a",
        f"http://{'a' * 64}.example",
        "http://\u2603-.example",
        "http://999.1.1.1",
        " ",
    ],
)
def test_an_unusable_base_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="base URL should look like https"):
        resolve(base_url=url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://me:secret@x", "it contains a user name or a password"),
        ("https://x/?secret", "it contains a space, a backslash, a query, a fragment or a control character"),
        ("ftp://secret", "its scheme is not http or https"),
        ("https://x:secret", "it is not a URL"),
    ],
)
def test_the_error_for_an_unusable_base_url_says_why_and_does_not_quote_it(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=rf"; {reason}\. Check base_url= and MESHAPI_BASE_URL$") as caught:
        resolve(base_url=url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        (" https://x.example/mesh/\n", "https://x.example/mesh"),
        ("http://[::1]:8787", "http://[::1]:8787"),
        ("https://b\u00fccher.example", "https://b\u00fccher.example"),
        ("https://my_gateway/a%20b/@me", "https://my_gateway/a%20b/@me"),
    ],
)
def test_any_other_base_url_is_accepted(url: str, kept: str) -> None:
    assert resolve(base_url=url).base_url == kept


@pytest.mark.parametrize("timeout", [0, -1, math.nan, math.inf, True, None, "5", 10**400])
def test_an_unusable_request_timeout_is_refused(timeout: Any) -> None:  # noqa: ANN401 - callers may be untyped
    with pytest.raises(ValueError, match="timeout"):
        resolve(timeout=timeout)


@pytest.mark.parametrize("retries", [-1, True, 1.5, math.nan, math.inf, None, "2"])
def test_an_unusable_number_of_retries_is_refused(retries: Any) -> None:  # noqa: ANN401 - callers may be untyped
    with pytest.raises(ValueError, match="max_retries"):
        resolve(max_retries=retries)


def test_the_name_of_an_account_tells_keys_and_servers_apart_and_shows_neither() -> None:
    names = [resolve(key, url).account for key in ("rsk_1", "rsk_2") for url in (None, "https://gateway.example")]
    assert len({*names}) == len(names)
    assert names[0] == resolve().account
    assert all(re.fullmatch("[0-9a-f]{16}", name) for name in names)


def test_a_byte_order_mark_and_the_spaces_around_it_are_no_part_of_the_key() -> None:
    assert ApiKey(" \n\ufeff rsk_1 ").authorization == "Bearer rsk_1"


def test_the_transport_is_an_argument_or_a_variable_and_none_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    def transport(argument: str | None = None) -> str | None:
        return Settings.resolve(ApiKey("rsk_1"), None, 30.0, 2, transport=argument).transport

    monkeypatch.delenv("MESHAPI_TRANSPORT", raising=False)
    assert transport() is None
    assert transport("httpx") == "httpx"
    monkeypatch.setenv("MESHAPI_TRANSPORT", "httpx")
    assert transport() == "httpx"
    assert transport("builtin") == "builtin"
    monkeypatch.setenv("MESHAPI_TRANSPORT", "")
    assert transport() is None
    with pytest.raises(ValueError, match=r"the transport should be 'builtin' or 'httpx', not 'aiohttp'"):
        transport("aiohttp")
