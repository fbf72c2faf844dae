"""Refuses schemas whose values Python cannot tell apart or check."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.adaptation.choices import members_of
from codegen.adaptation.discriminators import discriminator
from codegen.adaptation.kinds import ANY, kinds_of
from codegen.adaptation.merging import is_nothing
from codegen.adaptation.normal import types_of_schema
from codegen.adaptation.places import SCHEMAS, Schema, Use, place_of, slots
from codegen.document import Json, as_list, as_object, is_object
from codegen.openapi import resolve, target_of
from codegen.refusals.refusal import Refusal, change, removal

# Python allows 20 nested blocks, and the generated code has a loop for each list.
_MOST_LISTS = 16
_ANYTHING = "Without it, the type is `Any`, and nothing is checked."


def check_schemas(published: dict[str, Json], document: dict[str, Json]) -> Iterator[Refusal]:
    """The schemas of a normalized document that no Python type fits. `published` is the document before."""
    for slot in slots(document):
        schema, place = slot.schema, place_of(slot.schema)
        if schema.get("enum") == []:
            # A constant is an enum here.
            key, kind = ("enum", "enum") if "enum" in target_of(published, place) else ("const", "constant")
            yield removal(f"{place}/{key}", f"this {kind} allows no value of its type", "Remove it.")
        lists = _lists(document, schema)
        if lists and lists % _MOST_LISTS == 0:
            problem = f"the generated code cannot read {_MOST_LISTS} lists, each in another one"
            yield removal(f"{place}/items", problem, "Without it, the items are `Any`, and nothing is checked.")
        if not slot.use & (Use.QUERY | Use.PATH | Use.HEADER | Use.COOKIE):
            yield from _choice(document, schema, place)
        if slot.use & Use.READ or (place.startswith(SCHEMAS) and slot.use & Use.JSON):
            # A form is only sent, and so is the schema of a body that is no component: no wire type checks them.
            yield from _further(document, schema)


def _lists(document: dict[str, Json], schema: Schema) -> int:
    """How many lists are in one another, counted from this one."""
    seen: list[Schema] = []
    while "array" in types_of_schema(schema) and not any(schema is each for each in seen):
        seen.append(schema)
        schema = as_object(resolve(document, as_object(schema.get("items"))))
    return len(seen)


def check_values(document: dict[str, Json]) -> Iterator[Refusal]:
    """The schemas of an adapted document that allow no value."""
    for slot in slots(document):
        if is_nothing(slot.schema):
            place, where = place_of(slot.schema), place_of(slot.schema["not"])
            problem, effect = "no value matches this and what stands beside it", "Remove it: the rest says enough."
            if where == f"{place}/not":
                where, problem = place, "the schema `false` allows no value"
                effect = "Remove it: any value is allowed then."
            if where.split("/")[-2] == "properties":
                yield removal(where, problem, "Remove the property.")
            else:
                yield removal(where, problem, effect)


def _choice(document: dict[str, Json], schema: Schema, place: str) -> Iterator[Refusal]:
    choices = [choice for choice in ("oneOf", "anyOf") if choice in schema]
    if not choices:
        return
    target = f"{place}/{choices[0]}"
    if len(choices) > 1 or "allOf" in schema or "properties" in schema:
        other = choices[1] if len(choices) > 1 else "allOf" if "allOf" in schema else "properties"
        yield removal(target, f"the generators cannot join {choices[0]} and {other}", "Remove one of them.")
        return
    members = list(members_of(document, as_list(schema[choices[0]]), set()))
    arrays = [member for member in members if "array" in kinds_of(document, member)]
    objects = [member for member in members if "object" in kinds_of(document, member)]
    if any(ANY in kinds_of(document, member) for member in members):
        return
    if len(arrays) > 1:
        yield removal(target, "Python cannot tell one array of this choice from another", _ANYTHING)
    if len(objects) > 1 and discriminator(document, schema, objects) is None:
        problem = "nothing in the objects of this choice tells one from another"
        yield removal(target, problem, _ANYTHING)


def _further(document: dict[str, Json], schema: Schema) -> Iterator[Refusal]:
    """Typed further properties beside declared ones: the wire check knows no such type."""
    parts = [schema, *(as_object(resolve(document, part)) for part in as_list(schema.get("allOf")))]
    declared = any(part.get("properties") for part in parts)
    for part in parts:
        further = part.get("additionalProperties")
        if declared and is_object(further) and ANY not in kinds_of(document, further) and "properties" in part:
            where = place_of(part)
            problem = "beside declared properties, the type of further properties (additionalProperties) is not checked"
            effect = "Allow any type for them."
            yield change(f"{where}/additionalProperties", problem, effect, {"additionalProperties": True}, target=where)
