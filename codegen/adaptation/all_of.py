"""Writes `allOf` without parts that a generator would read as a type of their own."""

from __future__ import annotations

from codegen.adaptation.kinds import OBJECT, kinds_of
from codegen.adaptation.merging import CONSTRAINTS, Merger
from codegen.adaptation.normal import ANNOTATIONS, Note
from codegen.adaptation.places import PLACE, Schema, Slot, place_of
from codegen.document import Json, as_list


def normalize_all_of(document: dict[str, Json], slot: Slot, notes: list[Note]) -> None:
    """Joins parts without names, and drops empty ones. Objects that have names stay parts."""
    schema = slot.schema
    if "allOf" not in schema:
        _join_constraints(document, slot, notes)
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
    # Only a class of its own can join several objects.
    if named and len(parts) == 1 and not schema.keys() - ANNOTATIONS:
        schema["allOf"] = parts
    elif named and all(kinds_of(document, part) == OBJECT for part in named):
        schema["allOf"] = parts
        schema.setdefault("type", "object")
    else:
        slot.put(Merger(document, notes).joined(schema, parts))


def _join_constraints(document: dict[str, Json], slot: Slot, notes: list[Note]) -> None:
    """Moves the constraints beside values or a choice into these: the generators read them at one type only."""
    schema = slot.schema
    alone = next((keyword for keyword in ("enum", "const", "oneOf", "anyOf") if keyword in schema), None)
    if alone is None or not schema.keys() & CONSTRAINTS:
        return
    rest = {key: value for key, value in schema.items() if key != alone}
    slot.put(Merger(document, notes).joined(rest, [{alone: schema[alone], PLACE: place_of(schema)}], alone))
