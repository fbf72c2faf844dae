"""Compares two folders of text files, in both directions."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Literal, NamedTuple

_IGNORED = {"__pycache__"}


def read_files(root: Path) -> dict[str, bytes]:
    """The content of every file below `root`, by its POSIX path."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not _IGNORED.intersection(path.parts)
    }


Kind = Literal["added", "removed", "changed"]


class FileChange(NamedTuple):
    """One file that differs between two folders."""

    path: str
    kind: Kind
    lines_added: int
    lines_removed: int


def compare_files(old: Path, new: Path) -> list[FileChange]:
    """Every file that differs, in the order of the paths, with the number of added and removed lines."""
    before, after = read_files(old), read_files(new)
    changes: list[FileChange] = []
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            old_lines, new_lines = _lines(before.get(path)), _lines(after.get(path))
            # `difflib.ndiff` would also compare the characters of each line with those of each other line.
            kept = sum(
                match.size for match in difflib.SequenceMatcher(None, old_lines, new_lines).get_matching_blocks()
            )
            kind: Kind = "added" if path not in before else "removed" if path not in after else "changed"
            changes.append(FileChange(path, kind, len(new_lines) - kept, len(old_lines) - kept))
    return changes


def unified_diff(old: Path, new: Path) -> str:
    """A unified diff from `old` to `new`; empty if they are equal.

    A line of its own names each file that only one side has: the file may be empty, and a unified
    diff does not show an empty file.
    """
    before, after = read_files(old), read_files(new)
    parts: list[str] = []
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) == after.get(name):
            continue
        if name not in after:
            parts.append(f"only committed: {name}\n")
        elif name not in before:
            parts.append(f"not committed: {name}\n")
        parts += difflib.unified_diff(
            _lines(before.get(name)),
            _lines(after.get(name)),
            f"{old.name}/{name} (committed)",
            f"{old.name}/{name} (generated)",
        )
    return "".join(parts)


def _lines(content: bytes | None) -> list[str]:
    if content is None:
        return []
    text = content.decode("utf-8", errors="backslashreplace")
    return [line if line.endswith("\n") else f"{line} (no newline at the end)\n" for line in text.splitlines(True)]
