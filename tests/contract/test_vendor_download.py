"""Vendoring downloads pages and plain documents, and explains each failure."""

from __future__ import annotations

import json

import pytest

from codegen.parsing import parse_mapping, read_mapping
from contract.vendoring import PAGE, PLAIN, Checkout, DocsServer


@pytest.mark.parametrize(
    ("address", "requested"),
    [
        ("/docs/page", "/docs/page.md"),
        ("/docs/page/", "/docs/page.md"),
        ("/docs/page#example", "/docs/page.md"),
        ("/docs/page-v1.2?lang=en", "/docs/page-v1.2.md?lang=en"),
        ("/docs/page.md", "/docs/page.md"),
    ],
)
def test_the_markdown_of_a_page_is_downloaded(
    address: str, requested: str, checkout: Checkout, docs_server: DocsServer
) -> None:
    docs_server.responses[requested] = 200, PAGE.encode()
    assert checkout.vendor(docs_server.address + address) == f"{PLAIN}\n".encode()
    assert docs_server.requests == [(requested, "text/markdown, application/yaml, application/json, text/plain")]
    assert read_mapping(checkout.lock)["sources"][0]["address"] == docs_server.address + address


@pytest.mark.parametrize("address", ["/api.yaml", "/api.YML", "/api.yaml?version=3"])
def test_a_plain_document_is_downloaded_from_its_address(
    address: str, checkout: Checkout, docs_server: DocsServer
) -> None:
    docs_server.responses[address] = 200, PLAIN.encode()
    assert checkout.vendor(docs_server.address + address) == PLAIN.encode()


def test_downloaded_json_becomes_yaml(checkout: Checkout, docs_server: DocsServer) -> None:
    docs_server.responses["/api.json"] = 200, json.dumps(parse_mapping(PLAIN, "here")).encode()
    assert checkout.vendor(f"{docs_server.address}/api.json").startswith(b"openapi: 3.1.0\ninfo:\n")


def test_redirects_are_followed(checkout: Checkout, docs_server: DocsServer) -> None:
    docs_server.redirects["/old.md"] = "/new.md"
    docs_server.responses["/new.md"] = 200, PAGE.encode()
    assert checkout.vendor(f"{docs_server.address}/old") == f"{PLAIN}\n".encode()


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (404, b"", "/page.md returned status 404, not 200. Check the address"),
        (503, PAGE.encode(), "/page.md returned status 503, not 200"),
        (200, b"<!doctype html><title>Sign in</title>", "/page is HTML. Name the page's Markdown"),
        (200, b"# Moved", "/page contains no OpenAPI block"),
        (200, PAGE.replace("info: {", "info: {{").encode(), "/page, line 7, column 7"),
        (200, b" " * 2_000_001, "/page.md is larger than 2,000,000 bytes"),
    ],
)
def test_a_response_that_is_not_a_page_is_an_error_that_changes_no_file(
    status: int, body: bytes, message: str, checkout: Checkout, docs_server: DocsServer
) -> None:
    docs_server.responses["/page.md"] = status, body
    assert f"{docs_server.address}{message}" in checkout.vendor_error(f"{docs_server.address}/page")


def test_endless_redirects_are_an_error(checkout: Checkout, docs_server: DocsServer) -> None:
    docs_server.redirects["/page.md"] = "/page.md"
    assert "cannot be reached (TooManyRedirects" in checkout.vendor_error(f"{docs_server.address}/page")


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1/page", "http://", "http://[::1", f"http://{'a' * 70}.example/page", "http://a\x00/"]
)
def test_an_address_that_cannot_be_reached_is_an_error_that_names_it(address: str, checkout: Checkout) -> None:
    error = checkout.vendor_error(address)
    assert f"{address} cannot be reached (" in error
    assert "save the page and name the file" in error
