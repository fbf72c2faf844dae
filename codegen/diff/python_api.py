"""Compares the Python API of two generated folders: names, signatures, and the declarations of models."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import griffe

from codegen.diff.severity import ApiChange
from codegen.diff.wire import WIRE_PACKAGE, changed, compare_wire
from codegen.document import ROOT

_HAND_WRITTEN: Final = ROOT / "overlays"
_SDK: Final = "meshapi_video"
# Each endpoint module has four functions with the same arguments. This one always exists.
_CALLED: Final = "sync_detailed"
_PACKAGES: Final = (_SDK, "meshapi_video_generated")


def compare_python_api(old: Path, new: Path) -> tuple[list[ApiChange], list[ApiChange]]:
    """The breaking changes between two generated folders, and the declarations that changed.

    Griffe compares names and signatures, with aliases and re-exports resolved. Griffe does not compare
    the annotations of attributes, which are the largest part of a model, nor those of arguments. This function
    compares them, and lists them apart: a changed annotation breaks or does not break, depending on the direction in
    which the value travels. Nobody imports the wire package. Its declarations and imports are compared in the same way.
    """
    before, after = _load(old), _load(new)
    breaking: set[ApiChange] = set()
    declared: set[ApiChange] = set()
    exports = _exports(before[_SDK])
    for definition, public_name in exports.items():
        if _exists(before, definition) and not _exists(after, definition):
            # Griffe ignores a name that it cannot resolve. Here such a name means that the hand-written part must
            # change.
            meaning = "The SDK imports this name, but the generated code no longer has it"
            breaking.add(ApiChange(public_name, meaning))
    for package in _PACKAGES:
        package_exports = exports if package == _SDK else {}
        for breakage in griffe.find_breaking_changes(before[package], after[package]):
            if breakage.kind is griffe.BreakageKind.RETURN_CHANGED_TYPE and _is_narrower(breakage):
                continue
            breaking.add(ApiChange(_public_path(breakage.obj.path, package_exports), _meaning(breakage)))
        declared.update(changed(dict(_annotations(before[package])), dict(_annotations(after[package]))))
    declared.update(compare_wire(old / WIRE_PACKAGE, new / WIRE_PACKAGE))
    return sorted(breaking), sorted(declared)


def _load(generated: Path) -> griffe.ModulesCollection:
    # Griffe warns of names outside these packages. They are not compared.
    logging.getLogger("griffe").setLevel(logging.CRITICAL)
    loader = griffe.GriffeLoader(search_paths=[generated, _HAND_WRITTEN], allow_inspection=False)
    for package in _PACKAGES:
        # The hand-written modules are the same before and after. Only the names that they re-export can change.
        loader.load(package, submodules=package != _SDK)
    loader.resolve_aliases(implicit=True, external=False)
    return loader.modules_collection


def _exports(sdk: griffe.Module | griffe.Alias) -> dict[str, str]:
    """The public names of the SDK, each by the place of its definition."""
    return {
        member.target_path: member.path
        for member in sdk.members.values()
        if isinstance(member, griffe.Alias) and member.is_public
    }


def _exists(modules: griffe.ModulesCollection, path: str) -> bool:
    try:
        found: object = modules[path]
    except KeyError:
        return False
    return found is not None


def _is_narrower(breakage: griffe.Breakage) -> bool:
    """Whether a function returns nothing that it did not return before. The order of a union does not count."""
    old, new = (
        set(re.sub(r"^Response\[(.*)\]$", r"\1", str(value)).split(" | "))
        for value in (breakage.old_value, breakage.new_value)
    )
    return "Any" in old or new <= old | ({"int"} if "float" in old else set())


def _public_path(path: str, exports: dict[str, str]) -> str:
    for definition, public_name in exports.items():
        # A re-exported class is defined in a module below the package that users import it from.
        package, _, name = definition.rpartition(".")
        if path.startswith(f"{package}.") and f".{name}" in path:
            return public_name + path.partition(f".{name}")[2]
    return path


def _meaning(breakage: griffe.Breakage) -> str:
    old, new = breakage.old_value, breakage.new_value
    if isinstance(old, griffe.Parameter) or isinstance(new, griffe.Parameter):
        return f"{breakage.kind.value}: `{(old or new).name}`"
    if isinstance(old, str | griffe.Expr) or isinstance(new, str | griffe.Expr):
        return f"{breakage.kind.value}: `{old}` became `{new}`"
    return str(breakage.kind.value)


def _annotations(scope: griffe.Module | griffe.Class | griffe.Alias) -> Iterator[tuple[str, str]]:
    for member in scope.members.values():
        if isinstance(member, griffe.Attribute):
            if member.is_public and member.annotation is not None:
                yield member.path, str(member.annotation)
        elif isinstance(member, griffe.Module | griffe.Class):
            yield from _annotations(member)
        elif isinstance(member, griffe.Function) and member.name == _CALLED:
            for parameter in member.parameters:
                yield f"{member.path}({parameter.name})", str(parameter.annotation)
