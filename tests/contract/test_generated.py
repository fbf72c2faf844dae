"""generated/ is what openapi.yaml and its overlay generate, to the byte."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pytest

from codegen.document import DOCUMENT, GENERATED
from codegen.errors import CodegenError
from codegen.levels import Level
from codegen.regenerate import CLIENT, WIRE, generate, regenerate
from codegen.trees import FileChange, difference


def test_generated_is_what_the_document_generates(fresh: Path) -> None:
    changes = difference(GENERATED, fresh)
    if changes:
        pytest.fail(
            f"{changes}\ngenerated/ is not what openapi.yaml and overlays/openapi.overlay.yaml generate (the diff "
            "goes from what is committed to what they generate).\n"
            "If the documents were changed on purpose, run `nox -s regenerate` and commit the result.\n"
            "If generated/ was edited by hand, run it too: the repair belongs in the overlay.",
            pytrace=False,
        )


def test_both_packages_tell_type_checkers_that_they_are_typed(fresh: Path) -> None:
    assert all((fresh / package / "py.typed").is_file() for package in (CLIENT, WIRE))


def test_generating_elsewhere_beside_other_settings_gives_the_same_bytes(
    fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Settings that would change the output, were they found: here, and above where it is written.
    tmp_path.joinpath("pyproject.toml").write_text(
        "[tool.ruff]\nline-length = 40\n[tool.datamodel-codegen]\nsnake-case-field = true\nclass-name-prefix = 'X'\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    generate(tmp_path / "again")
    assert difference(fresh, tmp_path / "again") == ""


def test_the_comparison_names_files_that_are_missing_extra_and_changed(fresh: Path, tmp_path: Path) -> None:
    edited = tmp_path / "generated"
    shutil.copytree(fresh, edited)
    edited.joinpath(WIRE, "py.typed").unlink()
    edited.joinpath(CLIENT, "stale.py").write_text("left = 'over'\n")
    task = edited / CLIENT / "models" / "video_task_response.py"
    task.write_text(task.read_text().replace("    status: str\n", "    status: int\n"))

    changes = difference(edited, fresh)

    assert f"not committed: {WIRE}/py.typed" in changes
    assert f"only committed: {CLIENT}/stale.py" in changes
    assert "-    status: int\n+    status: str\n" in changes


@pytest.fixture
def target(fresh: Path, tmp_path: Path) -> Path:
    """A folder of generated code to try things on."""
    copy = tmp_path / "work" / "generated"
    shutil.copytree(fresh, copy)
    return copy


def left_in(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_regenerating_removes_what_is_stale_and_says_no_more_the_second_time(fresh: Path, target: Path) -> None:
    target.joinpath(CLIENT, "models", "stale.py").write_text("left = 'over'\n")

    assert regenerate(target).files == [FileChange(f"{CLIENT}/models/stale.py", "removed", 0, 1)]
    assert difference(fresh, target) == ""
    touched = {path: path.stat().st_mtime_ns for path in target.rglob("*")}
    assert regenerate(target).markdown() == "no change\n"
    assert {path: path.stat().st_mtime_ns for path in target.rglob("*")} == touched
    assert left_in(target) == ["generated"]


def test_a_dry_run_reports_and_writes_nothing(fresh: Path, target: Path, tmp_path: Path) -> None:
    document = tmp_path / "openapi.yaml"
    document.write_text(DOCUMENT.read_text().replace("status:", "state:"))
    assert regenerate(target, document, dry_run=True).level is Level.BREAKING
    assert difference(fresh, target) == ""
    assert left_in(target) == ["generated"]


def test_the_first_generation_breaks_nobody(fresh: Path, tmp_path: Path) -> None:
    target = tmp_path / "generated"
    report = regenerate(target)
    assert (report.document, report.level) == ([], Level.COSMETIC)
    assert difference(fresh, target) == ""


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("schemas/VideoTaskContent'", "schemas/NotThere'", "schemas/NotThere leads nowhere"),
        ("'200':", "'not a status':", "openapi-python-client stopped: .*not a status"),
        ("type: integer", "type: whole", "stopped: "),
    ],
)
def test_a_document_that_cannot_be_generated_from_leaves_generated_as_it_was(
    right: str, wrong: str, said: str, fresh: Path, target: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "openapi.yaml"
    broken.write_text(DOCUMENT.read_text().replace(right, wrong))

    with pytest.raises(CodegenError, match=said):
        regenerate(target, broken)

    assert difference(fresh, target) == ""
    assert left_in(target) == ["generated"]


def test_a_missing_formatter_is_an_error_and_not_unformatted_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tmp_path / "ruff"
    hidden.mkdir()
    hidden.joinpath("__init__.py").touch()
    hidden.joinpath("__main__.py").write_text("raise SystemExit('no ruff')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(CodegenError, match="ruff stopped with exit code 1"):
        generate(tmp_path / "generated")


def test_a_warning_of_a_generator_is_an_error(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def warns(*_arguments: object, **_options: object) -> None:
        warnings.warn("this may be wrong", UserWarning, stacklevel=1)

    monkeypatch.setattr("datamodel_code_generator.generate", warns)
    with pytest.raises(CodegenError, match="datamodel-code-generator stopped: this may be wrong"):
        regenerate(target)


def test_a_report_that_cannot_be_written_is_an_error_before_anything_is_replaced(
    fresh: Path, target: Path, tmp_path: Path
) -> None:
    target.joinpath(CLIENT, "stale.py").write_text("")
    with pytest.raises(FileNotFoundError):
        regenerate(target, report_file=tmp_path / "nowhere" / "report.md")
    assert target.joinpath(CLIENT, "stale.py").exists()
    regenerate(target, report_file=tmp_path / "report.md")
    assert "stale.py` | removed" in tmp_path.joinpath("report.md").read_text()
    assert difference(fresh, target) == ""


def test_a_damaged_baseline_is_an_error_that_says_how_to_mend_it(target: Path) -> None:
    target.joinpath("openapi.json").write_text("<<<<<<< HEAD\n{}")
    with pytest.raises(CodegenError, match=r"openapi\.json is not JSON: .* Run `git checkout"):
        regenerate(target)


def test_a_dry_run_makes_no_folder(tmp_path: Path) -> None:
    assert regenerate(tmp_path / "generated", dry_run=True).files
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_in_the_middle_of_the_swap_loses_nothing(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert left_in(target) == ["generated"]
