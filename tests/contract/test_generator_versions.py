"""The report tells an upgrade of a generator from a change of the document."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Final

import pytest

from codegen.diff.operations import GENERATORS
from codegen.diff.report import OVERLAID, compare_generated, read_overlaid
from codegen.diff.severity import Severity
from codegen.document import GENERATED, Json
from codegen.regenerate import CLIENT, WIRE
from contract.mutations import find

CLIENT_GENERATOR: Final = "openapi-python-client"
SEED: Final = "#/components/schemas/VideoTaskResponse/properties/seed"


def test_the_committed_code_records_the_versions_that_wrote_it() -> None:
    assert read_overlaid(GENERATED)[GENERATORS].keys() == {"datamodel-code-generator", CLIENT_GENERATOR, "ruff"}


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The committed code, as an older generator might have written it."""
    folder = tmp_path / "older"
    shutil.copytree(GENERATED, folder)
    document = read_overlaid(folder)
    document[GENERATORS][CLIENT_GENERATOR] = "0.1.0"
    write(folder, document)
    return folder


def write(folder: Path, document: dict[str, Json]) -> None:
    (folder / OVERLAID).write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def replace(path: Path, old: str, new: str) -> None:
    source = path.read_text(encoding="utf-8")
    assert old in source
    path.write_text(source.replace(old, new), encoding="utf-8")


def upgrade() -> str:
    return f"{CLIENT_GENERATOR} from 0.1.0 to {read_overlaid(GENERATED)[GENERATORS][CLIENT_GENERATOR]}"


def test_an_upgrade_that_changes_no_declaration_is_cosmetic_and_named(older: Path) -> None:
    replace(older / CLIENT / "models" / "video_task_usage.py", "All tokens of the task.", "Every token.")
    report = compare_generated(older, GENERATED)
    assert (report.severity, report.document) == (Severity.COSMETIC, [])
    text = report.markdown()
    assert text.startswith("# What this upgrade of a generator changes for users of the SDK\n")
    assert f"The versions changed: {upgrade()}. The document is the same" in text


def test_a_declaration_that_an_upgrade_changes_is_breaking_and_a_change_of_the_generator(older: Path) -> None:
    replace(older / WIRE / "__init__.py", "seed: int | None", "seed: float | None")
    report = compare_generated(older, GENERATED)
    assert report.severity is Severity.BREAKING
    assert f"**No change of the document explains it. A generator changed: {upgrade()}.**" in report.markdown()


def test_a_name_that_an_upgrade_removes_is_breaking(older: Path) -> None:
    replace(
        older / CLIENT / "models" / "video_task_usage.py", "    def to_dict", "    def old(self): ...\n    def to_dict"
    )
    report = compare_generated(older, GENERATED)
    assert report.severity is Severity.BREAKING
    assert any("VideoTaskUsage.old" in change.pointer for change in report.to_acknowledge), report.to_acknowledge


def test_a_document_that_changes_with_the_upgrade_has_its_own_changes(older: Path) -> None:
    document = copy.deepcopy(read_overlaid(older))
    find(document, SEED)["type"] = ["string", "null"]
    write(older, document)
    report = compare_generated(older, GENERATED)
    assert {change.pointer for change in report.document} == {SEED}
    text = report.markdown()
    assert text.startswith("# What this document changes")
    assert f"The versions changed: {upgrade()}.\n" in text


def test_the_same_versions_are_not_named(older: Path) -> None:
    document = read_overlaid(older)
    del document[GENERATORS]
    write(older, document)
    report = compare_generated(older, GENERATED)
    assert (report.generators, report.severity) == ((), Severity.COSMETIC)
    assert "## The generators" not in report.markdown()
