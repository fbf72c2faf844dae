"""Fixtures of the contract tests: the documents, and the code that they generate."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from codegen.document import DOCUMENT, OVERLAY, Json
from codegen.errors import CodegenError
from codegen.merge import merge
from codegen.overlay import apply_overlay
from codegen.parsing import read_mapping
from codegen.regenerate import generate
from codegen.sources import read
from contract.generating import generate_from
from contract.vendoring import Checkout, DocsServer, running_docs_server

PAGES = Path(__file__).parent / "pages"
"""Stand-ins for the pages of the operations that the supplement adds."""
GROWN_PAGES = Path(__file__).parent / "grown_pages"
"""Pages of the same operations with many kinds of schemas, to test the report and the judge with."""


@contextmanager
def without_traceback() -> Generator[None]:
    """Fails a test with the message of a `CodegenError` alone: the message says how to fix the document."""
    try:
        yield
    except CodegenError as error:
        pytest.fail(str(error), pytrace=False)


def merged_with(folder: Path) -> dict[str, Json]:
    """The published document merged with the pages in a folder."""
    names = [str(DOCUMENT), *map(str, sorted(folder.glob("*.md")))]
    return merge([(name, read(name).document) for name in names])


@pytest.fixture(scope="session")
def published() -> dict[str, Json]:
    return read_mapping(DOCUMENT)


@pytest.fixture(scope="session")
def overlaid(published: dict[str, Json]) -> dict[str, Json]:
    with without_traceback():
        return apply_overlay(published, read_mapping(OVERLAY))


@pytest.fixture(scope="session")
def fresh_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with code that this run generated from the committed documents."""
    folder = tmp_path_factory.mktemp("fresh")
    with without_traceback():
        generate(folder)
    return folder


@pytest.fixture(scope="session")
def published_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the code of the published document, without the supplement."""
    folder = tmp_path_factory.mktemp("published")
    generate(folder, supplement=None)
    return folder


@pytest.fixture(scope="session")
def grown_document() -> dict[str, Json]:
    """The published document merged with the two pages of many kinds of schemas."""
    return merged_with(GROWN_PAGES)


@pytest.fixture(scope="session")
def grown_code(grown_document: dict[str, Json], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the code that the grown document generates."""
    return generate_from(grown_document, tmp_path_factory.mktemp("grown"), supplement=False)


@pytest.fixture(scope="session")
def vendored_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the code of all three pages, without the supplement."""
    return generate_from(merged_with(PAGES), tmp_path_factory.mktemp("vendored"), supplement=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture
def docs_server() -> Generator[DocsServer]:
    with running_docs_server() as server:
        yield server
