"""Vendoring merges several sources into one document, and refuses sources that disagree."""

from __future__ import annotations

import functools
import itertools

import pytest

from codegen.document import DOCUMENT, LOCK, Json
from codegen.merge import dump
from codegen.parsing import parse_mapping, read_mapping
from codegen.sources import read
from contract import conftest
from contract.vendoring import PAGE, PLAIN, Checkout

PAGES = sorted(conftest.PAGES.glob("*.md"))


def test_pages_named_in_any_order_give_the_same_bytes(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    # Parsing takes longest, and the order has no effect on it.
    monkeypatch.setattr("codegen.vendor.read", functools.cache(read))
    results = {
        (checkout.vendor(*sources), checkout.lock.read_bytes())
        for sources in itertools.permutations([DOCUMENT, *PAGES])
    }
    assert len(PAGES) == 2
    assert len(results) == 1


def test_a_merged_document_has_the_operations_and_components_of_every_page_sorted(
    checkout: Checkout, published: dict[str, Json]
) -> None:
    checkout.vendor(*PAGES, DOCUMENT)
    merged = read_mapping(checkout.document)

    assert list(merged) == ["openapi", "info", "paths", "servers", "components"]
    assert {path: list(item) for path, item in merged["paths"].items()} == {
        "/v1/video/generations": ["get", "post"],
        "/v1/video/generations/{task_id}": ["get"],
    }
    schemas = merged["components"]["schemas"]
    assert list(schemas) == sorted(schemas)
    assert {"VideoGenerationRequest", "VideoTaskListResponse"} < set(schemas)
    assert {name: schemas[name] for name in published["components"]["schemas"]} == published["components"]["schemas"]
    assert merged["components"]["securitySchemes"] == published["components"]["securitySchemes"]


def test_a_merged_document_has_the_style_of_the_publisher(checkout: Checkout) -> None:
    merged = checkout.vendor(*PAGES, DOCUMENT).decode()
    task = (
        DOCUMENT.read_text(encoding="utf-8")
        .split("    VideoTaskResponse:\n")[1]
        .split("    ValidationErrorLocItems")[0]
    )
    operation = DOCUMENT.read_text(encoding="utf-8").split("paths:\n")[1].split("servers:")[0]
    assert task in merged
    assert operation in merged


def test_the_fixture_pages_say_that_they_are_not_vendored() -> None:
    vendored = {source["address"] for source in read_mapping(LOCK)["sources"]}
    for page in (*PAGES, *conftest.GROWN_PAGES.glob("*.md")):
        # A vendored page takes the place of its stand-in.
        if page not in PAGES or read(str(page)).address not in vendored:
            assert page.read_text(encoding="utf-8").startswith("<!-- A fixture of this project's tests, not vendored:")


def test_a_source_named_twice_counts_once(checkout: Checkout) -> None:
    page = checkout.source("page.md", PAGE)
    assert checkout.vendor(page, page, checkout.source("copy.md", PAGE)) == f"{PLAIN}\n".encode()
    assert len(read_mapping(checkout.lock)["sources"]) == 1


def test_sources_that_differ_only_in_the_order_of_keys_agree(checkout: Checkout) -> None:
    schemas = "components: {{schemas: {{S: {{{}}}}}}}\n"
    one = checkout.source("one.yaml", PLAIN + schemas.format("type: string, title: S"))
    two = checkout.source("two.yaml", PLAIN + schemas.format("title: S, type: string"))

    assert checkout.vendor(one, two) == checkout.vendor(two, one)
    assert list(read_mapping(checkout.document)["components"]["schemas"]["S"]) == ["type", "title"]


def test_a_status_written_as_a_number_equals_its_string(checkout: Checkout) -> None:
    number = checkout.source("one.yaml", PLAIN.replace("{}", "{200: {description: y}}"))
    string = checkout.source("two.yaml", PLAIN.replace("{}", "{'200': {description: y}}"))
    assert b"        '200':\n" in checkout.vendor(number, string)


def test_a_merged_document_has_no_yaml_anchors(checkout: Checkout) -> None:
    shared = checkout.source("one.yaml", f"{PLAIN}x-one: &a {{b: [c]}}\nx-two: *a\n")
    other = checkout.source("two.yaml", f"{PLAIN}x-one: {{b: [c]}}\nx-two: {{b: [c]}}\n")
    assert checkout.vendor(shared, other).endswith(b"x-one:\n  b:\n    - c\nx-two:\n  b:\n    - c\n")


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ("openapi: 3.1.0", "openapi: 3.1.1", "#/openapi"),
        ("version: '1'", "version: '2'", "#/info"),
        ("paths:", "servers: [{url: 'https://other.example'}]\npaths:", "#/servers"),
        ("paths:", "security: [{bearer: []}]\npaths:", "#/security"),
        ("responses: {}", "responses: {'200': {description: other}}", "#/paths/~1a/get"),
        ("    get:", "    parameters: [{name: other, in: query}]\n    get:", "#/paths/~1a/parameters"),
    ],
)
def test_sources_that_disagree_are_an_error_that_shows_both(
    one: str, other: str, message: str, checkout: Checkout
) -> None:
    sources = checkout.source("one.yaml", PLAIN), checkout.source("two.yaml", PLAIN.replace(one, other))
    error = checkout.vendor_error(*sources)
    assert f"{message} is defined differently in two sources" in error
    assert all(f"In {source}:\n\n    " in error for source in sources)
    assert "leave one of the two out" in error
    assert checkout.vendor_error(*reversed(sources)) == error


def test_the_error_shows_both_definitions_of_a_component(checkout: Checkout) -> None:
    listing = PAGES[1].read_text(encoding="utf-8")
    assert "completion_tokens:\n          type: integer" in listing
    older = checkout.source(
        "older.md",
        listing.replace("completion_tokens:\n          type: integer", "completion_tokens:\n          type: string"),
    )
    error = checkout.vendor_error(DOCUMENT, older)
    assert "#/components/schemas/VideoTaskUsage is defined differently in two sources" in error
    assert (
        f"In {DOCUMENT}:\n\n    type: object\n    properties:\n      completion_tokens:\n        type: integer\n"
        in error
    )
    assert (
        f"In {older}:\n\n    type: object\n    properties:\n      completion_tokens:\n        type: string\n" in error
    )


def test_true_and_one_and_one_point_zero_are_three_different_definitions(checkout: Checkout) -> None:
    schemas = "components: {{schemas: {{S: {{default: {}}}}}}}\n"
    sources = [checkout.source(f"{value}.yaml", PLAIN + schemas.format(value)) for value in ("true", "1", "1.0")]
    for pair in itertools.combinations(sources, 2):
        assert "#/components/schemas/S is defined differently" in checkout.vendor_error(*pair)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " a",
            "a ",
            "a\n",
            "a\n\n",
            "\n",
            "  a\nb",
            "a \nb",
            "a\r\nb",
            "\x85",
            "a\u2028b\nc",
            "\ufeff",
            "\x07",
            "...",
        ),
        *("yes", "null", "~", "012", "0o7", "1e3", "1_0", "2026-01-02", "<<", "=", "- a", "a: b", "a #b", "x " * 200),
    ],
)
def test_a_written_string_is_read_back_unchanged(text: str) -> None:
    value = {text: text, "list": [text, {text: [text]}], "last": text}
    assert parse_mapping(dump(value), "here") == value
