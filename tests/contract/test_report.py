"""The report says what a maintainer needs, and the changelog must own up to what breaks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from codegen.changes import compare
from codegen.document import GENERATED, RELEASED, ROOT, Json
from codegen.errors import CodegenError
from codegen.levels import Change, Level
from codegen.python_api import ApiChange
from codegen.regenerate import generate_overlaid
from codegen.report import Report, current_version, next_version, report, unacknowledged
from codegen.trees import FileChange

CHANGELOG = ROOT / "CHANGELOG.md"
SEED = Change(Level.BREAKING, "#/components/schemas/VideoTaskResponse/properties/seed", "`a | b` is gone.")
MODEL = Change(Level.ADDITIVE, "#/components/schemas/VideoTaskResponse/properties/model", "It is there.")


def test_every_change_that_breaks_since_the_last_release_is_acknowledged_in_the_changelog(tmp_path: Path) -> None:
    generate_overlaid(tmp_path / "released", json.loads(RELEASED.read_text(encoding="utf-8")))
    since = report(tmp_path / "released", GENERATED)
    missing = unacknowledged(since.owned_up, CHANGELOG.read_text(encoding="utf-8"))
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
    made = Report(
        [SEED, MODEL], files, [ApiChange("meshapi_video.X", "Gone")], [ApiChange("y.Z.a", "`int` became `str`")]
    )
    assert made.markdown().splitlines()[2] == (
        f"Overall: **breaking**. The version is {current_version()}; the next one should be "
        f"{next_version(current_version(), Level.BREAKING)}."
    )
    for line in (
        f"| **breaking** | `{SEED.pointer}` | `a \\| b` is gone. |",
        "| `meshapi_video_generated/models/x.py` | changed | +3 -1 |",
        "- `meshapi_video.X`: Gone",
        "- `y.Z.a`: `int` became `str`",
    ):
        assert line in made.markdown().splitlines()


def test_what_breaks_by_name_alone_makes_the_whole_breaking() -> None:
    made = Report([MODEL], [], [ApiChange("meshapi_video.X", "Gone")], [])
    assert made.level is Level.BREAKING
    assert "No change." in made.markdown()


def test_what_breaks_by_name_alone_has_to_be_owned_up_to_by_its_name() -> None:
    gone = ApiChange("meshapi_video.X", "Gone")
    assert Report([MODEL], [], [gone], []).owned_up == [MODEL, Change(Level.BREAKING, "meshapi_video.X", "Gone")]
    # Where the document says what breaks, the names only say it once more.
    assert Report([SEED, MODEL], [], [gone], []).owned_up == [SEED, MODEL]


def test_types_that_changed_without_a_word_in_the_document_part_are_breaking() -> None:
    words = Change(Level.COSMETIC, "#/info", "Words.")
    assert Report([words], [], [], [ApiChange("x.Y.z", "`int` became `str`")]).level is Level.BREAKING
    assert Report([words], [], [], []).level is Level.COSMETIC


def test_a_version_that_is_none_is_an_error() -> None:
    assert next_version("0.2.0rc1", Level.BREAKING) == "0.3.0"
    with pytest.raises(CodegenError, match="should begin with three numbers"):
        next_version("next", Level.BREAKING)


def test_the_worst_comes_first_and_nothing_is_said_twice() -> None:
    old: dict[str, Json] = {"paths": {}, "components": {"schemas": {"A": {"type": "object", "properties": {"x": {}}}}}}
    new: dict[str, Json] = {"paths": {}, "components": {"schemas": {"A": {"type": "object", "title": "A"}, "B": {}}}}
    changes = compare(old, new)
    assert [change.level for change in changes] == [Level.BREAKING, Level.BREAKING, Level.ADDITIVE]
    assert len(set(changes)) == 3


@pytest.mark.parametrize("paths", [[], {"/x": []}, {"/x": {"get": []}}, {"/x": {"get": {"responses": []}}}])
def test_a_document_of_the_wrong_shape_is_an_error_that_shows_what_is_wrong(paths: Json) -> None:
    with pytest.raises(CodegenError, match="should have an object"):
        compare({"paths": {"/x": {"get": {"responses": {}}}}}, {"paths": paths})
