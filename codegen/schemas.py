"""Reads OpenAPI schemas: which Python types they stand for, and which way their values travel."""

from __future__ import annotations

import copy
import enum
import json
from collections.abc import Iterator
from typing import Final, NamedTuple

from codegen.document import Json, as_list, as_object, is_list, is_object
from codegen.errors import CodegenError


class Direction(enum.Flag):
    """Which way a value travels, seen from a caller."""

    REQUEST = enum.auto()
    """The caller passes it."""
    RESPONSE = enum.auto()
    """The caller reads it."""


class Types(NamedTuple):
    """What a value may be in Python."""

    names: frozenset[str]
    nullable: bool

    @property
    def in_python(self) -> str:
        """As an annotation would say it."""
        return " | ".join([*sorted(self.names), *(["None"] if self.nullable else [])]) or "None"


_SCALARS: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "array": "list"}
# The formats that openapi-python-client turns into a type of their own.
_FORMATS: Final = {"date-time": "datetime", "date": "date", "uuid": "UUID", "binary": "File"}
_SCHEMAS: Final = "#/components/schemas/"
METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
"""The keys of a path that hold operations."""


def types_of(schema: Json) -> Types:
    """The Python types of a schema's values; an object without a name of its own is a `dict`."""
    if not is_object(schema) or not schema.keys() & {"$ref", "oneOf", "anyOf", "allOf", "type", "enum", "properties"}:
        return Types(frozenset({"Any"}), nullable=False)
    if "$ref" in schema:
        return Types(frozenset({component_name(schema)}), nullable=False)
    joined: Json = schema.get("oneOf") or schema.get("anyOf") or schema.get("allOf")
    members = [types_of(member) for member in as_list(joined)]
    if not members:
        return _plain_types(schema)
    nullable = any(member.nullable for member in members) or bool(schema.get("nullable"))
    if "allOf" in schema and len(members) > 1:
        return Types(frozenset({" & ".join(sorted(member.in_python for member in members))}), nullable)
    return Types(frozenset(name for member in members for name in member.names), nullable)


def _plain_types(schema: dict[str, Json]) -> Types:
    stated: Json = schema.get("type")
    kinds: list[Json] = as_list(stated) if is_list(stated) else [stated]
    values = as_list(schema.get("enum"))
    names: set[str] = set()
    for kind in kinds:
        if kind == "string":
            names.add(_FORMATS.get(str(schema.get("format")), "str"))
        elif kind is None and values:
            names |= {type(value).__name__ for value in values if value is not None}
        elif kind != "null":
            names.add(_SCALARS.get(str(kind), "dict"))
    nullable = "null" in kinds or bool(schema.get("nullable")) or None in values
    return Types(frozenset(names), nullable)


def component_name(reference: dict[str, Json]) -> str:
    """The last part of a `$ref`: the name of what it refers to."""
    return str(reference["$ref"]).rpartition("/")[2]


def resolve(document: dict[str, Json], value: Json) -> Json:
    """`value`, or what it refers to if it is a reference; a `CodegenError` for one that leads nowhere."""
    seen: set[str] = set()
    while is_object(value) and "$ref" in value:
        reference = str(value["$ref"])
        if reference in seen or not reference.startswith("#/"):
            raise CodegenError(f"the reference {reference} goes round in a circle or out of the document")
        seen.add(reference)
        value = document
        for part in reference[2:].split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if not is_object(value) or key not in value:
                raise CodegenError(f"the reference {reference} leads nowhere in the document")
            value = value[key]
    return value


def check_references(document: dict[str, Json]) -> None:
    """Raises a `CodegenError` for a reference that leads nowhere or only to itself."""
    for reference in set(references(document)):
        resolve(document, {"$ref": reference})


def inlined(document: dict[str, Json]) -> dict[str, Json]:
    """A copy in which every parameter, response and request body stands where it is used.

    Those of a path stand in its operations, and those among the components are gone. What is
    referred to and where it is written are the document's own affair: a caller sees the use.
    """
    copied: dict[str, Json] = copy.deepcopy(document)
    for path in as_object(copied.get("paths")).values():
        operations = as_object(path)
        shared = [resolve(document, parameter) for parameter in as_list(operations.pop("parameters", None))]
        for method in METHODS:
            if method in operations:
                _inline(document, as_object(operations[method]), shared)
    components = as_object(copied.get("components"))
    for kind in ("parameters", "responses", "requestBodies"):
        components.pop(kind, None)
    return copied


def _inline(document: dict[str, Json], operation: dict[str, Json], shared: list[Json]) -> None:
    own = [resolve(document, parameter) for parameter in as_list(operation.get("parameters"))]
    said = [(each.get("in"), each.get("name")) for each in map(as_object, own)]
    inherited = [each for each in shared if (as_object(each).get("in"), as_object(each).get("name")) not in said]
    if own or inherited:
        operation["parameters"] = [*inherited, *own]
    if "requestBody" in operation:
        operation["requestBody"] = resolve(document, operation["requestBody"])
    responses = as_object(operation.get("responses"))
    for status, response in responses.items():
        responses[status] = resolve(document, response)


# Where a `$ref` is a value like any other.
_VALUES: Final = frozenset({"example", "examples", "default", "enum", "const"})


def references(value: Json) -> Iterator[str]:
    """Every `$ref` in a value, at any depth."""
    if is_object(value):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for key, member in value.items():
            if key not in _VALUES:
                yield from references(member)
    elif is_list(value):
        for member in value:
            yield from references(member)


def directions_of(*documents: dict[str, Json]) -> dict[str, Direction]:
    """Which way each component schema travels in any of the documents; both ways where nothing uses it."""
    found: dict[str, Direction] = {}
    for document in documents:
        for path in as_object(document.get("paths")).values():
            for method, value in as_object(path).items():
                if method in METHODS:
                    operation = as_object(value)
                    _travels(document, [operation.get("parameters")], Direction.REQUEST, found)
                    _travels(document, [operation.get("requestBody")], Direction.REQUEST, found)
                    _travels(document, [operation.get("responses")], Direction.RESPONSE, found)
    schemas = [as_object(as_object(document.get("components")).get("schemas")) for document in documents]
    both = Direction.REQUEST | Direction.RESPONSE
    return {name: found.get(f"{_SCHEMAS}{escape(name)}", both) for each in schemas for name in each}


def _travels(document: dict[str, Json], value: Json, direction: Direction, found: dict[str, Direction]) -> None:
    for reference in references(value):
        if direction not in found.get(reference, Direction(0)):
            found[reference] = found.get(reference, Direction(0)) | direction
            _travels(document, resolve(document, {"$ref": reference}), direction, found)


def escape(part: str) -> str:
    """A key as a part of a JSON pointer."""
    return part.replace("~", "~0").replace("/", "~1")


def same(one: Json, other: Json) -> bool:
    """Whether two values are the same JSON: to Python `1 == True`, and 1 == 1.0."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
