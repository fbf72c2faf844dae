"""What breaks for those who import the packages, by griffe: names, arguments, and annotations."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import griffe

from codegen.document import ROOT

_HAND_WRITTEN: Final = ROOT / "overlays"
_SDK: Final = "meshapi_video"
WIRE_PACKAGE: Final = "meshapi_video_wire"
_PACKAGES: Final = (_SDK, "meshapi_video_generated", WIRE_PACKAGE)


class ApiChange(NamedTuple):
    """One thing that an importer may stumble over."""

    path: str
    """The dotted name that it is imported by."""
    meaning: str


def api_changes(old: Path, new: Path) -> tuple[list[ApiChange], list[ApiChange]]:
    """What breaks between two generated folders, and which annotations changed besides.

    Griffe compares names and signatures, with aliases and re-exports resolved. It does not compare
    the annotations of attributes, which are most of what a model is: they are compared here, and
    listed apart, because whether one breaks depends on the way in which its value travels.
    """
    before, after = _load(old), _load(new)
    breaking: set[ApiChange] = set()
    annotations: set[ApiChange] = set()
    exports = _exported(before[_SDK])
    for defined, imported in exports.items():
        if _is_there(before, defined) and not _is_there(after, defined):
            # Griffe passes over what it cannot resolve. Here it means that the hand-written part has to change.
            breaking.add(ApiChange(imported, "The SDK imports it from generated code that no longer has it"))
    for package in _PACKAGES:
        exported = exports if package == _SDK else {}
        for breakage in griffe.find_breaking_changes(before[package], after[package]):
            breaking.add(ApiChange(_imported_by(breakage.obj.path, exported), _meaning(breakage)))
        were, are = dict(_attributes(before[package])), dict(_attributes(after[package]))
        for path, annotation in were.items():
            if path in are and are[path] != annotation:
                annotations.add(ApiChange(path, f"`{annotation}` became `{are[path]}`"))
    return sorted(breaking), sorted(annotations)


def _load(generated: Path) -> griffe.ModulesCollection:
    # What griffe cannot resolve lies outside these packages and is not compared.
    logging.getLogger("griffe").setLevel(logging.CRITICAL)
    loader = griffe.GriffeLoader(search_paths=[generated, _HAND_WRITTEN], allow_inspection=False)
    for package in _PACKAGES:
        loader.load(package)
    loader.resolve_aliases(implicit=True, external=False)
    return loader.modules_collection


def _exported(sdk: griffe.Module | griffe.Alias) -> dict[str, str]:
    """Where the SDK's names are defined, by where they are imported from."""
    return {
        member.target_path: member.path
        for member in sdk.members.values()
        if isinstance(member, griffe.Alias) and member.is_public
    }


def _is_there(modules: griffe.ModulesCollection, path: str) -> bool:
    try:
        found: object = modules[path]
    except KeyError:
        return False
    return found is not None


def _imported_by(path: str, exported: dict[str, str]) -> str:
    for defined, imported in exported.items():
        # A re-exported class is defined in a module below the one that it is imported from.
        package, _, name = defined.rpartition(".")
        if path.startswith(f"{package}.") and f".{name}" in path:
            return imported + path.partition(f".{name}")[2]
    return path


def _meaning(breakage: griffe.Breakage) -> str:
    old, new = breakage.old_value, breakage.new_value
    if isinstance(old, griffe.Parameter) or isinstance(new, griffe.Parameter):
        return f"{breakage.kind.value}: `{(old or new).name}`"
    if isinstance(old, str | griffe.Expr) or isinstance(new, str | griffe.Expr):
        return f"{breakage.kind.value}: `{old}` became `{new}`"
    return str(breakage.kind.value)


def _attributes(scope: griffe.Module | griffe.Class | griffe.Alias) -> Iterator[tuple[str, str]]:
    for member in scope.members.values():
        if isinstance(member, griffe.Attribute):
            if member.is_public and member.annotation is not None:
                yield member.path, str(member.annotation)
        elif isinstance(member, griffe.Module | griffe.Class):
            yield from _attributes(member)
