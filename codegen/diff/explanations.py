"""Tells which changes of the generated code no change of the document explains.

A change of the document is a place, and names classes and fields: `#/components/schemas/A/properties/b` explains a
change of the field `b` of the class `A`, and of the classes and fields that refer to `A`. The generators may do more
with a document than the rules of the report know. What nothing explains has to be read by a person.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from codegen.client_names import python_name
from codegen.diff.severity import ApiChange, Change, Severity
from codegen.diff.wire import WIRE_PACKAGE, imported_module
from codegen.document import Json, as_object
from codegen.openapi import METHODS, component_name, escape, references

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
    index = _Index(places)
    functions = {name for document in documents for name in _explained_functions(document, noticed, changed)}

    def is_explained(change: ApiChange) -> bool:
        function = _function(change)
        return index.explains(change) if function is None else function in functions

    return [change for change in api if not is_explained(change)]


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


class _Index:
    """Finds the places that may explain a change of the code. A large document has thousands of both."""

    def __init__(self, places: set[_Place]) -> None:
        self._any = bool(places)
        self._in_operations: set[str] = set()
        # A class is called after a component or a property: its name begins with one of these.
        self._by_beginning: defaultdict[str, set[_Place]] = defaultdict(set)
        for component, properties in places:
            names = tuple(map(_bare, properties))
            if component is None:
                self._in_operations.update(names)
                continue
            place = _Place(_bare(component), names)
            for beginning in (_bare(component), *names):
                self._by_beginning[beginning].add(place)

    def explains(self, change: ApiChange) -> bool:
        """Whether one of the places explains a change of the code."""
        module = imported_module(change)
        if module is not None:
            return self._any and module in _MODULES_OF_TYPES
        # A member of a class has a path that ends with the names of the class and of the member.
        *_, holder, member = f".{change.path}".split(".")
        if holder == WIRE_PACKAGE:
            holder, member = member, ""
        class_name, names = _bare(holder), _spelled(member) if member else None
        if self._in_operations and (names is None or not self._in_operations.isdisjoint(names)):
            return True
        beginnings = [class_name[:end] for end in range(len(class_name) + 1)]
        return any(
            _explains(place, class_name, names)
            for beginning in beginnings
            for place in self._by_beginning.get(beginning, ())
        )


def _explains(place: _Place, class_name: str, member: frozenset[str] | None) -> bool:
    """Whether a place in a component explains a change in a class whose name begins like the component or a property.

    All names are bare. `member` has the names that the property may have; it is None for a change of the class itself.
    """
    names = place.properties
    if not names or member is None or not member.isdisjoint(names):
        return True
    # An object without a name of its own has a class that is called after its component and property, or only one.
    return class_name != place.component and names[-1] in class_name


def _spelled(member: str) -> frozenset[str]:
    """The properties to which a generator may give this name: `class_`, `field_1st`, `created_at_1`."""
    bare = _bare(re.sub(r"_\d+$", "", member))
    return frozenset({bare, bare.removeprefix("field")})


@functools.cache
def _bare(name: str) -> str:
    """A name without the spelling that each generator gives it."""
    return re.sub(r"[\W_]", "", name).lower()
