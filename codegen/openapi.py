"""Reads OpenAPI documents: references, the Python types of schemas, and the direction of their values."""

from __future__ import annotations

import copy
import enum
import json
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote

from codegen.document import Json, as_list, as_object, is_list, is_object
from codegen.errors import CodegenError


class Direction(enum.Flag):
    """The direction in which a value travels, as a caller sees it."""

    REQUEST = enum.auto()
    """The caller passes the value."""
    RESPONSE = enum.auto()
    """The caller reads the value."""


class Types(NamedTuple):
    """The types that a value may have in Python."""

    names: frozenset[str]
    nullable: bool

    @property
    def in_python(self) -> str:
        """The types as an annotation."""
        return " | ".join([*sorted(self.names), *(["None"] if self.nullable else [])]) or "None"


# Below these keys a `$ref` is an ordinary value, not a reference. No generator reads links, which have such values.
_LITERAL_KEYS: Final = frozenset({"example", "examples", "default", "enum", "const", "links"})
# Below these keys are names that the publisher chose. A name may be `default`, or begin with `x-`: a header's, for
# example.
_MAPS: Final = frozenset(
    {"callbacks", "content", "encoding", "headers", "mapping", "responses", "scopes", "variables", "webhooks"}
    | {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependentRequired"}
)


class Keys(enum.Enum):
    """The meaning of an object's keys."""

    KEYWORDS = enum.auto()
    """OpenAPI defines the keys."""
    KINDS = enum.auto()
    """The keys of `components`: below each is a map of names."""
    NAMES = enum.auto()
    """The publisher chose the keys."""

    def below(self, key: str) -> Keys | None:
        """The meaning of the keys in the object at `key`. None if that is an ordinary value, such as an example."""
        if self is Keys.NAMES:
            return Keys.KEYWORDS
        if key in _LITERAL_KEYS:
            return None
        if self is Keys.KINDS or key in _MAPS:
            return Keys.NAMES
        return Keys.KINDS if key == "components" else Keys.KEYWORDS


_SCALARS: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "array": "list"}
# openapi-python-client has a Python type for each of these formats.
_FORMATS: Final = {"date-time": "datetime", "date": "date", "uuid": "UUID", "binary": "File"}
_SCHEMAS: Final = "#/components/schemas/"
METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
"""The keys of a path that hold operations."""


def types_of(schema: Json) -> Types:
    """The Python types of a schema's values. An object without a name is a `dict`."""
    if not is_object(schema) or not schema.keys() & {"$ref", "oneOf", "anyOf", "allOf", "type", "enum", "properties"}:
        return Types(frozenset({"Any"}), nullable=False)
    if "$ref" in schema:
        return Types(frozenset({component_name(schema)}), bool(schema.get("nullable")))
    combined: Json = schema.get("oneOf") or schema.get("anyOf") or schema.get("allOf")
    members = [types_of(member) for member in as_list(combined)]
    if not members:
        return _plain_types(schema)
    nullable = any(member.nullable for member in members) or bool(schema.get("nullable"))
    if "allOf" in schema and len(members) > 1:
        return Types(frozenset({" & ".join(sorted(member.in_python for member in members))}), nullable)
    return Types(frozenset(name for member in members for name in member.names), nullable)


def _plain_types(schema: dict[str, Json]) -> Types:
    declared: Json = schema.get("type")
    kinds: list[Json] = as_list(declared) if is_list(declared) else [declared]
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
    """The name of the component that a `$ref` refers to: the last part of the reference."""
    return str(reference["$ref"]).rpartition("/")[2]


def resolve(document: dict[str, Json], value: Json) -> Json:
    """`value`, or its target if it is a reference. Raises a `CodegenError` for a reference without a target."""
    seen: set[str] = set()
    while is_object(value) and "$ref" in value:
        reference = str(value["$ref"])
        if reference in seen:
            raise CodegenError(f"the reference {reference} leads to itself or to another document")
        seen.add(reference)
        value = target_of(document, reference)
    return value


