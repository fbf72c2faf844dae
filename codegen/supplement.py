"""Adds to a document the operations whose pages are not vendored yet: `overlays/supplement.overlay.yaml`.

Each action adds operations or component schemas. Once a vendored page describes one of them, the page decides, and
the action has to be dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from codegen.diff.operations import SUPPLEMENTED, compare_documents
from codegen.diff.severity import Change
from codegen.document import ROOT, SUPPLEMENT, Json, as_object, is_object
from codegen.errors import CodegenError
from codegen.openapi import METHODS, escape, references
from codegen.overlay import Action, parse_overlay

_FILE: Final = SUPPLEMENT.relative_to(ROOT).as_posix()
_SHOWN: Final = 10
"""The differences that an error shows of one operation or schema."""


class _Addition(NamedTuple):
    """One action of the supplement: the operations or the schemas that it adds."""

    number: int
    source: str
    paths: dict[str, Json]
    schemas: dict[str, Json]

    @property
    def parts(self) -> dict[str, Json]:
        """Each operation and each schema, by its place."""
        return _parts({"paths": self.paths, "components": {"schemas": self.schemas}})


def apply_supplement(document: dict[str, Json], supplement: dict[str, Json]) -> dict[str, Json]:
    """A copy of `document` with the additions, and with the list of the operations that rest on them.

    Raises a `CodegenError` that names every action of which a part has to be dropped: a vendored page describes the
    part already, or no operation refers to it.
    """
    additions = _read(supplement)
    added = [place for addition in additions for place in addition.parts]
    described = _parts(document)
    # Of two descriptions, that of the page decides what is needed.
    needed = _needed({**_parts(_supplemented(document, additions)), **described})
    if stale := [place for place in added if place in described or place not in needed]:
        raise CodegenError(_error(document, additions, stale))
    return {**_supplemented(document, additions), SUPPLEMENTED: sorted(filter(_is_operation, added))}


def _read(supplement: dict[str, Json]) -> list[_Addition]:
    try:
        actions = parse_overlay(supplement).actions
    except CodegenError as error:
        raise CodegenError(f"{_FILE}: {error}") from error
    additions = [_addition(number, action) for number, action in enumerate(actions, start=1)]
    owners: dict[str, int] = {}
    for addition in additions:
        for place in addition.parts:
            if place in owners:
                raise CodegenError(f"supplement actions {owners[place]} and {addition.number} both add {place}.")
            owners[place] = addition.number
    return additions


def _addition(number: int, action: Action) -> _Addition:
    update = as_object(action.update) if is_object(action.update) else {}
    if action.target == "$.components.schemas" and update:
        return _Addition(number, action.description, {}, update)
    if action.target == "$.paths" and update and all(_has_only_operations(path) for path in update.values()):
        return _Addition(number, action.description, update, {})
    raise CodegenError(
        f"supplement action {number} (target {action.target}) adds something else than operations or schemas. Its "
        "target must be $.paths or $.components.schemas, and its `update` an object of paths with operations, or of "
        "schemas."
    )


def _has_only_operations(path: Json) -> bool:
    return is_object(path) and bool(path) and all(method in METHODS for method in path)


def _supplemented(document: dict[str, Json], additions: Sequence[_Addition]) -> dict[str, Json]:
    """A copy of `document` with the additions, also in place of what it describes already."""
    paths, components = dict(as_object(document.get("paths"))), as_object(document.get("components"))
    schemas = dict(as_object(components.get("schemas")))
    for addition in additions:
        for path, operations in addition.paths.items():
            paths[path] = {**as_object(paths.get(path)), **operations}
        schemas |= addition.schemas
    return {**document, "paths": paths, "components": {**components, "schemas": schemas}}


def _parts(document: dict[str, Json]) -> dict[str, Json]:
    """The operations and the components of a document, by their place."""
    operations = {
        f"#/paths/{escape(path)}/{method}": operation
        for path, item in as_object(document.get("paths")).items()
        for method, operation in as_object(item).items()
        if method in METHODS
    }
    components = {
        f"#/components/{kind}/{escape(name)}": component
        for kind, named in as_object(document.get("components")).items()
        for name, component in as_object(named).items()
    }
    return operations | components


def _is_operation(place: str) -> bool:
    return place.startswith("#/paths/")


def _needed(parts: dict[str, Json]) -> set[str]:
    """The operations, and the components to which they refer, also through other components."""
    found, waiting = set[str](), [*filter(_is_operation, parts)]
    while waiting:
        place = waiting.pop()
        if place in parts and place not in found:
            found.add(place)
            # A reference may lead into a component.
            waiting += ["/".join(reference.split("/")[:4]) for reference in references(parts[place])]
    return found


def _error(document: dict[str, Json], additions: list[_Addition], stale: list[str]) -> str:
    described = _parts(document).keys()
    differences = compare_documents(_supplemented(document, additions), document)
    blocks = [f"{_FILE} adds what a vendored page describes, or what no operation needs:"]
    for addition in additions:
        dropped = [place for place in addition.parts if place in stale]
        if dropped:
            lines = [line for place in dropped for line in _reason(place, differences, described=place in described)]
            blocks.append("\n".join([*_remedy(addition, dropped), *lines]))
    if len(stale) == sum(len(addition.parts) for addition in additions):
        blocks.append(f"No action is left then: delete {_FILE}.")
    return "\n\n".join(blocks)


def _remedy(addition: _Addition, dropped: list[str]) -> Iterator[str]:
    kept = [place for place in addition.parts if place not in dropped]
    remedy = f"drop {' and '.join(dropped)} from it, and keep the rest" if kept else "drop this action"
    yield f"supplement action {addition.number}: {remedy}."
    yield f"The source of this action: {addition.source}"


def _reason(place: str, differences: list[Change], *, described: bool) -> Iterator[str]:
    if not described:
        yield f"  {place}: no operation refers to it."
        return
    changes = [change for change in differences if f"{change.pointer}/".startswith(f"{place}/")]
    if not changes:
        yield f"  {place}: a vendored page describes it, and says the same."
        return
    yield f"  {place}: a vendored page describes it. From the supplement to the page:"
    for change in changes[:_SHOWN]:
        yield f"    {change.severity.name.lower()}, at {change.pointer}: {change.meaning}"
    if len(changes) > _SHOWN:
        yield f"    There are {len(changes) - _SHOWN} more differences."
