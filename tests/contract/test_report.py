"""The report says what a maintainer needs, and the changelog must own up to what breaks."""

from __future__ import annotations

import json
import re

import pytest

from codegen.changes import compare
from codegen.document import GENERATED, RELEASED, ROOT, Json
from codegen.errors import CodegenError
from codegen.levels import Change, Level
from codegen.python_api import ApiChange
from codegen.report import Report, current_version, next_version, read_overlaid, unacknowledged
from codegen.trees import FileChange

CHANGELOG = ROOT / "CHANGELOG.md"
SEED = Change(Level.BREAKING, "#/components/schemas/VideoTaskResponse/properties/seed", "`a | b` is gone.")
MODEL = Change(Level.ADDITIVE, "#/components/schemas/VideoTaskResponse/properties/model", "It is there.")


def test_every_change_that_breaks_since_the_last_release_is_acknowledged_in_the_changelog() -> None:
    released = json.loads(RELEASED.read_text(encoding="utf-8"))
    missing = unacknowledged(compare(released, read_overlaid(GENERATED)), CHANGELOG.read_text(encoding="utf-8"))
    if missing:
        lines = "\n".join(f"- `{change.pointer}`: {change.meaning}" for change in missing)
        pytest.fail(
            "These changes break callers of the released SDK, and the part `## Unreleased` of CHANGELOG.md does not "
            f"name them. If they are meant, add to it:\n\n{lines}\n",
            pytrace=False,
        )


@pytest.mark.parametrize(
    ("changelog", "missing"),
    [
        ("# Changelog\n\n## Unreleased\n\n### Removed\n\n- `{}`: gone.\n", False),
        ("## [Unreleased]\n- `{}`\n\n## 0.1.0\n", False),
        ("## Unreleased\n\n## 0.1.0\n- `{}`\n", True),
        ("## Unreleased\n- {}\n", True),
        ("## Unreleased\n- `{}/type`\n", True),
        ("- `{}`\n", True),
        ("", True),
    ],
)
def test_a_breaking_change_is_acknowledged_by_its_pointer_in_the_unreleased_part(
    changelog: str, *, missing: bool
) -> None:
    assert unacknowledged([SEED, MODEL], changelog.replace("{}", SEED.pointer)) == ([SEED] if missing else [])


@pytest.mark.parametrize(
    ("version", "level", "expected"),
    [
        ("0.1.3", Level.BREAKING, "0.2.0"),
        ("0.1.3", Level.ADDITIVE, "0.1.4"),
        ("0.1.3", Level.COSMETIC, "0.1.4"),
        ("1.2.3", Level.BREAKING, "2.0.0"),
        ("1.2.3", Level.ADDITIVE, "1.3.0"),
        ("1.2.3", Level.COSMETIC, "1.2.4"),
    ],
)
def test_the_class_suggests_the_next_version(version: str, level: Level, expected: str) -> None:
    assert next_version(version, level) == expected


def test_the_current_version_is_the_packages_own() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", current_version())


def test_the_report_reads_well() -> None:
    files = [FileChange("meshapi_video_generated/models/x.py", "changed", 3, 1)]
    report = Report(
        [SEED, MODEL], files, [ApiChange("meshapi_video.X", "Gone")], [ApiChange("y.Z.a", "`int` became `str`")]
    )
    assert report.markdown().splitlines()[2] == (
        f"Overall: **breaking**. The version is {current_version()}; the next one should be "
        f"{next_version(current_version(), Level.BREAKING)}."
    )
    for line in (
        f"| **breaking** | `{SEED.pointer}` | `a \\| b` is gone. |",
        "| `meshapi_video_generated/models/x.py` | changed | +3 -1 |",
        "- `meshapi_video.X`: Gone",
        "- `y.Z.a`: `int` became `str`",
    ):
        assert line in report.markdown().splitlines()


def test_what_breaks_by_name_alone_makes_the_whole_breaking() -> None:
    report = Report([MODEL], [], [ApiChange("meshapi_video.X", "Gone")], [])
    assert report.level is Level.BREAKING
    assert "No change." in report.markdown()


def test_the_worst_comes_first_and_nothing_is_said_twice() -> None:
    old: dict[str, Json] = {"paths": {}, "components": {"schemas": {"A": {"type": "object", "properties": {"x": {}}}}}}
    new: dict[str, Json] = {"paths": {}, "components": {"schemas": {"A": {"type": "object", "title": "A"}, "B": {}}}}
    changes = compare(old, new)
    assert [change.level for change in changes] == [Level.BREAKING, Level.BREAKING, Level.ADDITIVE]
    assert len(set(changes)) == 3


@pytest.mark.parametrize("paths", [[], {"/x": []}, {"/x": {"get": []}}, {"/x": {"get": {"responses": []}}}])
def test_a_document_of_the_wrong_shape_is_an_error_that_shows_the_place(paths: Json) -> None:
    with pytest.raises(CodegenError, match="should have an object"):
        compare({"paths": {"/x": {"get": {"responses": {}}}}}, {"paths": paths})
