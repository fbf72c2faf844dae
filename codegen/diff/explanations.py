"""Tells which changes of the generated code no change of the document explains.

A change of the document is a place, and names classes and fields: `#/components/schemas/A/properties/b` explains a
change of the field `b` of the class `A`, and of the classes and fields that refer to `A`. The generators may do more
with a document than the rules of the report know. What nothing explains has to be read by a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from codegen.diff.severity import ApiChange, Change, Severity
from codegen.diff.wire import WIRE_PACKAGE, imported_module
from codegen.document import Json, as_object
from codegen.openapi import METHODS, component_name, escape, references
from codegen.refusals.names import python_name

# The modules whose types the generator of the wire package uses.
_MODULES_OF_TYPES: Final = frozenset(
    {"__future__", "collections.abc", "datetime", "decimal", "enum", "ipaddress", "msgspec", "typing", "uuid"}
)


class _Place(NamedTuple):
    """Where a change of the document shows in Python."""

    component: str | None
    """The component, or None for a change in an operation."""
    properties: tuple[str, ...]
    """The properties on the way to the change. If there are none, the change may show in each field of the class."""


def unexplained(api: list[ApiChange], changes: list[Change], *documents: dict[str, Json]) -> list[ApiChange]:
    """The changes of declarations for which the documents, old and new, have no change that callers could notice."""
    noticed = [change.pointer for change in changes if change.severity > Severity.COSMETIC]
    places = {_place(pointer) for pointer in noticed}
    changed = {place.component for place in places}
    for document in documents:
        schemas = as_object(as_object(document.get("components")).get("schemas"))
        for name, schema in schemas.items():
            places |= {_Place(name, properties) for target, properties in _uses(as_object(schema)) if target in changed}
    arguments = {name for document in documents for name in _explained_functions(document, noticed, changed)}
    return [
        change
        for change in api
        if not (_function(change) in arguments or any(_explains(place, change) for place in places))
    ]


def _explained_functions(document: dict[str, Json], noticed: list[str], changed: set[str | None]) -> Iterator[str]:
    """The functions whose operation changed, or refers to a component that changed."""
    for path, operations in as_object(document.get("paths")).items():
        for method in METHODS:
            operation = as_object(as_object(operations).get(method))
            pointer = f"#/paths/{escape(path)}"
            is_changed = any(each.startswith((f"{pointer}/{method}", f"{pointer}/parameters")) for each in noticed)
            if is_changed or {component_name({"$ref": each}) for each in references(operation)} & changed:
                yield python_name(operation.get("operationId"))


def _function(change: ApiChange) -> str | None:
    """The name of the function if an argument changed."""
    return change.path.split(".")[-2] if change.path.endswith(")") else None


def _place(pointer: str) -> _Place:
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    component = parts[2] if parts[:2] == ["components", "schemas"] and len(parts) > 2 else None
    return _Place(component, tuple(name for key, name in pairwise(parts) if key == "properties"))


def _uses(schema: dict[str, Json]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The components to which a schema refers, each with the property that refers to it, or none."""
    properties = as_object(schema.get("properties"))
    for name, member in properties.items():
        for reference in references(member):
            yield component_name({"$ref": reference}), (name,)
    for reference in references({key: member for key, member in schema.items() if key != "properties"}):
        yield component_name({"$ref": reference}), ()


def _explains(place: _Place, change: ApiChange) -> bool:
    if _function(change) is not None:
        return False
    module = imported_module(change)
    if module is not None:
        return module in _MODULES_OF_TYPES
    # A member of a class has a path that ends with the names of the class and of the member.
    *_, holder, member = f".{change.path}".split(".")
    if holder == WIRE_PACKAGE:
        holder, member = member, ""
    class_name, names = _bare(holder), [_bare(name) for name in place.properties]
    in_member = not member or any(_is_spelled(member, name) for name in names)
    if place.component is None:
        return bool(names) and in_member
    if class_name == _bare(place.component):
        return in_member or not names
    # An object without a name of its own has a class that is called after its component and property, or only one.
    is_inside = any(class_name.startswith(name) for name in (_bare(place.component), *names))
    return is_inside and (in_member or not names or names[-1] in class_name)


def _is_spelled(member: str, name: str) -> bool:
    """Whether a generator may give the name of a property this spelling: `class_`, `field_1st`, `created_at_1`."""
    return re.fullmatch(rf"(field)?{re.escape(name)}", _bare(re.sub(r"_\d+$", "", member))) is not None


def _bare(name: str) -> str:
    """A name without the spelling that each generator gives it."""
    return re.sub(r"[\W_]", "", name).lower()
