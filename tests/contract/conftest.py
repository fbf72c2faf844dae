"""What the contract tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.document import DOCUMENT, OVERLAY, Json, read_mapping
from codegen.overlay import apply_overlay
from codegen.regenerate import generate


@pytest.fixture(scope="session")
def published() -> dict[str, Json]:
    return read_mapping(DOCUMENT)


@pytest.fixture(scope="session")
def overlaid(published: dict[str, Json]) -> dict[str, Json]:
    return apply_overlay(published, read_mapping(OVERLAY))


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generation of this very run, of the committed documents."""
    folder = tmp_path_factory.mktemp("fresh")
    generate(folder)
    return folder
