"""Writes each schema in the one form that both generators read in the same way."""

from __future__ import annotations

from typing import Final, NamedTuple

from codegen.adaptation.places import PASSED, PLACE, SCHEMAS, Schema, Slot, Use, place_of
from codegen.client_names import class_name
from codegen.document import Json, as_list, is_list, is_object
from codegen.openapi import escape


class Note(NamedTuple):
    """One thing that the generators do not read."""

    pointer: str
    """The place, as a JSON pointer in a URI fragment."""
    meaning: str
    """What is left out, and the reason, in one sentence."""


ANNOTATIONS: Final = frozenset(
    {"title", "description", "default", "example", "examples", "deprecated", "readOnly", "writeOnly", "externalDocs"}
    | {"xml", "$comment", "$id", "$anchor", "$schema", PLACE}
)
"""Keywords that say nothing about the values of a schema."""
STRUCTURE: Final = frozenset(
    {"$ref", "type", "enum", "const", "properties", "items", "oneOf", "anyOf", "allOf", "additionalProperties"}
    | {"prefixItems", "format"}
)
"""Keywords from which a generator makes a type."""
# The Python types of each type of JSON that an enum may contain.
_PYTHON_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
# JSON Schema calls every other format a remark. Both generators make no type of it, or different ones.
_FORMATS: Final = frozenset({"date-time", "date", "uuid", "binary"})
# The generators read none of these keywords, or only in some places.
UNREAD: Final = {
    "not": "the values that `not` excludes",
    "if": "the condition `if`",
    "contains": "`contains`",
    "propertyNames": "the names of further properties",
    "patternProperties": "the properties of which only a pattern of the name is known",
    "dependentRequired": "`dependentRequired`",
    "dependentSchemas": "`dependentSchemas`",
    "unevaluatedProperties": "`unevaluatedProperties`",
    "unevaluatedItems": "`unevaluatedItems`",
}
_SILENT: Final = ("then", "else", "minContains", "maxContains", "contentSchema", "contentEncoding", "contentMediaType")
# A boolean is also an integer in Python.
_TYPES_OF_VALUES: Final = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def normalize(slot: Slot, notes: list[Note]) -> None:
    """Rewrites one schema. Its inner schemas are rewritten before."""
    schema = slot.schema
    if schema.get("$ref") is not None:
        _reference(slot, notes)
        return
    if is_list(schema.get("type")):
        set_types(schema, list(dict.fromkeys(map(str, schema.pop("type")))))
    _unread(schema, slot.use, notes)
    _choices(schema, notes)
    _nullable(schema)
    _arrays(schema)
    _format(schema, slot.use, notes)
    keyword = "const" if "const" in schema else "enum"
    _constant(schema)
    _enum(schema, keyword, notes)
    whole_bounds(schema)
    _component_title(slot)


def types_of_schema(schema: Schema) -> list[str]:
    """The types that a schema declares. None is declared if any type is allowed."""
    declared: Json = schema.get("type")
    return [str(kind) for kind in declared] if is_list(declared) else [str(declared)] if declared is not None else []


def set_types(schema: Schema, kinds: list[str]) -> None:
    """Declares types. One type is no list."""
    if kinds:
        schema["type"] = kinds[0] if len(kinds) == 1 else kinds


def _reference(slot: Slot, notes: list[Note]) -> None:
    """Keeps what changes the values beside a reference: whether null is allowed."""
    schema = slot.schema
    for keyword in [*schema]:
        if keyword not in ANNOTATIONS | {"$ref", "nullable"}:
            del schema[keyword]
            notes.append(Note(f"{place_of(schema)}/{keyword}", "The generators do not read this beside a reference."))
    if schema.pop("nullable", False):
        inner = {"$ref": schema.pop("$ref"), PLACE: place_of(schema)}
        slot.put({**schema, "anyOf": [inner, {"type": "null", PLACE: place_of(schema)}]})


