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


class CompiledTemplates(jinja2.BytecodeCache):
    """Keeps the compiled templates of openapi-python-client, which compiles them again for each document."""

    def __init__(self) -> None:
        self._known: dict[str, CodeType | None] = {}

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
def grown_document() -> dict[str, Json]:
    """The published document merged with the two fixture pages."""
    names = [str(DOCUMENT), *map(str, sorted(PAGES.glob("*.md")))]
    return merge([(name, read(name).document) for name in names])


@pytest.fixture(scope="session")
def grown_code(grown_document: dict[str, Json], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the code that the grown document generates."""
    return generate_from(grown_document, tmp_path_factory.mktemp("grown"))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture
def docs_server() -> Generator[DocsServer]:
    with running_docs_server() as server:
        yield server
