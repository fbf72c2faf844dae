"""The form of a document that datamodel-code-generator reads: its component schemas, without what msgspec cannot check.

The wire package is private. It checks responses, and nothing else.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Collection, Iterable
from typing import Final

from codegen.adaptation.choices import SCALARS, TYPED, members_of, of_kinds
from codegen.adaptation.date_times import DATE_TIME
from codegen.adaptation.discriminators import discriminator
from codegen.adaptation.kinds import kinds_of
from codegen.adaptation.merging import CONSTRAINTS, Merger
from codegen.adaptation.normal import ANNOTATIONS, STRUCTURE, Note, types_of_schema
from codegen.adaptation.patterns import python_pattern
from codegen.adaptation.places import PLACE, SCHEMAS, Schema, Slot, place_of, slots
from codegen.client_names import class_name
from codegen.document import Json, as_list, as_object, is_object
from codegen.openapi import component_name, escape, resolve, with_targets

_DROPPED: Final = ("default", "example", "examples", "xml", "externalDocs", "x-enum-varnames")
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_BOUNDS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_OF_TEXTS: Final = ("minLength", "maxLength", "pattern")
_CONSTRAINTS: Final = (*_BOUNDS, "multipleOf", *_OF_TEXTS)


def wire_form(document: dict[str, Json], notes: list[Note]) -> dict[str, Json]:
    """The components of a normalized document, as datamodel-code-generator reads them rightly."""
    components: dict[str, Json] = {
        "schemas": copy.deepcopy(as_object(as_object(document.get("components")).get("schemas")))
    }
    wire = {**document, "paths": {}, "components": components}
    wire.pop("webhooks", None)
    for slot in slots(wire):
        _all_of(wire, slot, notes)
    for slot in slots(wire):
        _choice(wire, slot, notes)
        _reduce(slot.schema, notes)
    renamed = _renamed(wire)
    _tag(renamed)
    return renamed


def _tag(document: dict[str, Json]) -> None:
    """Gives each choice that a discriminator describes members of its own.

    msgspec demands the tag of a type in a choice only. Where the schema stands alone, the tag stays a property.
    """
    schemas = as_object(as_object(document["components"])["schemas"])
    tagged: dict[tuple[str, str], str] = {}
    for slot in slots(document):
        found = slot.schema.get("discriminator")
        if found is None:
            continue
        copies: dict[str, str] = {}
        for reference in found["mapping"].values():
            key = reference, found["propertyName"]
            if key not in tagged:
                name = f"{component_name({'$ref': reference})}By{wire_name(found['propertyName'])}"
                tagged[key] = _unique(name, {*schemas, *tagged.values()})
            copies[reference] = f"{SCHEMAS}{tagged[key]}"
        slot.put(with_targets(slot.schema, copies))
    # Copied last: a member may itself have a choice, and its copy must not give a tag to a type that stands alone.
    copied = {name: resolve(document, {"$ref": reference}) for (reference, _property), name in tagged.items()}
    schemas.update(copy.deepcopy(copied))


def _reduce(schema: Schema, notes: list[Note]) -> None:
    for keyword in _DROPPED:
        schema.pop(keyword, None)
    if "discriminator" in schema and not schema.keys() & {"oneOf", "anyOf"}:
        del schema["discriminator"]
    if "$ref" in schema:
        for keyword in [*schema]:
            if keyword not in ("$ref", "description", PLACE):
                del schema[keyword]
    if "format" in schema:
        _typed_format(schema)
    if schema.pop("uniqueItems", False):
        notes.append(Note(f"{place_of(schema)}/uniqueItems", "Whether the items differ is not checked."))
    if is_object(schema.get("additionalProperties")) and schema.get("properties"):
        del schema["additionalProperties"]
    _untyped(schema, notes)
    _pattern(schema, notes)
    _bounds(schema, notes)
    _object(schema, notes)


def _untyped(schema: Schema, notes: list[Note]) -> None:
    """Drops the constraints of a schema without a type: the type is Any."""
    if not schema.keys() & STRUCTURE:
        for keyword in sorted(schema.keys() & CONSTRAINTS):
            del schema[keyword]
            notes.append(Note(f"{place_of(schema)}/{keyword}", "The schema has no type: not checked."))


def _object(schema: Schema, notes: list[Note]) -> None:
    """Drops what a type with fields does not check."""
    declared = as_object(schema.get("properties"))
    for keyword in [each for each in ("minProperties", "maxProperties") if declared and each in schema]:
        del schema[keyword]
        notes.append(Note(f"{place_of(schema)}/{keyword}", "The number of properties is not checked."))
    required = [name for name in as_list(schema.get("required")) if name in declared]
    if "required" in schema and required != schema["required"]:
        schema["required"] = required
        notes.append(Note(f"{place_of(schema)}/required", "A property without a schema is not demanded."))


def _pattern(schema: Schema, notes: list[Note]) -> None:
    if "pattern" not in schema:
        return
    pattern = python_pattern(schema.pop("pattern"))
    if pattern is not None:
        schema["pattern"] = pattern
        return
    meaning = "Python cannot read this pattern as JavaScript does: not checked."
    notes.append(Note(f"{place_of(schema)}/pattern", meaning))


def _typed_format(schema: Schema) -> None:
    """Keeps a format that has a type, without the keywords that msgspec checks on texts only.

    A `date-time` becomes a pattern: the type of msgspec allows texts that the model cannot read.
    """
    if schema["format"] not in TYPED or "enum" in schema or "const" in schema:
        del schema["format"]
        return
    for keyword in _OF_TEXTS:
        schema.pop(keyword, None)
    if schema["format"] == "date-time":
        del schema["format"]
        schema["pattern"] = DATE_TIME


def _bounds(schema: Schema, notes: list[Note]) -> None:
    kinds = types_of_schema(schema)
    for keyword in ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"):
        if keyword in schema and not 0 <= schema[keyword] <= _LARGEST:
            del schema[keyword]
            notes.append(
                Note(f"{place_of(schema)}/{keyword}", "msgspec cannot check a length beyond 64 bits: not checked.")
            )
    for keyword in _BOUNDS:
        bound = schema.get(keyword)
        if isinstance(bound, bool) or bound is None:
            continue
        if "integer" not in kinds:
            fits = math.isfinite(bound)
        elif keyword in ("minimum", "exclusiveMinimum"):
            fits = _SMALLEST <= bound < _LARGEST
        else:
            fits = _SMALLEST < bound <= _LARGEST
        if not fits:
            del schema[keyword]
            notes.append(
                Note(f"{place_of(schema)}/{keyword}", "msgspec cannot check a bound beyond 64 bits: not checked.")
            )
    step = schema.get("multipleOf")
    if step is not None and not ("integer" in kinds and float(step).is_integer() and step <= _LARGEST):
        del schema["multipleOf"]
        notes.append(
            Note(f"{place_of(schema)}/multipleOf", "Multiples of a fraction are not exact in Python: not checked.")
        )


def _choice(document: dict[str, Json], slot: Slot, notes: list[Note]) -> None:
    """Writes a choice without members that msgspec would check against each other's constraints."""
    schema = slot.schema
    choice = next((keyword for keyword in ("oneOf", "anyOf") if keyword in schema), None)
    if choice is None:
        return
    # An inner choice with a discriminator: its members are told apart by the same property here.
    inner = [
        as_list(each["oneOf"] if "oneOf" in each else each["anyOf"]) if _is_tagged(each) else [each]
        for each in as_list(schema[choice])
    ]
    members = list(members_of(document, [member for each in inner for member in each], set()))
    annotations = {key: value for key, value in schema.items() if key in ANNOTATIONS}
    if any(not member.keys() - ANNOTATIONS for member in members):
        slot.put(annotations)
        return
    joined = _joined(members, schema, notes)
    if len(joined) == 1:
        slot.put({**joined[0], **annotations})
        return
    objects = [member for member in joined if "object" in kinds_of(document, member)]
    tags = discriminator(document, schema, objects) if len(objects) > 1 else None
    schema.pop("discriminator", None)
    slot.put({**schema, choice: joined, **({"discriminator": tags} if tags else {})})