def _unread(schema: Schema, use: Use, notes: list[Note]) -> None:
    if schema.get("not") == {PLACE: f"{schema.get(PLACE)}/not"}:
        return
    if "patternProperties" in schema:
        # The values of these properties need not match the type of the further properties.
        schema["additionalProperties"] = True
    for keyword, meaning in UNREAD.items():
        if keyword in schema and schema["not" if keyword == "not" else keyword] != {}:
            del schema[keyword]
            notes.append(Note(f"{place_of(schema)}/{keyword}", f"Neither generator reads {meaning}: not checked."))
    for keyword in _SILENT:
        schema.pop(keyword, None)
    if schema.get("additionalProperties") is False:
        # A later version of the API may add a property.
        subject = "A response" if use & Use.READ else "A value"
        meaning = f"{subject} with other properties is accepted, although the document allows none."
        notes.append(Note(f"{place_of(schema)}/additionalProperties", meaning))


def _nullable(schema: Schema) -> None:
    """Writes `nullable: true` as the type null, as OpenAPI 3.1 does."""
    if not schema.pop("nullable", False):
        return
    null = {"type": "null", PLACE: place_of(schema)}
    kinds = types_of_schema(schema)
    if "enum" in schema and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
    if kinds:
        set_types(schema, [*(kind for kind in kinds if kind != "null"), "null"])
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            schema[choice] = [*schema[choice], null]
            return
    if "allOf" in schema:
        inner = {key: schema.pop(key) for key in [*schema] if key not in ("title", "description", "default", PLACE)}
        schema["anyOf"] = [{**inner, PLACE: place_of(schema)}, null]


def _choices(schema: Schema, notes: list[Note]) -> None:
    """Moves the type beside a choice into its members, and drops a choice between lists of required properties."""
    for choice in ("oneOf", "anyOf"):
        members = as_list(schema.get(choice))
        if members and not any(member.keys() & STRUCTURE for member in members):
            if not schema.keys() & STRUCTURE - {choice}:
                continue
            del schema[choice]
            meaning = "The members of this choice have no types of their own: not checked."
            notes.append(Note(f"{place_of(schema)}/{choice}", meaning))
        elif members and "type" in schema and "properties" not in schema:
            kinds = schema.pop("type")
            for member in members:
                if not member.keys() & STRUCTURE - {"format"}:
                    member["type"] = kinds


def _arrays(schema: Schema) -> None:
    """Writes a tuple as a list of any of its items, and an array without items as a list of anything."""
    if "array" not in types_of_schema(schema) and not schema.keys() & {"prefixItems", "items"}:
        return
    if not types_of_schema(schema):
        schema["type"] = "array"
    prefix = as_list(schema.pop("prefixItems", None))
    rest = schema.get("items")
    closed = is_object(rest) and rest.get("not") is not None
    if prefix:
        members = prefix if closed else [*prefix, rest if is_object(rest) else {}]
        schema["items"] = _any_of(members, f"{place_of(schema)}/prefixItems")
        if closed:
            schema["maxItems"] = min(len(prefix), schema.get("maxItems", len(prefix)))
    elif closed:
        schema["items"] = {PLACE: f"{place_of(schema)}/items"}
        schema["maxItems"] = 0
    elif not is_object(rest):
        schema["items"] = {PLACE: f"{place_of(schema)}/items"}


def _any_of(members: list[Schema], place: str) -> Schema:
    if any(not member.keys() - {PLACE, "title", "description"} for member in members):
        return {PLACE: place}
    return members[0] if len(members) == 1 else {"anyOf": members, PLACE: place}


def _format(schema: Schema, use: Use, notes: list[Note]) -> None:
    """Drops the formats that are only remarks, and those that a caller's value would not be sent in."""
    name = schema.get("format")
    if name is None:
        return
    kinds = types_of_schema(schema)
    # A part of allOf may have its type from another part.
    if (kinds and "string" not in kinds) or name not in _FORMATS:
        del schema["format"]
    elif name == "binary":
        if not use & (Use.MULTIPART | Use.BYTES) or use & ~(Use.MULTIPART | Use.BYTES):
            del schema["format"]
    elif name == "date-time" and use & PASSED:
        del schema["format"]
        meaning = "The type is `str`: of a `datetime` without an offset, the generated code would send no valid text."
        notes.append(Note(f"{place_of(schema)}/format", meaning))
    elif use & (Use.HEADER | Use.COOKIE):
        del schema["format"]


