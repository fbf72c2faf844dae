"""The certificate authorities come from `SSL_CERT_FILE` or `SSL_CERT_DIR`, or else from the operating system."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import certifi
import pytest
import trustme
import truststore

from meshapi_video import MeshVideoError
from meshapi_video._transport import tls
from meshapi_video._transport.connection_settings import ConnectionSettings
from meshapi_video._transport.tls import default_context

API, PLAIN = "https://api.example", "http://127.0.0.1:8787"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A folder with the certificate of one authority, under the name by which OpenSSL finds it."""
    folder = tmp_path / "certs"
    folder.mkdir()
    trustme.CA().cert_pem.write_to_path(str(folder / "authority.pem"))
    shutil.copy(folder / "authority.pem", folder / "0f1e2d3c.0")
    return folder


def set_places(monkeypatch: pytest.MonkeyPatch, file: Path | str, folder: Path | str) -> None:
    """Sets where this Python's OpenSSL expects the certificates of the system."""
    paths = ssl.DefaultVerifyPaths("", "", "SSL_CERT_FILE", str(file), "SSL_CERT_DIR", str(folder))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)


def trusted(context: ssl.SSLContext) -> int:
    return context.cert_store_stats()["x509_ca"]


def test_the_file_in_ssl_cert_file_goes_before_the_system_and_before_the_folder(
    authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(authority / "missing"))
    assert trusted(default_context()) == 1


def test_the_folder_in_ssl_cert_dir_goes_before_the_system(authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", str(authority))
    # OpenSSL reads a folder only when it verifies.
    assert trusted(default_context()) == 0
    monkeypatch.setenv("SSL_CERT_DIR", os.pathsep.join([str(authority / "missing"), str(authority)]))
    assert trusted(default_context()) == 0


@pytest.mark.parametrize("value", ["missing.pem", "0f1e2d3c.1"])
def test_a_file_that_cannot_be_loaded_is_an_error_that_names_the_variable_and_the_path(
    value: str, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (authority / "0f1e2d3c.1").touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / value))
    with pytest.raises(MeshVideoError) as caught:
        default_context()
    assert str(caught.value).startswith(f"SSL_CERT_FILE names {authority / value}, which cannot be loaded: ")


@pytest.mark.parametrize("value", ["missing", "without", "certs/authority.pem"])
def test_a_folder_without_a_certificate_that_openssl_finds_is_an_error_that_names_the_variable_and_the_path(
    value: str, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = authority.parent / "without"
    without.mkdir()
    shutil.copy(authority / "authority.pem", without)
    monkeypatch.setenv("SSL_CERT_DIR", str(authority.parent / value))
    with pytest.raises(MeshVideoError) as caught:
        default_context()
    assert str(caught.value) == (
        f"SSL_CERT_DIR names {authority.parent / value}, which has no certificate under the name of its hash: run "
        "openssl rehash on the folder, or set SSL_CERT_FILE to a file"
    )


def test_a_file_of_the_system_that_cannot_be_loaded_is_an_error(
    authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "_SYSTEM_VERIFIES", False)
    (authority / "empty.pem").touch()
    set_places(monkeypatch, authority / "empty.pem", "")
    with pytest.raises(MeshVideoError, match="certificate authorities of the system cannot be loaded: "):
        default_context()


def test_a_variable_without_a_value_counts_as_not_set(authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "")
    monkeypatch.setenv("SSL_CERT_DIR", "")
    set_places(monkeypatch, authority / "authority.pem", "")
    assert trusted(default_context()) == 1


@pytest.mark.parametrize("has_file", [True, False])
@pytest.mark.parametrize("has_folder", [True, False])
def test_on_linux_the_files_of_the_system_are_loaded_once_and_certifi_only_without_them(
    authority: Path, monkeypatch: pytest.MonkeyPatch, *, has_file: bool, has_folder: bool
) -> None:
    monkeypatch.setattr(tls, "_SYSTEM_VERIFIES", False)
    # OpenSSL finds nothing in a folder whose files have other names.
    without = authority.parent
    set_places(
        monkeypatch, authority / "authority.pem" if has_file else "missing.pem", authority if has_folder else without
    )
    context = default_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    if has_file or has_folder:
        assert type(context) is ssl.SSLContext
        assert trusted(context) == has_file
    else:
        assert isinstance(context, truststore.SSLContext)
        inner = cast("Any", context)._ctx
        assert trusted(inner) == Path(certifi.where()).read_text().count("BEGIN CERTIFICATE")


def test_a_folder_that_is_missing_has_no_certificates(authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_SYSTEM_VERIFIES", False)
    set_places(monkeypatch, authority / "authority.pem", authority / "missing")
    assert trusted(default_context()) == 1


def test_windows_and_macos_verify_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_SYSTEM_VERIFIES", True)
    context = default_context()
    assert isinstance(context, truststore.SSLContext)
    assert trusted(cast("Any", context)._ctx) == 0


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", None])
def test_the_authority_of_a_company_may_break_rules_that_only_newer_pythons_check(
    variable: str | None, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create: Callable[..., ssl.SSLContext] = ssl.create_default_context

    def as_in_python_3_13(**options: str | None) -> ssl.SSLContext:
        context = create(**options)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", as_in_python_3_13)
    set_places(monkeypatch, authority / "authority.pem", "")
    if variable:
        monkeypatch.setenv(variable, str(authority / "authority.pem"))
    assert not default_context().verify_flags & ssl.VERIFY_X509_STRICT


def test_certificates_are_loaded_once_and_only_for_a_connection_over_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = list[ssl.SSLContext]()

    def load() -> ssl.SSLContext:
        loaded.append(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        return loaded[-1]

    monkeypatch.setattr("meshapi_video._transport.connection_settings.default_context", load)
    plain = ConnectionSettings("http://proxy.example:3128", None)
    assert plain.tls_context(PLAIN, plain.proxy_for(PLAIN)).verify_mode is ssl.CERT_REQUIRED
    assert loaded == []
    assert plain.tls_context(API, plain.proxy_for(API)) is plain.tls_context(API, None)
    over_tls = ConnectionSettings("https://proxy.example:3128", None)
    assert over_tls.tls_context(PLAIN, over_tls.proxy_for(PLAIN)) is loaded[-1]
    assert len(loaded) == 2
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert ConnectionSettings(None, own).tls_context(API, None) is own
    assert ConnectionSettings(None, own).tls_context(PLAIN, None) is own


def test_truststore_is_imported_only_for_the_first_connection_that_needs_it() -> None:
    code = """
import sys, meshapi_video
for each in (meshapi_video.VideoClient, meshapi_video.AsyncVideoClient):
    each("rsk_0123456789", proxy="http://me:word@proxy.example:3128")
# Nothing else of the SDK imports truststore; httpx2 does.
assert "meshapi_video._transport.system_trust" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
