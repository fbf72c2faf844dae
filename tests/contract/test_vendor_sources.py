"""Vendoring copies the OpenAPI document of a page or a plain file, or changes no file."""

from __future__ import annotations

import json

import pytest

from codegen.parsing import parse_mapping
from contract.vendoring import PAGE, PLAIN, Checkout


def test_the_block_of_one_page_is_copied_byte_for_byte(checkout: Checkout) -> None:
    assert checkout.vendor(checkout.source("page.md", PAGE)) == f"{PLAIN}\n".encode()


def test_line_ends_stay_as_published(checkout: Checkout) -> None:
    page = PAGE.replace("\n", "\r\n")
    assert checkout.vendor(checkout.source("page.md", page)) == f"{PLAIN}\n".replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    "content", [PLAIN, f"# a comment\n{PLAIN}# and another", f"\ufeff{PLAIN}", PLAIN.replace("\n", "\r\n")]
)
def test_a_plain_yaml_file_is_copied_byte_for_byte(content: str, checkout: Checkout) -> None:
    assert checkout.vendor(checkout.source("api.yaml", content)) == content.encode()


@pytest.mark.parametrize("published_in", ["api.json", "page.md"])
def test_json_becomes_yaml_with_the_same_values(published_in: str, checkout: Checkout) -> None:
    document = parse_mapping(PLAIN, "here")
    document["x-odd"] = ["🎬", "null", "1", 1, 1.5, True, None, {}, [], "a\n\tb\r\n", "# "]
    text = json.dumps(document, indent="\t")
    page = f"Reference: https://docs.example/page\n\n~~~json title='api'\n{text}\n~~~\n"

    written = checkout.vendor(checkout.source(published_in, text if published_in == "api.json" else page)).decode()

    assert parse_mapping(written, "there") == document
    assert written.startswith("openapi: 3.1.0\ninfo:\n  title: é\n")
    assert "  - 🎬\n  - 'null'\n  - '1'\n  - 1\n" in written


def test_blocks_inside_a_markdown_example_do_not_count(checkout: Checkout) -> None:
    example = f"````markdown\n```yaml\n{PLAIN}```\n````\n\n"
    assert checkout.vendor(checkout.source("page.md", example + PAGE)) == f"{PLAIN}\n".encode()


