"""Fixtures of the contract tests: the documents, and the code that they generate."""

from __future__ import annotations

import functools
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType

import jinja2
import openapi_python_client
import pytest

from codegen.corpus.pages import _reached
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
FIRST_PATH = "/v1/video/generations/{task_id}"


class CompiledTemplates(jinja2.BytecodeCache):
    """Keeps the compiled templates of openapi-python-client, which compiles them again for each document."""

    def __init__(self) -> None:
        self._known: dict[str, CodeType | None] = {}

    def get_cache_key(self, name: str, filename: str | None = None) -> str:  # noqa: ARG002
        """The name alone: each generation writes the edited templates into another folder."""
        return name

    def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        """Gives a template its code, if it was compiled before."""
        bucket.code = self._known.get(bucket.key + bucket.checksum)

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        """Keeps the code of a template."""
        self._known[bucket.key + bucket.checksum] = bucket.code


# To compile them takes a third of the time of a generation, and these tests generate code some hundred times.
setattr(  # noqa: B010 - no public name
    openapi_python_client, "Environment", functools.partial(jinja2.Environment, bytecode_cache=CompiledTemplates())
)


@contextmanager
def without_traceback() -> Generator[None]:
    """Fails a test with the message of a `CodegenError` alone: the message says how to fix the document."""
    try:
        yield
    except CodegenError as error:
        pytest.fail(str(error), pytrace=False)


def merged_with(folder: Path, document: dict[str, Json] | None = None) -> dict[str, Json]:
    """A document (the published one) merged with the pages in a folder."""
    sources = [(str(page), read(str(page)).document) for page in sorted(folder.glob("*.md"))]
    return merge([(str(DOCUMENT), document or read_mapping(DOCUMENT)), *sources])


def only_first_page(document: dict[str, Json]) -> dict[str, Json]:
    """The operation of the first page, which returns one task, and the schemas that it needs.

    The stand-ins describe the other operations. They contradict these operations once their own pages are vendored.
    """
    operations = document["paths"][FIRST_PATH]
    schemas = {name: schema for kind, name, schema in _reached(document, operations) if kind == "schemas"}
    components = {**document["components"], "schemas": schemas}
    return {**document, "paths": {FIRST_PATH: operations}, "components": components}


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
def first_page_code(published: dict[str, Json], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the code of the first page alone."""
    return generate_from(only_first_page(published), tmp_path_factory.mktemp("first-page"), supplement=False)


@pytest.fixture(scope="session")
def grown_document(published: dict[str, Json]) -> dict[str, Json]:
    """The first page merged with the two pages of many kinds of schemas."""
    return merged_with(GROWN_PAGES, only_first_page(published))


@pytest.fixture(scope="session")
def grown_code(grown_document: dict[str, Json], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the code that the grown document generates."""
    return generate_from(grown_document, tmp_path_factory.mktemp("grown"), supplement=False)


@pytest.fixture(scope="session")
def vendored_code(published: dict[str, Json], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the code of all three pages, without the supplement."""
    return generate_from(
        merged_with(PAGES, only_first_page(published)), tmp_path_factory.mktemp("vendored"), supplement=False
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture
def docs_server() -> Generator[DocsServer]:
    with running_docs_server() as server:
        yield server