def _constant(schema: Schema) -> None:
    """Writes a constant null as a type, and gives another constant its type."""
    if "const" not in schema:
        return
    value = schema["const"]
    if value is None:
        del schema["const"]
        schema["type"] = "null"
    elif isinstance(value, str):
        schema["type"] = "string"
    else:
        schema["enum"] = [schema.pop("const")]


def _enum(schema: Schema, keyword: str, notes: list[Note]) -> None:
    """Keeps an enum of texts or of integers. Other values are known by their types only. The keyword may be `const`."""
    values = schema.get("enum")
    if not is_list(values):
        schema.pop("enum", None)
        return
    kinds = types_of_schema(schema)
    if "integer" in kinds and "number" not in kinds:
        values = [int(value) if isinstance(value, float) and value.is_integer() else value for value in values]
    allowed = [value for value in values if not kinds or any(_is_of(value, kind) for kind in kinds)]
    if not allowed:
        # Refused later, because no value is allowed.
        schema["enum"] = []
        return
    found = list(dict.fromkeys(_kind(value) for value in allowed))
    if "object" in found or "array" in found:
        del schema["enum"]
        notes.append(Note(f"{place_of(schema)}/{keyword}", "Enums of objects or arrays cannot be checked: not read."))
        return
    plain = [kind for kind in found if kind != "null"]
    if "number" in plain or ("number" in kinds and "integer" in plain):
        # 1 and 1.0 are the same number.
        plain = [*(kind for kind in plain if kind not in ("number", "integer")), "number"]
    set_types(schema, [*plain, *(["null"] if "null" in found else [])])
    large = any(isinstance(value, int) and not -(2**63) <= value < 2**63 for value in allowed)
    if plain in (["string"], ["integer"]) and not large:
        names = schema.get("x-enum-varnames")
        if len(allowed) < len(values) and is_list(names):
            del schema["x-enum-varnames"]
        schema["enum"] = list(dict.fromkeys(allowed))
        return
    del schema["enum"]
    schema.pop("x-enum-varnames", None)
    if plain and not (plain == ["boolean"] and len(allowed) >= 2):
        meaning = "An enum of other values than only texts or only integers cannot be checked: its types are."
        notes.append(Note(f"{place_of(schema)}/{keyword}", meaning))


def whole_bounds(schema: Schema) -> None:
    """Writes the bounds of an integer in one way: `exclusiveMinimum: 0` as `minimum: 1`."""
    if {*types_of_schema(schema)} - {"null"} != {"integer"}:
        return
    for exclusive, inclusive, step, narrower in (
        ("exclusiveMinimum", "minimum", 1, max),
        ("exclusiveMaximum", "maximum", -1, min),
    ):
        bound = schema.get(exclusive)
        if isinstance(bound, int) and not isinstance(bound, bool) and -(2**63) <= bound + step < 2**63:
            del schema[exclusive]
            schema[inclusive] = narrower(bound + step, schema.get(inclusive, bound + step))


def _is_of(value: Json, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _PYTHON_TYPES.get(kind, (dict, list)))


def _kind(value: Json) -> str:
    if is_object(value):
        return "object"
    return next((name for kind, name in _TYPES_OF_VALUES.items() if isinstance(value, kind)), "array")


def _component_title(slot: Slot) -> None:
    """Drops the title of a component. Its class has the name of the component, as in every reference to it."""
    if place_of(slot.schema) == f"{SCHEMAS}{escape(str(slot.key))}":
        title = slot.schema.get("title")
        if title is not None and class_name(title) != class_name(slot.key):
            del slot.schema["title"]
