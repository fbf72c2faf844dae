"""Writes `allOf` without parts that a generator would read as a type of their own."""

from __future__ import annotations

from codegen.adaptation.kinds import OBJECT, kinds_of
from codegen.adaptation.merging import merge
from codegen.adaptation.normal import ANNOTATIONS
from codegen.adaptation.places import PLACE, Schema, Slot, place_of
from codegen.document import Json, as_list, as_object
from codegen.openapi import resolve


def normalize_all_of(document: dict[str, Json], slot: Slot) -> None:
    """Joins parts without names, and drops empty ones. Objects that have names stay parts."""
    schema = slot.schema
    if "allOf" not in schema:
        return
    parts: list[Schema] = []
    for part in as_list(schema["allOf"]):
        rest = {key: value for key, value in part.items() if key != "allOf"}
        parts += [*as_list(part.get("allOf")), *([rest] if rest.keys() - ANNOTATIONS else [])]
        for key in ("title", "description"):
            if key in rest and not rest.keys() - ANNOTATIONS:
                schema.setdefault(key, rest[key])
    del schema["allOf"]
    named = [part for part in parts if "$ref" in part]
    if not named:
        slot.put(_joined(schema, parts))
        return
    # Only a class of its own can join several objects.
    if len(parts) == 1 and not schema.keys() - ANNOTATIONS:
        schema["allOf"] = parts
    elif all(kinds_of(document, part) == OBJECT for part in named):
        schema["allOf"] = parts
        schema.setdefault("type", "object")
    else:
        slot.put(_joined(schema, [_target(document, part, frozenset()) for part in parts]))


def _joined(schema: Schema, parts: list[Schema]) -> Schema:
    joined: Schema = {}
    for part in parts:
        joined = merge(joined, part)
    return {**merge(joined, schema), PLACE: place_of(schema)}


def _target(document: dict[str, Json], part: Schema, above: frozenset[str]) -> Schema:
    """A part in place of a reference to it."""
    if "$ref" not in part or part["$ref"] in above:
        return part
    target = as_object(resolve(document, part))
    return {key: value for key, value in target.items() if key not in ANNOTATIONS}
