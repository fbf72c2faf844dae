"""The project's manners: its changelog, its licence, and what lies in its packages."""

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


def test_the_changelog_begins_with_what_is_unreleased() -> None:
    assert CHANGELOG.startswith("# Changelog\n")
    assert re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)[0] == "Unreleased"


def test_the_changelog_tells_of_each_release_with_its_date_the_newest_first() -> None:
    _, *releases = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)
    versions = [release.split(" - ")[0] for release in releases]
    assert versions == sorted(set(versions), key=numbers, reverse=True)
    days = [datetime.date.fromisoformat(release.split(" - ")[1]) for release in releases]
    assert days == sorted(days, reverse=True)
    assert all(numbers(version) <= numbers(__version__) for version in versions)


def test_each_part_of_the_changelog_has_its_kinds_once_and_in_order() -> None:
    for part in re.split(r"^## ", CHANGELOG, flags=re.MULTILINE)[1:]:
        kinds = re.findall(r"^### (.*)$", part, re.MULTILINE)
        assert kinds == [kind for kind in KINDS if kind in kinds]
        for kind in re.split(r"^### .*\n", part, flags=re.MULTILINE)[1:]:
            assert kind.lstrip("\n").startswith("- ")


def test_the_licence_is_the_one_that_is_stated() -> None:
    text = (ROOT / PROJECT["project"]["license-files"][0]).read_text(encoding="utf-8")
    assert text.startswith(f"{PROJECT['project']['license']} License\n")


@pytest.mark.parametrize("package", PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
def test_a_package_says_that_it_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()
