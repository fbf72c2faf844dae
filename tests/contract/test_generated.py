"""generated/ is what openapi.yaml and its overlay generate, to the byte."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from codegen.document import DOCUMENT, GENERATED, OVERLAY
from codegen.errors import CodegenError
from codegen.regenerate import CLIENT, WIRE, generate, regenerate
from codegen.trees import difference


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


def test_generating_from_another_folder_gives_the_same_bytes(
    fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Configuration that would change the output, were it found.
    tmp_path.joinpath("pyproject.toml").write_text(
        "[tool.ruff]\nline-length = 40\n[tool.datamodel-codegen]\nsnake-case-field = true\nclass-name-prefix = 'X'\n"
    )
    monkeypatch.chdir(tmp_path)
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


def test_regenerating_removes_what_is_stale_and_says_no_more_the_second_time(fresh: Path, tmp_path: Path) -> None:
    target = tmp_path / "generated"
    shutil.copytree(fresh, target)
    target.joinpath(CLIENT, "models", "stale.py").write_text("left = 'over'\n")

    assert "only committed: meshapi_video_generated/models/stale.py" in regenerate(target)
    assert difference(fresh, target) == ""
    assert regenerate(target) == ""
    assert [path.name for path in tmp_path.iterdir()] == ["generated"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("$ref: '#/components/schemas/VideoTaskContent'", "NotThere"),
        ("'200':", "openapi_python_client stopped"),
    ],
)
def test_a_document_that_cannot_be_generated_from_leaves_generated_as_it_was(
    wrong: str, said: str, fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "generated"
    shutil.copytree(fresh, target)
    broken = tmp_path / "openapi.yaml"
    instead = {"'200':": "'not a status':"}.get(wrong, "$ref: '#/components/schemas/NotThere'")
    broken.write_text(DOCUMENT.read_text().replace(wrong, instead))
    monkeypatch.setattr("codegen.regenerate.generate.__defaults__", (broken, OVERLAY))

    with pytest.raises(CodegenError, match=said):
        regenerate(target)

    assert difference(fresh, target) == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["generated", "openapi.yaml"]


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
