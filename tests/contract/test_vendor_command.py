"""The files that `nox -s vendor` writes, and what the command prints."""

from __future__ import annotations

import errno
import hashlib
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from codegen.parsing import read_mapping
from codegen.vendor import main
from contract.vendoring import DAY, PAGE, PLAIN, Checkout


def test_the_lock_gives_the_date_and_the_address_and_checksum_of_each_source(checkout: Checkout) -> None:
    plain, page = checkout.source("api.yaml", PLAIN), checkout.source("page.md", PAGE)

    written = checkout.vendor(plain, page)

    assert checkout.lock.read_text().startswith("# Where openapi.yaml came from.")
    assert read_mapping(checkout.lock) == {
        "retrieved": DAY.isoformat(),
        "sha256": hashlib.sha256(written).hexdigest(),
        "sources": [
            {"address": plain, "sha256": hashlib.sha256(PLAIN.encode()).hexdigest()},
            {"address": "https://docs.example/page", "sha256": hashlib.sha256(f"{PLAIN}\n".encode()).hexdigest()},
        ],
    }


def test_a_lock_that_cannot_be_written_leaves_the_document_unchanged(checkout: Checkout) -> None:
    checkout.lock.unlink()
    checkout.lock.mkdir()
    assert "openapi.lock.yml cannot be written" in checkout.vendor_error(checkout.source("page.md", PAGE))
    checkout.document.unlink()
    checkout.vendor_error(checkout.folder / "page.md")
    assert not checkout.document.exists()


def test_a_full_disk_leaves_both_files_unchanged(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path, _content: bytes) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    source = checkout.source("page.md", PAGE)
    monkeypatch.setattr(Path, "write_bytes", full)
    assert f"{checkout.folder} cannot be written: No space left on device" in checkout.vendor_error(source)


def test_an_interrupted_vendoring_says_in_which_state_the_files_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_arguments: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr("codegen.vendor.vendor", interrupted)
    assert str(exit_code(monkeypatch, "page.md")).startswith("vendor: interrupted. ")


def test_the_first_vendoring_creates_both_files(checkout: Checkout) -> None:
    checkout.document.unlink()
    checkout.lock.unlink()
    checkout.vendor(checkout.source("page.md", PAGE))
    assert sorted(checkout.files()) == ["openapi.lock.yml", "openapi.yaml", "page.md"]


def exit_code(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    """The exit code, or the message that Python prints before it exits with 1."""
    monkeypatch.setattr(sys, "argv", ["vendor", *arguments])
    with pytest.raises(SystemExit) as exited:
        main()
    return exited.value.code


def test_the_help_explains_the_sources_and_is_printed_without_arguments_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(monkeypatch, "--help") == 0
    help_text = capsys.readouterr().out
    assert "nox -s vendor -- SOURCE" in help_text
    assert "page.md " in help_text
    assert exit_code(monkeypatch) == 2
    assert capsys.readouterr().err == help_text


def test_the_command_prints_the_vendored_addresses_or_an_error(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.redirect_command(monkeypatch)
    message = str(exit_code(monkeypatch, str(checkout.folder / "missing.md")))
    assert message.startswith("vendor: ")
    assert message.endswith("openapi.yaml and openapi.lock.yml are unchanged.")

    monkeypatch.setattr(sys, "argv", ["vendor", checkout.source("page.md", PAGE)])
    main()
    assert capsys.readouterr().out == "vendored https://docs.example/page\n"
    assert checkout.document.read_bytes() == f"{PLAIN}\n".encode()
