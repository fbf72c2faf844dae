"""The report shows a maintainer every change, and the changelog must name every breaking change."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from codegen.diff.operations import compare_documents
from codegen.diff.report import (
    OVERLAID,
    Report,
    compare_generated,
    current_version,
    next_version,
    read_overlaid,
    unacknowledged,
)
from codegen.diff.severity import ApiChange, Change, Severity
from codegen.document import GENERATED, RELEASED, ROOT, Json
from codegen.errors import CodegenError
from codegen.file_diff import FileChange, compare_files
from codegen.regenerate import generate_overlaid

CHANGELOG = ROOT / "CHANGELOG.md"
SEED = Change(Severity.BREAKING, "#/components/schemas/VideoTaskResponse/properties/seed", "`a | b` was removed.")
MODEL = Change(Severity.ADDITIVE, "#/components/schemas/VideoTaskResponse/properties/model", "It was added.")


def test_the_changelog_names_every_breaking_change_since_the_last_release(tmp_path: Path) -> None:
    generate_overlaid(tmp_path / "released", json.loads(RELEASED.read_text(encoding="utf-8")))
    report = compare_generated(tmp_path / "released", GENERATED)
    missing = unacknowledged(report.to_acknowledge, CHANGELOG.read_text(encoding="utf-8"))
    if missing:
        lines = "\n".join(f"- `{change.pointer}`: {change.meaning}" for change in missing)
        pytest.fail(
            "These changes break callers of the released SDK, and the part `## Unreleased` of CHANGELOG.md does not "
            f"name them. If the changes are intended, add to that part:\n\n{lines}\n",
            pytrace=False,
        )


@pytest.mark.parametrize(
    ("changelog", "missing"),
    [
        ("# Changelog\n\n## Unreleased\n\n### Removed\n\n- `{}`: removed.\n", False),
        ("## [Unreleased]\n- `{}`\n\n## 0.1.0\n", False),
        ("## Unreleased\n\n## 0.1.0\n- `{}`\n", True),
        ("## Unreleased\n- {}\n", True),
        ("## Unreleased\n- `{}/type`\n", True),
        ("- `{}`\n", True),
        ("", True),
    ],
)
def test_the_changelog_acknowledges_a_change_by_its_pointer_in_the_unreleased_part(
    changelog: str, *, missing: bool
) -> None:
    assert unacknowledged([SEED, MODEL], changelog.replace("{}", SEED.pointer)) == ([SEED] if missing else [])


@pytest.mark.parametrize(
    ("version", "severity", "expected"),
    [
        ("0.1.3", Severity.BREAKING, "0.2.0"),
        ("0.1.3", Severity.ADDITIVE, "0.1.4"),
        ("0.1.3", Severity.COSMETIC, "0.1.4"),
        ("1.2.3", Severity.BREAKING, "2.0.0"),
        ("1.2.3", Severity.ADDITIVE, "1.3.0"),
        ("1.2.3", Severity.COSMETIC, "1.2.4"),
    ],
)
def test_the_severity_suggests_the_next_version(version: str, severity: Severity, expected: str) -> None:
    assert next_version(version, severity) == expected


def test_the_current_version_is_that_of_the_package() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", current_version())


def test_the_report_shows_the_version_and_every_change() -> None:
    files = [FileChange("meshapi_video_generated/models/x.py", "changed", 3, 1)]
    declared = [ApiChange("y.Z.a", "`int` became `str`"), ApiChange("y.Z.b", "`int` became `str`")]
    report = Report([SEED, MODEL], files, [ApiChange("meshapi_video.X", "Removed")], declared, declared[1:])
    assert report.markdown().splitlines()[2] == (
        f"Overall: **breaking**. The version is {current_version()}; the next one should be "
        f"{next_version(current_version(), Severity.BREAKING)}."
    )
    for line in (
        f"| **breaking** | `{SEED.pointer}` | `a \\| b` was removed. |",
        "| `meshapi_video_generated/models/x.py` | changed | +3 -1 |",
        "- `meshapi_video.X`: Removed",
        "- `y.Z.a`: `int` became `str`",
        "- `y.Z.b`: `int` became `str`. **No change of the document explains it.**",
    ):
        assert line in report.markdown().splitlines()


def test_a_breaking_change_of_the_python_api_alone_makes_the_report_breaking() -> None:
    report = Report([MODEL], [], [ApiChange("meshapi_video.X", "Removed")], [], [])
    assert report.severity is Severity.BREAKING
    assert "No change." in report.markdown()


def test_a_breaking_change_of_the_python_api_alone_is_acknowledged_by_its_name() -> None:
    removed = ApiChange("meshapi_video.X", "Removed")
    acknowledged_by_name = Change(Severity.BREAKING, "meshapi_video.X", "Removed")
    assert Report([MODEL], [], [removed], [], []).to_acknowledge == [MODEL, acknowledged_by_name]
    # If the document has a breaking change, it explains the removed name.
    assert Report([SEED, MODEL], [], [removed], [], []).to_acknowledge == [SEED, MODEL]
    # But what no change of the document explains is always named.
    assert Report([SEED, MODEL], [], [], [removed], [removed]).to_acknowledge == [SEED, MODEL, acknowledged_by_name]


def test_a_changed_declaration_is_breaking_if_no_change_of_the_document_explains_it() -> None:
    declared = [ApiChange("x.Y.z", "`int` became `str`")]
    for change in (MODEL, Change(Severity.COSMETIC, "#/info", "Documentation only.")):
        assert Report([change], [], [], declared, declared).severity is Severity.BREAKING
        assert Report([change], [], [], declared, []).severity is change.severity


def test_a_version_must_begin_with_three_numbers() -> None:
    assert next_version("0.2.0rc1", Severity.BREAKING) == "0.3.0"
    with pytest.raises(CodegenError, match="should begin with three numbers"):
        next_version("next", Severity.BREAKING)


def test_the_most_severe_change_comes_first_and_no_change_is_repeated() -> None:
    old: dict[str, Json] = {"paths": {}, "components": {"schemas": {"A": {"type": "object", "properties": {"x": {}}}}}}
    new: dict[str, Json] = {"paths": {}, "components": {"schemas": {"A": {"type": "object", "title": "Z"}, "B": {}}}}
    changes = compare_documents(old, new)
    assert [change.severity for change in changes] == [Severity.BREAKING, Severity.ADDITIVE, Severity.COSMETIC]
    assert len(set(changes)) == 3


@pytest.mark.parametrize("paths", [[], {"/x": []}, {"/x": {"get": []}}, {"/x": {"get": {"responses": []}}}])
def test_a_document_of_the_wrong_shape_is_an_error_that_shows_the_wrong_value(paths: Json) -> None:
    with pytest.raises(CodegenError, match="should have an object"):
        compare_documents({"paths": {"/x": {"get": {"responses": {}}}}}, {"paths": paths})


@pytest.mark.parametrize("content", [b"\xff", b"[]", b"{", b'{"a": 1, "a": 2}', b"[" * 1000])
def test_a_generated_document_that_cannot_be_read_is_an_error_that_says_how_to_restore_it(
    content: bytes, tmp_path: Path
) -> None:
    (tmp_path / OVERLAID).write_bytes(content)
    with pytest.raises(CodegenError, match=r"openapi\.json .*\. Run `git checkout openapi\.json` in its folder\."):
        read_overlaid(tmp_path)


def test_a_file_of_which_every_line_changed_is_counted_at_once(tmp_path: Path) -> None:
    for folder in ("old", "new"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.py").write_text("".join(f"{number} {folder}\n" for number in range(10_000)))
    start = time.process_time()
    assert compare_files(tmp_path / "old", tmp_path / "new") == [FileChange("x.py", "changed", 10_000, 10_000)]
    assert time.process_time() - start < 1
