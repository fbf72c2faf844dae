"""Vendoring takes the one OpenAPI block of a page as it stands."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from codegen.document import parse_mapping, read_mapping
from codegen.errors import CodegenError
from codegen.vendor import extract, vendor

PAGE = """# A page

Reference: https://docs.example/page

```yaml
openapi: 3.1.0
info: {title: "é", version: '1'}

```

```yaml
not: the document
```
"""


def test_the_block_is_taken_to_the_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document, lock, page = tmp_path / "openapi.yaml", tmp_path / "openapi.lock.yml", tmp_path / "page.md"
    monkeypatch.setattr("codegen.vendor.DOCUMENT", document)
    monkeypatch.setattr("codegen.vendor.LOCK", lock)
    page.write_text(PAGE, encoding="utf-8")

    vendor(page, datetime.date(2026, 1, 2))

    assert document.read_bytes() == "openapi: 3.1.0\ninfo: {title: \"é\", version: '1'}\n\n".encode()
    assert read_mapping(lock)["source"] == "https://docs.example/page"
    assert read_mapping(lock)["retrieved"] == datetime.date(2026, 1, 2)


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("<html>", "it holds 0"),
        (PAGE + PAGE, "it holds 2"),
        (PAGE.replace("Reference", "See"), "does not say where it was published"),
        (PAGE.replace("info: {", "info: {{"), "is not YAML"),
    ],
)
def test_a_page_without_one_good_document_is_an_error_that_says_why(page: str, said: str) -> None:
    with pytest.raises(CodegenError, match=said):
        extract(page, "page.md")


def test_an_unreadable_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(CodegenError, match=r"missing\.yaml cannot be read"):
        read_mapping(tmp_path / "missing.yaml")
    with pytest.raises(CodegenError, match=r"missing\.md cannot be read"):
        vendor(tmp_path / "missing.md", datetime.date(2026, 1, 2))


def test_a_document_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(CodegenError, match="should hold a mapping at its top, not list"):
        parse_mapping("- a", "here")
