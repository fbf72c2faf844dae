"""The address in `proxy=`, and `ssl_context=`, are checked when a client is made. A password is never shown."""

from __future__ import annotations

import ssl
import traceback
from typing import Any

import httpx
import pytest

from meshapi_video import AsyncVideoClient, MeshVideoError, VideoClient
from meshapi_video._transport.proxy_address import parse_proxy

CLIENTS = (VideoClient, AsyncVideoClient)
KEY = "rsk_0123456789"
WORD = "hush-word"


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> type[VideoClient | AsyncVideoClient]:
    return request.param  # type: ignore[no-any-return]


def set_socksio(monkeypatch: pytest.MonkeyPatch, *, installed: bool) -> None:
    def find_spec(_name: str) -> object:
        return object() if installed else None

    monkeypatch.setattr("importlib.util.find_spec", find_spec)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        (" proxy.example:3128/\n", "http://proxy.example:3128/"),
        ("https://proxy.example", "https://proxy.example"),
        ("http://[::1]:3128", "http://[::1]:3128"),
        (f"http://me:{WORD}%40@10.0.0.1:3128", "http://10.0.0.1:3128"),
        (f"http://me:{WORD}@@10.0.0.1:3128", "http://10.0.0.1:3128"),
        (f"socks5h://me:{WORD}@proxy.example:1080", "socks5h://proxy.example:1080"),
    ],
)
def test_an_address_of_a_proxy_may_have_a_user_and_a_password(
    address: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_socksio(monkeypatch, installed=True)
    proxy = parse_proxy(address)
    assert not isinstance(proxy, str)
    assert str(proxy.url) == expected
    assert proxy.auth == (None if "me:" not in address else ("me", f"{WORD}@" if "10.0.0.1" in address else WORD))


def test_any_other_address_is_refused_and_the_error_says_how_it_should_look(
    client: type[VideoClient | AsyncVideoClient], refused: str
) -> None:
    with pytest.raises(ValueError, match=r"in proxy= cannot be used: it should look like http://") as caught:
        client(KEY, proxy=refused)
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    # This test has it in local variables, too.
    assert WORD not in shown.partition("meshapi_video/")[2]
    assert WORD not in str(caught.value)


@pytest.fixture(
    params=[
        "",
        "http://",
        f"ftp://me:{WORD}@proxy.example",
        f"http://me:{WORD}@proxy.example:port",
        f"http://me:{WORD}@proxy.example:0",
        f"http://me:{WORD}@a..b:3128",
        f"http://me:{WORD}@pro xy:3128",
        # These characters end the host, unless they are escaped.
        f"http://me:1#{WORD}@proxy.example:3128",
        f"http://me:1/{WORD}@proxy.example:3128",
        f"http://me:1?{WORD}@proxy.example:3128",
        f"http://intranet.example/{WORD}.pac",
    ]
)
def refused(request: pytest.FixtureRequest) -> str:
    return request.param  # type: ignore[no-any-return]


def test_an_unusable_proxy_of_the_environment_is_in_no_local_variable_of_the_error(
    client: type[VideoClient | AsyncVideoClient], refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not refused:
        return
    monkeypatch.setenv("HTTPS_PROXY", refused)
    with pytest.raises(MeshVideoError, match="environment variable HTTPS_PROXY cannot be used: ") as caught:
        client(KEY)
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert WORD not in shown.partition("meshapi_video/")[2]


def test_an_address_that_is_no_string_is_refused(client: type[VideoClient | AsyncVideoClient]) -> None:
    settings: dict[str, Any] = {"proxy": httpx.URL("http://proxy.example")}
    with pytest.raises(ValueError, match=r"proxy= cannot be used: it should be a string, not URL$"):
        client(KEY, **settings)


def test_socks_needs_a_package_which_the_error_names(
    client: type[VideoClient | AsyncVideoClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_socksio(monkeypatch, installed=False)
    with pytest.raises(ValueError, match=r"SOCKS needs the package socksio \(pip install socksio\)"):
        client(KEY, proxy="socks5://proxy.example:1080")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"proxy": "http://proxy.example:3128"}, r"http_client= or proxy=, not both: .*httpx\.Client\(proxy=\.\.\.\)"),
        (
            {"ssl_context": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)},
            r"http_client= or ssl_context=, not both: .*httpx\.Client\(verify=ssl_context\)",
        ),
    ],
)
def test_a_client_of_the_user_has_its_own_proxy_and_tls_settings(settings: dict[str, Any], message: str) -> None:
    with httpx.Client() as http_client, pytest.raises(ValueError, match=message):
        VideoClient(KEY, http_client=http_client, **settings)
    with pytest.raises(ValueError, match=message):
        AsyncVideoClient(KEY, http_client=httpx.AsyncClient(), **settings)


@pytest.mark.parametrize("wrong", ["company.pem", True, object()])
def test_an_ssl_context_of_the_wrong_type_is_refused_and_the_error_names_the_right_type(
    client: type[VideoClient | AsyncVideoClient], wrong: object
) -> None:
    settings: dict[str, Any] = {"ssl_context": wrong}
    with pytest.raises(TypeError, match=r"an ssl\.SSLContext, as from ssl\.create_default_context\(cafile=\.\.\.\)"):
        client(KEY, **settings)


def test_an_ssl_context_for_a_server_is_refused(client: type[VideoClient | AsyncVideoClient]) -> None:
    with pytest.raises(ValueError, match="ssl_context is for a server: make one for a client"):
        client(KEY, ssl_context=ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
