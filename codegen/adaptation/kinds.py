"""The types of JSON that the values of a normalized schema may have."""

from __future__ import annotations

from typing import Final

from codegen.adaptation.normal import types_of_schema
from codegen.adaptation.places import Schema
from codegen.document import Json, as_list
from codegen.openapi import resolve

ANY: Final = "any"
OBJECT: Final = frozenset({"object"})


def kinds_of(document: dict[str, Json], schema: Schema, seen: frozenset[str] = frozenset()) -> frozenset[str]:
    """The types of JSON of a schema's values: `any` if the schema allows every type."""
    if "$ref" in schema:
        reference = str(schema["$ref"])
        return frozenset() if reference in seen else kinds_of(document, resolve(document, schema), seen | {reference})
    choice = as_list(schema.get("oneOf")) or as_list(schema.get("anyOf"))
    if choice:
        return frozenset[str]().union(*(kinds_of(document, member, seen) for member in choice))
    declared = types_of_schema(schema)
    if declared:
        return frozenset(declared)
    for member in as_list(schema.get("allOf")):
        found = kinds_of(document, member, seen)
        if ANY not in found:
            return found
    return frozenset({"object" if schema.keys() & {"properties", "additionalProperties"} else ANY})


def without_null(schema: Schema) -> Schema:
    """The schema without the type null, as far as it is written here and not in a component."""
    kinds = [kind for kind in types_of_schema(schema) if kind != "null"]
    changed = dict(schema)
    if kinds and len(kinds) < len(types_of_schema(schema)):
        changed["type"] = kinds[0] if len(kinds) == 1 else kinds
    if isinstance(schema.get("enum"), list):
        changed["enum"] = [value for value in schema["enum"] if value is not None]
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            members = [without_null(member) for member in schema[choice] if member.get("type") != "null"]
            if len(members) == 1:
                rest = {key: value for key, value in schema.items() if key != choice}
                return {**members[0], **rest} if "$ref" not in members[0] else {**rest, "allOf": members}
            changed[choice] = members
    return changed
