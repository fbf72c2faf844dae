"""Choices between types: their members, and the texts among them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Final

from codegen.adaptation.normal import ANNOTATIONS, Note, set_types, types_of_schema
from codegen.adaptation.places import PLACE, Schema, Slot, place_of
from codegen.document import Json, as_list
from codegen.openapi import resolve

SCALARS: Final = ("string", "integer", "number", "boolean", "null")
TYPED: Final = frozenset({"date-time", "date", "uuid"})
"""The formats for which both packages have a type of their own."""


def members_of(document: dict[str, Json], members: list[Json], seen: set[str]) -> Iterator[Schema]:
    """The members of a choice, and in place of a choice or a scalar type: its members, or the type. Each once."""
    for member in members:
        target: Json = member
        if "$ref" in member:
            if member["$ref"] in seen:
                continue
            seen.add(member["$ref"])
            target = resolve(document, member)
        choice = target.get("oneOf") or target.get("anyOf")
        if choice and not target.keys() & {"properties", "allOf", "discriminator"}:
            yield from members_of(document, as_list(choice), seen)
        elif types_of_schema(target) and all(kind in SCALARS for kind in types_of_schema(target)):
            yield target
        else:
            yield member


def of_kinds(member: Schema, kinds: list[str]) -> Schema:
    """A copy of a schema with other types."""
    changed = copy.deepcopy(member)
    set_types(changed, kinds)
    return changed


def part_texts(document: dict[str, Json], slot: Slot, notes: list[Note]) -> None:
    """Writes a format with a type so that both generators read it: as the only text of a choice, or as no format."""
    schema = slot.schema
    kinds = types_of_schema(schema)
    others = [kind for kind in kinds if kind not in ("string", "null")]
    if schema.get("format") in TYPED and others and "enum" not in schema:
        # Beside another type, the generator of the wire types would give each of them the format.
        annotations = {key: value for key, value in schema.items() if key in ANNOTATIONS}
        text = {key: value for key, value in schema.items() if key not in annotations or key == PLACE}
        plain = {key: value for key, value in text.items() if key != "format"}
        members = [of_kinds(text if kind == "string" else plain, [kind]) for kind in kinds]
        slot.put({**annotations, "anyOf": members})
        return
    for choice in ("oneOf", "anyOf"):
        members = list(members_of(document, as_list(schema.get(choice)), set()))
        texts = [member for member in members if "string" in types_of_schema(member)]
        if len(texts) < 2 or not any(text.get("format") in TYPED for text in texts):
            continue
        rest = [
            of_kinds(member, [kind for kind in types_of_schema(member) if kind != "string"])
            for member in members
            if types_of_schema(member) != ["string"]
        ]
        slot.put({**schema, choice: [{"type": "string", PLACE: place_of(texts[0])}, *rest]})
        meaning = "The type is `str`: Python cannot tell one kind of text in this choice from another."
        notes.append(Note(f"{place_of(schema)}/{choice}", meaning))