def target_of(document: dict[str, Json], reference: str) -> Json:
    """The value that a reference leads to, which may be a reference, too."""
    if not reference.startswith("#/"):
        raise CodegenError(f"the reference {reference} leads to itself or to another document")
    value: Json = document
    for part in reference[2:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if is_list(value) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        elif is_object(value) and (key in value or unquote(key) in value):
            # A reference is a URI, in which the braces of a path are written as %7B and %7D.
            value = value[key if key in value else unquote(key)]
        else:
            raise CodegenError(f"the reference {reference} has no target in the document")
    return value


def check_reference(document: dict[str, Json], reference: str) -> None:
    """Raises a `CodegenError` if a reference has no target, leads to itself, or leads into an example."""
    resolve(document, {"$ref": reference})
    keys = Keys.KEYWORDS
    for part in reference.split("/")[1:]:
        below = keys.below(part)
        if below is None:
            raise CodegenError(f"the reference {reference} leads into an example or another value, not to a schema")
        keys = below


def check_version(document: dict[str, Json], where: object) -> None:
    """Raises a `CodegenError` unless the document states OpenAPI 3.0 or 3.1: the generators read no other version."""
    if "swagger" in document:
        found = f"is Swagger {document['swagger']}"
    elif "openapi" not in document:
        raise CodegenError(
            f"{where} is not OpenAPI: it has no key `openapi` at its top. Name a document of OpenAPI 3.0 or 3.1."
        )
    else:
        version: Json = document["openapi"]
        if isinstance(version, str) and re.fullmatch(r"3\.[01]\.\d+(-\S+)?", version):
            return
        found = f"has the OpenAPI version {version!r}"
    raise CodegenError(
        f"{where} {found}, but this program reads the versions 3.0 and 3.1 (for example '3.1.0'). Ask the publisher "
        "for the document in one of these versions, or convert it."
    )


def inline_components(document: dict[str, Json]) -> dict[str, Json]:
    """A copy in which each operation contains its parameters, its responses and its request body.

    The parameters of a path are moved into its operations. Shared parameters, responses and request
    bodies are copied to each place that refers to them, and the components lose them. So two documents
    compare as equal if they differ only in where these parts are written, which callers cannot see.
    """
    inlined: dict[str, Json] = copy.deepcopy(document)
    for path in as_object(inlined.get("paths")).values():
        operations = as_object(path)
        shared = [resolve(document, parameter) for parameter in as_list(operations.pop("parameters", None))]
        for method in METHODS:
            if method in operations:
                _inline(document, as_object(operations[method]), shared)
    components = as_object(inlined.get("components"))
    for kind in ("parameters", "responses", "requestBodies"):
        components.pop(kind, None)
    return inlined


def _inline(document: dict[str, Json], operation: dict[str, Json], shared: list[Json]) -> None:
    own = [resolve(document, parameter) for parameter in as_list(operation.get("parameters"))]
    own_keys = [(each.get("in"), each.get("name")) for each in map(as_object, own)]
    inherited = [each for each in shared if (as_object(each).get("in"), as_object(each).get("name")) not in own_keys]
    if own or inherited:
        operation["parameters"] = [*inherited, *own]
    if "requestBody" in operation:
        operation["requestBody"] = resolve(document, operation["requestBody"])
    responses = as_object(operation.get("responses"))
    for status, response in responses.items():
        responses[status] = resolve(document, response)


class Part(NamedTuple):
    """One object of a document that OpenAPI defines, or whose keys are names. No ordinary value, such as an example."""

    place: str
    value: dict[str, Json]
    keys: Keys


def parts(value: Json, place: str = "", keys: Keys = Keys.KEYWORDS) -> Iterator[Part]:
    """Each part of a value at any depth, the outer ones first. `place` is the place of the value.

    A walk over a document that does not use this one takes examples for schemas.
    """
    waiting = [(value, place, keys)]
    while waiting:
        value, place, keys = waiting.pop()
        if is_object(value):
            yield Part(place, value, keys)
            known = [(key, member, keys.below(key)) for key, member in value.items()]
            inner = [(member, f"{place}/{escape(key)}", below) for key, member, below in known if below is not None]
        else:
            members = value if is_list(value) else ()
            inner = [(member, f"{place}/{index}", Keys.KEYWORDS) for index, member in enumerate(members)]
        waiting += reversed(inner)


def references(value: Json, keys: Keys = Keys.KEYWORDS) -> Iterator[str]:
    """Every `$ref` in a value, at any depth."""
    return (reference for _place, reference in placed_references(value, "", keys))


def placed_references(value: Json, place: str, keys: Keys = Keys.KEYWORDS) -> Iterator[tuple[str, str]]:
    """The place of the object around each `$ref` in a value, and the reference. `place` is the place of the value."""
    for part in parts(value, place, keys):
        if part.keys is Keys.KEYWORDS and isinstance(part.value.get("$ref"), str):
            yield part.place, part.value["$ref"]


def discriminated(value: Json) -> Iterator[dict[str, Json]]:
    """Each schema in a value that has a discriminator."""
    for part in parts(value):
        if part.keys is Keys.KEYWORDS and is_object(part.value.get("discriminator")):
            yield part.value


def with_targets(value: Json, targets: Mapping[str, str]) -> Json:
    """A copy in which each reference, and each reference in the mapping of a discriminator, has its new target."""
    changed: Json = copy.deepcopy(value)
    for part in parts(changed):
        if part.keys is Keys.KEYWORDS and isinstance(part.value.get("$ref"), str):
            part.value["$ref"] = targets.get(part.value["$ref"], part.value["$ref"])
    for schema in discriminated(changed):
        mapping = schema["discriminator"].get("mapping")
        for name, each in mapping.items() if is_object(mapping) else ():
            mapping[name] = targets.get(str(each), each)
    return changed


def reached(document: dict[str, Json], *values: Json) -> list[str]:
    """Each reference in the values, and in what they refer to, at any depth. Without recursion: a chain may be long."""
    found: dict[str, None] = {}
    waiting = list(values)
    while waiting:
        for reference in references(waiting.pop()):
            if reference not in found:
                found[reference] = None
                waiting.append(target_of(document, reference))
    return list(found)


def directions_of(*documents: dict[str, Json]) -> dict[str, Direction]:
    """The directions in which each component schema travels in the documents; both if no operation uses it."""
    found: dict[str, Direction] = {}
    for document in documents:
        operations = [
            as_object(operation)
            for path in as_object(document.get("paths")).values()
            for method, operation in as_object(path).items()
            if method in METHODS
        ]
        passed = [operation.get(key) for operation in operations for key in ("parameters", "requestBody")]
        read = [response for operation in operations for response in as_object(operation.get("responses")).values()]
        for values, direction in ((passed, Direction.REQUEST), (read, Direction.RESPONSE)):
            for reference in reached(document, *values):
                found[reference] = found.get(reference, Direction(0)) | direction
    schemas = [as_object(as_object(document.get("components")).get("schemas")) for document in documents]
    both = Direction.REQUEST | Direction.RESPONSE
    return {name: found.get(f"{_SCHEMAS}{escape(name)}", both) for each in schemas for name in each}


def escape(part: str) -> str:
    """A key, escaped as a part of a JSON pointer."""
    return part.replace("~", "~0").replace("/", "~1")


def same(one: Json, other: Json) -> bool:
    """Whether two values are the same JSON. Python's `==` is not enough: there 1 equals `True` and 1.0."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
