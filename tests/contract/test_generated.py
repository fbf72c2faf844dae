"""generated/ is exactly what openapi.yaml and its overlays generate."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pytest

from codegen import wire_generator
from codegen.diff.severity import Severity
from codegen.document import DOCUMENT, GENERATED
from codegen.errors import CodegenError
from codegen.file_diff import FileChange, unified_diff
from codegen.regenerate import CLIENT, WIRE, generate, regenerate


def test_generated_is_what_the_document_generates(fresh_code: Path) -> None:
    changes = unified_diff(GENERATED, fresh_code)
    if changes:
        pytest.fail(
            f"{changes}\ngenerated/ is not what openapi.yaml and the overlays in overlays/ generate (the diff "
            "goes from the committed files to the generated ones).\n"
            "If you changed the documents on purpose, run `nox -s regenerate` and commit the result.\n"
            "If you edited generated/ by hand, run `nox -s regenerate` too, and make the repair in the overlay.",
            pytrace=False,
        )


def test_both_packages_are_marked_as_typed(fresh_code: Path) -> None:
    assert all((fresh_code / package / "py.typed").is_file() for package in (CLIENT, WIRE))


def test_generating_elsewhere_beside_other_settings_gives_the_same_bytes(
    fresh_code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # These settings would change the output if a generator read them. They lie in the current folder, which is also
    # the parent of the output folder.
    tmp_path.joinpath("pyproject.toml").write_text(
        "[tool.ruff]\nline-length = 40\n[tool.datamodel-codegen]\nsnake-case-field = true\nclass-name-prefix = 'X'\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    generate(tmp_path / "again")
    assert unified_diff(fresh_code, tmp_path / "again") == ""


def test_the_diff_names_files_that_are_missing_extra_and_changed(fresh_code: Path, tmp_path: Path) -> None:
    edited = tmp_path / "generated"
    shutil.copytree(fresh_code, edited)
    edited.joinpath(WIRE, "py.typed").unlink()
    edited.joinpath(CLIENT, "stale.py").write_text("left = 'over'\n")
    task = edited / CLIENT / "models" / "video_task_response.py"
    task.write_text(task.read_text().replace("    status: str\n", "    status: int\n"))

    changes = unified_diff(edited, fresh_code)

    assert f"not committed: {WIRE}/py.typed" in changes
    assert f"only committed: {CLIENT}/stale.py" in changes
    assert "-    status: int\n+    status: str\n" in changes


@pytest.fixture
def target(fresh_code: Path, tmp_path: Path) -> Path:
    """A copy of the fresh code, which a test may change."""
    copy = tmp_path / "work" / "generated"
    shutil.copytree(fresh_code, copy)
    return copy


def siblings(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_regenerating_removes_stale_files_and_changes_nothing_the_second_time(fresh_code: Path, target: Path) -> None:
    target.joinpath(CLIENT, "models", "stale.py").write_text("left = 'over'\n")

    assert regenerate(target).files == [FileChange(f"{CLIENT}/models/stale.py", "removed", 0, 1)]
    assert unified_diff(fresh_code, target) == ""
    modified = {path: path.stat().st_mtime_ns for path in target.rglob("*")}
    assert regenerate(target).markdown() == "no change\n"
    assert {path: path.stat().st_mtime_ns for path in target.rglob("*")} == modified
    assert siblings(target) == ["generated"]


def test_a_dry_run_reports_and_writes_nothing(fresh_code: Path, target: Path, tmp_path: Path) -> None:
    document = tmp_path / "openapi.yaml"
    document.write_text(DOCUMENT.read_text().replace("status:", "state:"))
    assert regenerate(target, document, dry_run=True).severity is Severity.BREAKING
    assert unified_diff(fresh_code, target) == ""
    assert siblings(target) == ["generated"]


def test_the_first_generation_breaks_nobody(fresh_code: Path, tmp_path: Path) -> None:
    target = tmp_path / "generated"
    report = regenerate(target)
    assert (report.document, report.severity) == ([], Severity.COSMETIC)
    assert unified_diff(fresh_code, target) == ""


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("schemas/VideoTaskContent'", "schemas/NotThere'", "schemas/NotThere has no target"),
        ("'200':", "'not a status':", "openapi-python-client stopped: .*not a status"),
        ("type: integer", "type: whole", "type: this must be one of string, integer"),
    ],
)
def test_a_document_that_the_generators_refuse_leaves_the_folder_unchanged(
    right: str, wrong: str, message: str, fresh_code: Path, target: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "openapi.yaml"
    broken.write_text(DOCUMENT.read_text().replace(right, wrong))

    with pytest.raises(CodegenError, match=message):
        regenerate(target, broken)

    assert unified_diff(fresh_code, target) == ""
    assert siblings(target) == ["generated"]


def test_a_missing_formatter_is_an_error_and_not_unformatted_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scripts(_name: str) -> str:
        return str(tmp_path)

    monkeypatch.setattr("sysconfig.get_path", scripts)
    with pytest.raises(CodegenError, match=r"ruff does not start: .*ruff"):
        generate(tmp_path / "one")
    program = tmp_path / "ruff"
    program.write_text("#!/bin/sh\necho no ruff; exit 3\n", encoding="utf-8")
    program.chmod(0o755)
    with pytest.raises(CodegenError, match="ruff stopped with exit code 3:\nno ruff"):
        generate(tmp_path / "two")


def test_a_warning_from_a_generator_is_an_error(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def warns(*_arguments: object, **_options: object) -> None:
        warnings.warn("this may be wrong", UserWarning, stacklevel=1)

    monkeypatch.setattr("datamodel_code_generator.generate", warns)
    # Another test may have generated the same code.
    wire_generator._generated.cache_clear()
    with pytest.raises(CodegenError, match="datamodel-code-generator stopped: this may be wrong"):
        regenerate(target)


def test_a_report_that_cannot_be_written_is_an_error_before_anything_is_replaced(
    fresh_code: Path, target: Path, tmp_path: Path
) -> None:
    target.joinpath(CLIENT, "stale.py").write_text("")
    with pytest.raises(FileNotFoundError):
        regenerate(target, report_file=tmp_path / "nowhere" / "report.md")
    assert target.joinpath(CLIENT, "stale.py").exists()
    regenerate(target, report_file=tmp_path / "report.md")
    assert "stale.py` | removed" in tmp_path.joinpath("report.md").read_text()
    assert unified_diff(fresh_code, target) == ""


def test_a_damaged_document_in_generated_is_an_error_that_says_how_to_restore_it(target: Path) -> None:
    target.joinpath("openapi.json").write_text("<<<<<<< HEAD\n{}")
    with pytest.raises(CodegenError, match=r"openapi\.json is not valid JSON: .* Run `git checkout"):
        regenerate(target)


def test_a_dry_run_creates_no_folder(tmp_path: Path) -> None:
    assert regenerate(tmp_path / "generated", dry_run=True).files
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_between_the_two_renames_loses_no_file(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target.joinpath("mine.txt").write_text("not to be lost")
    rename = Path.rename

    def interrupted(path: Path, to: Path) -> Path:
        moved = rename(path, to)
        if path == target:
            raise KeyboardInterrupt
        return moved

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        regenerate(target)
    assert target.joinpath("mine.txt").read_text() == "not to be lost"
    assert siblings(target) == ["generated"]
