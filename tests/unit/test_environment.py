"""The proxy and the certificate authorities come from the environment."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from meshapi_video import AsyncVideoClient, MeshVideoError, VideoClient
from meshapi_video._transport.environment import environment_proxy, tls_context

CLIENTS = (VideoClient, AsyncVideoClient)


def test_the_proxy_of_the_environment_is_used_except_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment_proxy("https://api.meshapi.ai") is None
    monkeypatch.setenv("https_proxy", "proxy.example:3128")
    monkeypatch.setenv("no_proxy", "direct.example")
    proxy = environment_proxy("https://api.meshapi.ai")
    assert proxy is not None
    assert str(proxy.url) == "http://proxy.example:3128"
    assert environment_proxy("https://direct.example") is None
    assert environment_proxy("https://127.0.0.1:8787") is None
    assert environment_proxy("https://localhost") is None


def set_socksio(monkeypatch: pytest.MonkeyPatch, *, installed: bool) -> None:
    def find_spec(name: str) -> object:
        return object() if name == "socksio" and installed else None

    monkeypatch.setattr("importlib.util.find_spec", find_spec)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize(
    "address",
    [
        "ftp://proxy.example",
        "http://",
        "http://user:secret@x:port",
        "http://u:secret@x:65536",
        "socks5://me:secret@x:1",
    ],
)
def test_the_error_for_an_unusable_proxy_names_its_variable_and_does_not_quote_it(
    client: type[VideoClient | AsyncVideoClient], variable: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_socksio(monkeypatch, installed=False)
    monkeypatch.setenv(variable, address)
    with pytest.raises(MeshVideoError, match=f"environment variable {variable} cannot be used: ") as caught:
        client("rsk_1")
    assert "secret" not in str(caught.value)


def test_a_socks_proxy_is_used_if_its_package_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    set_socksio(monkeypatch, installed=True)
    monkeypatch.setenv("all_proxy", "socks5://proxy.example:1080")
    proxy = environment_proxy("https://api.meshapi.ai")
    assert proxy is not None
    assert str(proxy.url) == "socks5://proxy.example:1080"


def test_only_https_loads_the_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    assert isinstance(tls_context("http://api.example"), ssl.SSLContext)
    with pytest.raises(MeshVideoError, match=r"authorities cannot be loaded: .* SSL_CERT_FILE and SSL_CERT_DIR"):
        tls_context("https://api.example")
    monkeypatch.delenv("SSL_CERT_FILE")
    assert tls_context("https://api.example").get_ca_certs() != []


@pytest.mark.parametrize(
    ("no_proxy", "url", "is_direct"),
    [
        ("10.0.0.0/8", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.1.2.3/8", "https://10.9.9.9", True),  # the bits of a host do not count
        ("10.0.0.0/8:8443", "https://10.1.2.3:8443", True),
        ("10.0.0.0/8:8443", "https://10.1.2.3", False),
        ("10.0.0.0/33", "https://10.1.2.3", False),  # no network, and so ignored
        ("10.0.0.0/8", "https://10.example", False),  # a name is not looked up
        ("10.0.0.0/8", "https://[::ffff:10.1.2.3]", True),
        ("::ffff:0:0/96", "https://[::ffff:10.1.2.3]", True),
        ("fd00::/8", "https://[fd00::1]", True),
        ("fd00::/8", "https://[fe80::1]", False),
        ("fd00::/8", "https://10.1.2.3", False),
        ("[fd00::]/8", "https://[fd00::1]:8443", True),
        ("fd00::1", "https://[fd00:0::1]", True),
        ("[fd00::1]", "https://[fd00::1]", True),
        ("[fd00::1]:8443", "https://[fd00::1]:8443", True),
        ("[fd00::1]:8443", "https://[fd00::1]", False),
        ("10.1.2.3", "https://10.1.2.3:8443", True),
        ("*", "https://api.example", True),
        ("other.example,*", "https://api.example", True),
        ("*.example", "https://api.example", True),
        ("*.example", "https://api.example.com", False),
        (".example", "https://api.example", True),
        (".example", "https://example", True),
        ("example", "https://api.example", True),
        ("ample", "https://api.example", False),
        ("API.Example", "https://api.example", True),
        ("api.example", "https://api.example.", True),
        ("api.example.", "https://api.example", True),
        ("api.example:443", "https://api.example", True),
        ("api.example:80", "http://api.example", True),
        ("api.example:80", "https://api.example", False),
        ("https://api.example", "https://api.example", True),
        ("http://api.example", "https://api.example", False),
        (" 10.0.0.0/8 , api.example", "https://api.example", True),
        ("10.0.0.0/8 api.example", "https://api.example", True),
        ("видео.example", "https://видео.example/v1", True),
        (".видео..example", "https://видео.example", False),
        ("", "https://api.example", False),
        (",.,:,[],:80", "https://api.example", False),
    ],
)
def test_no_proxy_names_hosts_by_name_address_network_and_port(
    no_proxy: str, url: str, *, is_direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("all_proxy", "proxy.example:3128")
    monkeypatch.setenv("no_proxy", no_proxy)
    assert (environment_proxy(url) is None) is is_direct