def _is_tagged(member: Schema) -> bool:
    return "discriminator" in member and not {"oneOf", "anyOf"}.isdisjoint(member)


def _joined(members: list[Schema], schema: Schema, notes: list[Note]) -> list[Schema]:
    """The members, with one member in place of all scalars of one type."""
    scalars: dict[str, list[Schema]] = {}
    others: list[Schema] = []
    for member in members:
        kinds = [] if "$ref" in member else types_of_schema(member)
        rest = [kind for kind in kinds if kind not in SCALARS]
        if rest or not kinds:
            others.append(of_kinds(member, rest) if len(rest) < len(kinds) else member)
        for kind in kinds:
            if kind in SCALARS:
                scalars.setdefault(kind, []).append(member)
    arrays = [member for member in others if types_of_schema(member) == ["array"]]
    if len(arrays) > 1:
        # In the client package, this is a choice with an array of anything, and the type is `Any`.
        others = [member for member in others if member not in arrays]
        others.append({"type": "array", "items": {PLACE: place_of(arrays[0])}, PLACE: place_of(arrays[0])})
    if "number" in scalars and "integer" in scalars:
        scalars["number"] = [*scalars["number"], *scalars.pop("integer")]
    return [*others, *(_join(kind, parts, schema, notes) for kind, parts in scalars.items())]


