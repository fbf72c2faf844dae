"""The report of a regeneration: the document, the generated files, and the Python API.

Made from two generated folders. Each holds, beside the packages, the overlaid document that it was
generated from, so that no history is needed to compare them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final, NamedTuple

from codegen.changes import compare
from codegen.document import ROOT, Json
from codegen.errors import CodegenError
from codegen.levels import Change, Level
from codegen.python_api import WIRE_PACKAGE, ApiChange, api_changes
from codegen.trees import FileChange, file_changes

OVERLAID: Final = "openapi.json"
"""The name of the overlaid document in a generated folder."""

_VERSION = ROOT / "overlays" / "meshapi_video" / "_version.py"


class Report(NamedTuple):
    """What changed between two generated folders, at three levels."""

    document: list[Change]
    files: list[FileChange]
    breaking_api: list[ApiChange]
    annotations: list[ApiChange]

    @property
    def level(self) -> Level | None:
        """The worst of it all; None where nothing changed."""
        levels = [change.level for change in self.document]
        levels += [Level.COSMETIC] * bool(self.files) + [Level.BREAKING] * bool(self.breaking_api)
        worst = max(levels, default=None)
        # No rule saw a difference, and yet the types are others: somebody has to look. The wire's own
        # annotations hold descriptions too.
        typed = [change for change in self.annotations if not change.path.startswith(f"{WIRE_PACKAGE}.")]
        return Level.BREAKING if worst is Level.COSMETIC and typed else worst

    @property
    def owned_up(self) -> list[Change]:
        """What the changelog has to own up to, if it breaks: the document's changes, or else the names."""
        if any(change.level is Level.BREAKING for change in self.document):
            return self.document
        return self.document + [Change(Level.BREAKING, change.path, change.meaning) for change in self.breaking_api]

    def markdown(self) -> str:
        """The report for a person to read."""
        if self.level is None:
            return "no change\n"
        version = current_version()
        following = next_version(version, self.level)
        parts = [
            "# What this document does to those who use the SDK\n",
            f"Overall: **{self.level.name.lower()}**. The version is {version}; the next one should be {following}.\n",
            *self._document_part(),
            *self._files_part(),
            *self._api_part(),
        ]
        return "\n".join(parts)

    def _document_part(self) -> list[str]:
        if not self.document:
            return ["## The document\n", "No change.\n"]
        rows = [f"| **{c.level.name.lower()}** | `{_cell(c.pointer)}` | {_cell(c.meaning)} |" for c in self.document]
        return ["## The document\n", "| class | where | what it means in Python |", "|---|---|---|", *rows, ""]

    def _files_part(self) -> list[str]:
        if not self.files:
            return ["## The generated files\n", "No change.\n"]
        rows = [f"| `{c.path}` | {c.kind} | +{c.lines_added} -{c.lines_removed} |" for c in self.files]
        return ["## The generated files\n", "| file | change | lines |", "|---|---|---|", *rows, ""]

    def _api_part(self) -> list[str]:
        lines = [f"- `{change.path}`: {change.meaning}" for change in self.breaking_api] or ["Nothing breaks by name."]
        if self.annotations:
            lines += ["", "Annotations that changed:", ""]
            lines += [f"- `{change.path}`: {change.meaning}" for change in self.annotations]
        return ["## The Python API\n", *lines, ""]


def report(old: Path, new: Path) -> Report:
    """Compares two generated folders; the old one may be empty."""
    files = file_changes(old, new)
    # Nothing is quicker to say than that nothing changed.
    if not files:
        return Report([], [], [], [])
    # Before the first generation there is nobody to break.
    if not (old / OVERLAID).exists():
        return Report([], files, [], [])
    return Report(compare(read_overlaid(old), read_overlaid(new)), files, *api_changes(old, new))


def read_overlaid(generated: Path) -> dict[str, Json]:
    """The document that a generated folder was made from."""
    path = generated / OVERLAID
    try:
        document: dict[str, Json] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CodegenError(f"{path} is not JSON: {error}. Run `git checkout {path.name}` in its folder.") from error
    return document


def current_version() -> str:
    """The SDK's version, as its one place states it."""
    stated = re.search(r'__version__ = "(.+)"', _VERSION.read_text(encoding="utf-8"))
    return stated[1] if stated else "0.0.0"


def next_version(version: str, level: Level) -> str:
    """The version that a change calls for; before 1.0 the second number stands for breaking changes."""
    parts = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    if parts is None:
        raise CodegenError(f"the version {version!r} in {_VERSION} should begin with three numbers")
    major, minor, patch = map(int, parts.groups())
    if level is Level.BREAKING:
        return f"{major + 1}.0.0" if major else f"0.{minor + 1}.0"
    if level is Level.ADDITIVE and major:
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


def unacknowledged(changes: list[Change], changelog: str) -> list[Change]:
    """The breaking changes whose pointer does not stand, in backticks, in the changelog's unreleased part."""
    unreleased = re.search(r"^## \[?Unreleased\]?.*?$(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    said = unreleased[1] if unreleased else ""
    return [change for change in changes if change.level is Level.BREAKING and f"`{change.pointer}`" not in said]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
