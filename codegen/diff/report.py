"""The report of a regeneration: the document, the generated files, and the Python API.

The report compares two generated folders. Beside the packages, each folder holds the overlaid document
that it was generated from, so the comparison needs no version history.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

from codegen.adaptation import Note, adapt
from codegen.diff.explanations import unexplained
from codegen.diff.operations import GENERATORS, SUPPLEMENTED, compare_documents
from codegen.diff.python_api import compare_python_api
from codegen.diff.severity import ApiChange, Change, Severity
from codegen.document import ROOT, Json, as_list, as_object
from codegen.errors import CodegenError
from codegen.file_diff import FileChange, compare_files
from codegen.parsing import read_mapping

OVERLAID: Final = "openapi.json"
"""The name of the overlaid document in a generated folder."""

_VERSION = ROOT / "overlays" / "meshapi_video" / "_version.py"


class Report(NamedTuple):
    """The changes between two generated folders, at three levels."""

    document: list[Change]
    files: list[FileChange]
    breaking_api: list[ApiChange]
    annotations: list[ApiChange]
    unexplained: list[ApiChange]
    """Those of the annotations for which the document has no change that callers could notice."""
    generators: tuple[str, ...] = ()
    """The generators whose version changed, each with its old and its new version."""
    notes: tuple[Note, ...] = ()
    """What the new document says and the generated code does not check, beyond what the old one said."""
    supplemented: tuple[str, ...] = ()
    """The operations of the new document that rest on the supplement, as JSON pointers."""
    moved: tuple[str, ...] = ()
    """The operations of both documents that rest on the supplement in one of them only."""

    @property
    def severity(self) -> Severity | None:
        """The highest severity of all changes; None if nothing changed."""
        severities = [change.severity for change in self.document]
        severities += [Severity.COSMETIC] * bool(self.files)
        severities += [Severity.BREAKING] * bool(self.breaking_api or self.unexplained)
        return max(severities, default=None)

    @property
    def to_acknowledge(self) -> list[Change]:
        """The changes that the changelog must name if they break: those of the document, or else the names of Python.

        What no change of the document explains is always named.
        """
        names = self.unexplained
        if all(change.severity is not Severity.BREAKING for change in self.document):
            names = self.breaking_api + names
        return self.document + [Change(Severity.BREAKING, change.path, change.meaning) for change in names]

    def markdown(self) -> str:
        """The report for a person to read."""
        if self.severity is None:
            return "no change\n"
        current = current_version()
        following = next_version(current, self.severity)
        cause = "document" if self.document or not self.generators else "upgrade of a generator"
        parts = [
            f"# What this {cause} changes for users of the SDK\n",
            f"Overall: **{_name(self.severity)}**. The version is {current}; the next one should be {following}.\n",
            *self._generators_part(),
            *self._document_part(),
            *self._supplement_part(),
            *self._notes_part(),
            *self._files_part(),
            *self._api_part(),
        ]
        return "\n".join(parts)

    def _generators_part(self) -> list[str]:
        if not self.generators:
            return []
        cause = "" if self.document else " The document is the same, so each change below is a change of a generator."
        return ["## The generators\n", f"The versions changed: {', '.join(self.generators)}.{cause}\n"]

    def _document_part(self) -> list[str]:
        if not self.document:
            return ["## The document\n", "No change.\n"]
        rows = [f"| **{_name(c.severity)}** | `{_cell(c.pointer)}` | {_cell(c.meaning)} |" for c in self.document]
        return ["## The document\n", "| severity | where | what it means in Python |", "|---|---|---|", *rows, ""]

    def _supplement_part(self) -> list[str]:
        lines = [
            f"- `{_operation_name(pointer)}` rests on the supplement"
            + (" now; before, a vendored page described it." if pointer in self.moved else ": no page is vendored yet.")
            for pointer in self.supplemented
        ]
        lines += [
            f"- `{_operation_name(pointer)}` is described by a vendored page now; before, it rested on the supplement."
            for pointer in self.moved
            if pointer not in self.supplemented
        ]
        return ["## The supplement\n", *lines, ""] if lines else []

    def _notes_part(self) -> list[str]:
        if not self.notes:
            return []
        rows = [f"| `{_cell(note.pointer)}` | {_cell(note.meaning)} |" for note in self.notes]
        return ["## What the generated code leaves out\n", "| where | what and why |", "|---|---|", *rows, ""]

    def _files_part(self) -> list[str]:
        if not self.files:
            return ["## The generated files\n", "No change.\n"]
        rows = [f"| `{c.path}` | {c.kind} | +{c.lines_added} -{c.lines_removed} |" for c in self.files]
        return ["## The generated files\n", "| file | change | lines |", "|---|---|---|", *rows, ""]

    def _api_part(self) -> list[str]:
        breaking = [f"- `{change.path}`: {change.meaning}" for change in self.breaking_api]
        lines = breaking or ["No name or signature changed in a way that breaks."]
        if self.annotations:
            lines += ["", "Annotations that changed:", ""]
            unexplained = set(self.unexplained)
            reason = "No change of the document explains it."
            if self.generators:
                reason = f"{reason} A generator changed: {', '.join(self.generators)}."
            for change in self.annotations:
                note = f". **{reason}**" if change in unexplained else ""
                lines.append(f"- `{change.path}`: {change.meaning}{note}")
        return ["## The Python API\n", *lines, ""]


def compare_generated(old: Path, new: Path) -> Report:
    """Compares two generated folders. The old one may be empty."""
    files = compare_files(old, new)
    # The other comparisons take longer and find nothing between equal files.
    if not files:
        return Report([], [], [], [], [])
    # Before the first generation there are no callers to break.
    if not (old / OVERLAID).exists():
        return Report([], files, [], [], [], supplemented=_supplemented(read_overlaid(new)))
    documents = read_overlaid(old), read_overlaid(new)
    changes = compare_documents(*documents)
    breaking_api, annotations = compare_python_api(old, new)
    reasonless = unexplained(annotations, changes, *documents)
    before, after = documents
    left_out = adapt(after).notes
    left_out_before = adapt(before).notes if left_out else []
    notes = tuple(note for note in left_out if note not in left_out_before)
    return Report(
        changes,
        files,
        breaking_api,
        annotations,
        reasonless,
        _changed_generators(*documents),
        notes,
        _supplemented(documents[1]),
        _moved(*documents),
    )


def _supplemented(document: dict[str, Json]) -> tuple[str, ...]:
    return tuple(map(str, as_list(document.get(SUPPLEMENTED))))


def _moved(old: dict[str, Json], new: dict[str, Json]) -> tuple[str, ...]:
    """The operations that moved from the supplement to a vendored page, or back. An added one did not move."""
    changed = {*_supplemented(old)} ^ {*_supplemented(new)}
    return tuple(sorted(place for place in changed if _has_operation(old, place) and _has_operation(new, place)))


def _has_operation(document: dict[str, Json], pointer: str) -> bool:
    path, method = _path_and_method(pointer)
    return method in as_object(as_object(document.get("paths")).get(path))


def _operation_name(pointer: str) -> str:
    path, method = _path_and_method(pointer)
    return f"{method.upper()} {path}"


def _path_and_method(pointer: str) -> tuple[str, str]:
    _root, _paths, path, method = pointer.split("/")
    return path.replace("~1", "/").replace("~0", "~"), method


def _changed_generators(old: dict[str, Json], new: dict[str, Json]) -> tuple[str, ...]:
    before, after = as_object(old.get(GENERATORS)), as_object(new.get(GENERATORS))
    # Code from a time when no version was recorded says nothing about an upgrade.
    names = sorted(before.keys() | after.keys()) if before and after else []
    return tuple(
        f"{name} from {before.get(name, 'none')} to {after.get(name, 'none')}"
        for name in names
        if before.get(name) != after.get(name)
    )


def read_overlaid(generated: Path) -> dict[str, Json]:
    """The document that a generated folder was made from."""
    path = generated / OVERLAID
    try:
        return read_mapping(path)
    except CodegenError as error:
        raise CodegenError(f"{error}. Run `git checkout {path.name}` in its folder.") from error


def current_version() -> str:
    """The version of the SDK, read from the one file that states it."""
    found = re.search(r'__version__ = "(.+)"', _VERSION.read_text(encoding="utf-8"))
    return found[1] if found else "0.0.0"


def next_version(version: str, severity: Severity) -> str:
    """The version after a change of this severity. Before 1.0, a breaking change raises the second number."""
    parts = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    if parts is None:
        raise CodegenError(f"the version {version!r} in {_VERSION} should begin with three numbers")
    major, minor, patch = map(int, parts.groups())
    if severity is Severity.BREAKING:
        return f"{major + 1}.0.0" if major else f"0.{minor + 1}.0"
    if severity is Severity.ADDITIVE and major:
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


def unacknowledged(changes: list[Change], changelog: str) -> list[Change]:
    """The breaking changes whose pointer is not in the changelog's part `## Unreleased`, in backticks."""
    unreleased = re.search(r"^## \[?Unreleased\]?.*?$(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    text = unreleased[1] if unreleased else ""
    return [change for change in changes if change.severity is Severity.BREAKING and f"`{change.pointer}`" not in text]


def _name(severity: Severity) -> str:
    return severity.name.lower()


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