def _join(kind: str, parts: list[Schema], schema: Schema, notes: list[Note]) -> Schema:
    """One member in place of several of one type."""
    joined: Schema = {"type": kind, PLACE: place_of(parts[0])}
    values = [
        as_list(part["enum"]) if "enum" in part else [part["const"]] if "const" in part else None for part in parts
    ]
    if all(value is not None for value in values):
        known = [one for value in values for one in as_list(value) if _is_kind(one, kind)]
        return {**joined, "enum": list(dict.fromkeys(known))} if kind in ("string", "integer") else joined
    constrained = [part for part in parts if part.keys() & {*_CONSTRAINTS, "enum", "const"}]
    if len(parts) == 1:
        return {**joined, **{key: parts[0][key] for key in (*_CONSTRAINTS, "format") if key in parts[0]}}
    if len(constrained) == len(parts):
        meaning = "msgspec cannot check the constraints of several members of one type: not checked."
        notes.append(Note(place_of(schema), meaning))
    return joined


def _is_kind(value: Json, kind: str) -> bool:
    return (
        isinstance(value, str) if kind == "string" else isinstance(value, int | float) and not isinstance(value, bool)
    )


def _all_of(document: dict[str, Json], slot: Slot, notes: list[Note]) -> None:
    """Writes all parts of an object as one object."""
    schema = slot.schema
    kinds = types_of_schema(schema)
    is_component = slot.holder is as_object(document["components"])["schemas"]
    if len(kinds) > 1 and "object" in kinds and (is_component or is_object(schema.get("additionalProperties"))):
        # Beside another type, the generator would not read the type of the values; and the class of a component
        # would not accept null.
        rest = {key: value for key, value in schema.items() if key in ANNOTATIONS}
        slot.put({**rest, "anyOf": [{**schema, "type": kind} for kind in kinds]})
        return
    if "allOf" not in schema:
        return
    parts = as_list(schema["allOf"])
    own = {key: value for key, value in schema.items() if key != "allOf"}
    if len(parts) == 1 and "$ref" in parts[0] and not own.keys() - ANNOTATIONS:
        slot.put({**own, "$ref": parts[0]["$ref"]})
        return
    slot.put(Merger(document, notes).joined(schema, parts))


def wire_name(component: str) -> str:
    """The name of the wire type of a component schema: the name of its class in the client package."""
    return class_name(component)


def wire_names(components: Iterable[str]) -> dict[str, str]:
    """The name of the wire type of each component. No two are the same."""
    names: dict[str, str] = {}
    # In a fixed order, because the verification reads the document with sorted keys.
    for component in sorted(components):
        names[component] = _unique(wire_name(component), names.values())
    return names


def _unique(name: str, used: Collection[str]) -> str:
    """The name, with a number after it if it is used. datamodel-code-generator would drop an underscore."""
    numbered = (f"{name}{number}" for number in itertools.count(2))
    return next(each for each in itertools.chain([name], numbered) if each not in used)


def _renamed(document: dict[str, Json]) -> dict[str, Json]:
    """Gives each component the name of its class: in a name with a dot, the generator would see a module."""
    schemas = as_object(as_object(document["components"])["schemas"])
    names = wire_names(schemas)
    targets = {f"{SCHEMAS}{escape(name)}": f"{SCHEMAS}{names[name]}" for name in schemas}
    renamed = {names[name]: with_targets(schema, targets) for name, schema in schemas.items()}
    return {**document, "components": {"schemas": renamed}}
