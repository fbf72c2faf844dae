"""What the contract tests share."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from codegen.document import DOCUMENT, OVERLAY, Json, read_mapping
from codegen.errors import CodegenError
from codegen.merge import dump, merge
from codegen.overlay import apply_overlay
from codegen.regenerate import generate
from codegen.sources import read

PAGES = Path(__file__).parent / "pages"


@contextmanager
def failing_in_words() -> Generator[None]:
    """A document that cannot be used is told by its error, which says how to mend it, without a traceback."""
    try:
        yield
    except CodegenError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def published() -> dict[str, Json]:
    return read_mapping(DOCUMENT)


@pytest.fixture(scope="session")
def overlaid(published: dict[str, Json]) -> dict[str, Json]:
    with failing_in_words():
        return apply_overlay(published, read_mapping(OVERLAY))


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generation of this very run, of the committed documents."""
    folder = tmp_path_factory.mktemp("fresh")
    with failing_in_words():
        generate(folder)
    return folder


@pytest.fixture(scope="session")
def grown() -> dict[str, Json]:
    """The published document and the two fixture pages, merged."""
    names = [str(DOCUMENT), *map(str, sorted(PAGES.glob("*.md")))]
    return merge([(name, read(name).document) for name in names])


@pytest.fixture(scope="session")
def base(grown: dict[str, Json], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the merged document generates."""
    folder = tmp_path_factory.mktemp("base")
    document = folder / "openapi.yaml"
    document.write_text(dump(grown), encoding="utf-8")
    generate(folder / "generated", document)
    return folder / "generated"
