"""The changelog, the licence, and the files that each package must have."""

from __future__ import annotations

import datetime
import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

from meshapi_video import __version__

ROOT: Final = Path(__file__).parents[2]
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CHANGELOG: Final = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
KINDS: Final = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]


def numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def test_the_changelog_starts_with_the_unreleased_changes() -> None:
    assert CHANGELOG.startswith("# Changelog\n")
    assert re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)[0] == "Unreleased"


def test_the_changelog_lists_each_release_with_its_date_and_the_newest_first() -> None:
    _, *releases = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)
    versions = [release.split(" - ")[0] for release in releases]
    assert versions == sorted(set(versions), key=numbers, reverse=True)
    days = [datetime.date.fromisoformat(release.split(" - ")[1]) for release in releases]
    assert days == sorted(days, reverse=True)
    assert all(numbers(version) <= numbers(__version__) for version in versions)


def test_each_entry_of_the_changelog_has_each_kind_of_change_once_and_in_order() -> None:
    for entry in re.split(r"^## ", CHANGELOG, flags=re.MULTILINE)[1:]:
        kinds = re.findall(r"^### (.*)$", entry, re.MULTILINE)
        assert kinds == [kind for kind in KINDS if kind in kinds]
        for changes in re.split(r"^### .*\n", entry, flags=re.MULTILINE)[1:]:
            assert changes.lstrip("\n").startswith("- ")


def test_the_licence_file_has_the_licence_of_the_metadata() -> None:
    text = (ROOT / PROJECT["project"]["license-files"][0]).read_text(encoding="utf-8")
    assert text.startswith(f"{PROJECT['project']['license']} License\n")


@pytest.mark.parametrize("package", PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
def test_each_package_of_the_wheel_is_marked_as_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


def test_each_path_in_the_sessions_exists() -> None:
    # pytest says nothing about a file that is left out and does not exist.
    source = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    paths = re.findall(r'^ *"(tests/[\w/.]+)', source, re.MULTILINE)
    assert len(paths) > 40
    assert [path for path in paths if not (ROOT / path).exists()] == []