def test_a_block_with_a_nested_openapi_key_is_not_the_document(checkout: Checkout) -> None:
    example = '```json\n{"tool": {"openapi": true}}\n```\n\n'
    assert checkout.vendor(checkout.source("page.md", example + PAGE)) == f"{PLAIN}\n".encode()


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("# A page\n", "page.md contains no OpenAPI block"),
        ("", "page.md contains no OpenAPI block"),
        ("<!-- a -->\n" * 100 + "\n" * 100_000, "page.md contains no OpenAPI block"),
        (PAGE.replace("```yaml", "```python"), "page.md contains no OpenAPI block"),
        (PAGE + PAGE, "page.md contains 2 OpenAPI blocks, in lines 5 and 22. Keep one and remove the others"),
        (PAGE.replace("Reference", "See"), "page.md does not name the address where it was published"),
        (PAGE.replace("info: {", "info: {{"), "page.md is not valid YAML"),
        (PAGE.replace("info: {", "info: {{"), "page.md, line 7, column 7"),
        (PAGE.replace("paths:", "info: {}\npaths:"), 'found duplicate key "info"'),
        (PAGE.partition("```\n")[0], "page.md: the block that begins in line 5 has no end. Download the page again"),
        (PAGE.replace("3.1.0", "'2.0'"), "page.md (the block in line 5) has the OpenAPI version '2.0'"),
        (PAGE.replace("```yaml\nopenapi", "```json\nopenapi"), "page.md is not valid JSON"),
        ("<!DOCTYPE html>\n<p>Sign in</p>", "page.md is HTML. Name the page's Markdown"),
        ("\n<!-- made by hand -->\n<HTML lang='en'>", "page.md is HTML"),
        (PAGE.encode("latin-1"), "page.md is not UTF-8 text: see line 7. Save it in UTF-8"),
    ],
)
def test_a_page_without_exactly_one_valid_document_is_an_error_that_changes_no_file(
    page: str | bytes, message: str, checkout: Checkout
) -> None:
    valid = checkout.source("good.yaml", PLAIN)
    assert message in checkout.vendor_error(valid, checkout.source("page.md", page))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("api.yaml", "- a", "api.yaml should have a mapping at its top, not list"),
        ("api.yaml", "", "api.yaml should have a mapping at its top, not NoneType"),
        ("api.yaml", "a: [", "api.yaml is not valid YAML"),
        ("api.yaml", "a: 1\n---\nb: 2", "expected a single document"),
        ("api.yaml", "title: an overlay", "api.yaml is not OpenAPI: it has no key `openapi` at its top"),
        ("api.yaml", "swagger: '2.0'", "api.yaml is Swagger 2.0, but this program reads the versions 3.0 and 3.1"),
        *(
            ("api.yaml", PLAIN.replace("3.1.0", version), f"has the OpenAPI version {shown}, but this program reads")
            for version, shown in (
                ("3.2.0", "'3.2.0'"),
                ("4.0.0", "'4.0.0'"),
                ("3.10.0", "'3.10.0'"),
                ("3.1", "3.1"),
                ("", "None"),
                ("[3]", "[3]"),
            )
        ),
        ("api.yaml", "openapi: 3.1.0\ninfo: {}\n", "api.yaml describes no operation: it has no `paths`"),
        ("api.yaml", "openapi: 3.1.0\npaths: [a]", "#/paths should be a mapping, not list"),
        ("api.yaml", "openapi: 3.1.0\npaths: {/a: }", "/a in #/paths should be a mapping, not NoneType"),
        ("api.yaml", f"{PLAIN}components: {{schemas: 1}}", "schemas in #/components should be a mapping, not int"),
        ("api.yaml", f"{PLAIN}true: 1", "the key True is not a string"),
        ("api.yaml", f"{PLAIN}x-day: 2026-13-45", "month must be in 1..12"),
        (
            "api.yaml",
            f"{PLAIN}x-self: &a {{b: *a}}",
            "is not valid YAML: an alias leads to a value that contains the alias",
        ),
        ("api.yaml", '{"openapi": "3.1.0", "paths": {}, "x": "\\ud83d\\ude00"}', "surrogates not allowed"),
        ("api.json", "[]", "api.json should have an object at its top, not list"),
        ("api.json", PLAIN, "api.json is not valid JSON: Expecting value: line 1"),
        ("api.json", '{"openapi": "3.1.0",\n"paths": {}, "paths": {}}', "an object has the key 'paths' twice"),
        ("api.json", "[" * 100_000, "is not valid JSON: it is nested more than 100 levels deep"),
        ("api.yaml", "<html>", "api.yaml is HTML"),
        ("api.yaml", b"\xff\xfe", "api.yaml is not UTF-8 text: see line 1"),
    ],
)
def test_a_file_that_is_not_a_valid_document_is_an_error_that_changes_no_file(
    name: str, content: str | bytes, message: str, checkout: Checkout
) -> None:
    assert message in checkout.vendor_error(checkout.source(name, content))


def nested(depth: int) -> str:
    """A JSON document whose deepest value lies at a depth. The object at the top has depth 1."""
    return json.dumps({**parse_mapping(PLAIN, "here"), "x": "…"}).replace(
        '"\\u2026"', "[" * (depth - 1) + "]" * (depth - 1)
    )


def test_nesting_is_written_up_to_the_limit_and_refused_above_it(checkout: Checkout) -> None:
    # JSON is written as YAML, and read again.
    assert checkout.vendor(checkout.source("api.json", nested(100))).endswith(b"- []\n")
    for name in ("api.json", "api.yaml"):
        assert "it is nested more than 100 levels deep" in checkout.vendor_error(checkout.source(name, nested(101)))


def test_a_file_that_is_missing_or_unreadable_is_an_error_that_names_it(checkout: Checkout) -> None:
    assert "missing.md cannot be read: No such file or directory" in checkout.vendor_error(
        checkout.folder / "missing.md"
    )
    assert f"{checkout.folder} cannot be read: Is a directory" in checkout.vendor_error(checkout.folder)
    assert "ftp://docs.example/a.md cannot be read" in checkout.vendor_error("ftp://docs.example/a.md")
