"""Valid and invalid instances of a schema. An independent validator decides which of them are valid."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple

import jsonschema_rs

from codegen.adaptation import Note
from codegen.adaptation.normal import ANNOTATIONS
from codegen.document import Json, as_list, as_object, is_list, is_object
from codegen.openapi import escape
from codegen.verification.checked import checked_part, with_overlaps
from codegen.verification.instances import EndlessError, Schema, alternatives, instance_of, one_of, value_at
from codegen.verification.json_schema import Judge, as_json_schema

ONE_OF_EACH: Final[dict[str, Json]] = {
    "string": "text",
    "integer": 7,
    "number": 7.5,
    "boolean": True,
    "null": None,
    "array": [],
    "object": {},
}
"""A value of each type of JSON."""
_UNKNOWN: Final = "unknown-field"
_BOUNDS: Final = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_MAX_VALUES: Final = 50
_FEW: Final = 5
_EXACT: Final = 2**52
"""Below it, each half has a `float` of its own."""
_MAX_LENGTH: Final = 1_000
"""A longer text or list is not made only to be refused."""


Keys = tuple[str | int, ...]
Parts = list[tuple[str, Json]]
"""Schemas of one value, each with its place."""


class Sample(NamedTuple):
    """One instance of a schema."""

    pointer: str
    """The schema of the value that makes this instance special."""
    instance: Json
    meaning: str
    """What is special, in words."""
    small: bool = False
    """Whether no other part of the instance can be the reason for a fault."""


@dataclass
class Samples:
    """The instances of one schema."""

    valid: list[Sample] = field(default_factory=list[Sample])
    invalid: list[Sample] = field(default_factory=list[Sample])
    """The wire check has to refuse these."""
    overlapping: list[Sample] = field(default_factory=list[Sample])
    """Those that the wire check accepts, because several members of `oneOf` match."""
    untried: dict[str, str] = field(default_factory=dict[str, str])
    """The places of the properties that no valid instance has, and their names."""
    left_out: int = 0
    """The number of instances that were to be valid, and are not."""
    problem: str = ""
    """The reason why no valid instance could be made; empty if one could."""
    only_valid: bool = False
    """Whether no invalid instance could be made, although the schema does not allow every value."""


class Place(NamedTuple):
    """One value of an instance."""

    keys: Keys
    pointer: str
    schemas: list[Json]
    parts: list[tuple[str, Schema]]
    """All schemas that say something about the value, each with its place: none has lost a keyword to another."""

    def replaced(self, instance: Json, value: Json) -> Json:
        """An instance with another value at this place. The other values are in both instances."""
        if not self.keys:
            return value
        changed = inner = copy.copy(instance)
        for key in self.keys[:-1]:
            inner[key] = copy.copy(inner[key])
            inner = inner[key]
        inner[self.keys[-1]] = value
        return changed


class Maker:
    """Makes the instances of the schemas of one document."""

    def __init__(self, document: Schema, notes: Iterable[Note] = ()) -> None:
        """The notes name what the generated code does not check."""
        self._document = as_json_schema(document)
        self._judge = Judge(self._document)
        checked = checked_part(document, notes)
        self._checked_judge = Judge(checked)
        self._lenient_judge = Judge(with_overlaps(checked))

    def samples(self, pointer: str, *, invalid: bool = True) -> Samples:
        """The instances of the schema at a place of the document."""
        found = Samples()
        try:
            valid = self._judge.validator(pointer, formats=True)
            full = self._full(pointer)
        except EndlessError:
            found.problem = "no valid instance can be made"
            return found
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
            found.problem = f"the schema is no JSON Schema: {str(error).splitlines()[0]}"
            return found
        extra = self._with_unknown(pointer, full)
        for sample in _each_once([*self._small(pointer, full), *self._whole(pointer, full, extra)]):
            if valid.is_valid(sample.instance):
                found.valid.append(sample)
            else:
                found.left_out += 1
        if not found.valid:
            found.problem = "no valid instance can be made"
        known = {name for each in found.valid if is_object(each.instance) for name in each.instance}
        for one in alternatives(self._document, {"$ref": pointer}) if found.valid else ():
            places = {name: f"{pointer}/properties/{escape(name)}" for name in as_object(one.get("properties"))}
            found.untried |= {place: name for name, place in places.items() if name not in known}
        if invalid and found.valid:
            self._add_invalid(found, pointer, full, extra)
        return found

    def _add_invalid(self, found: Samples, pointer: str, full: Json, extra: Json) -> None:
        valid, checked, lenient = (
            judge.validator(pointer, formats=True) for judge in (self._judge, self._checked_judge, self._lenient_judge)
        )
        # If the value of one property is not valid, the others have invalid instances nevertheless.
        largest = max(found.valid, key=lambda each: len(json.dumps(each.instance))).instance
        whole = next((each.instance for each in found.valid if each.instance == full), largest)
        base = whole if extra is None or not valid.is_valid(extra) else extra
        wrong = [each for each in _each_once(self._invalid(pointer, base)) if not valid.is_valid(each.instance)]
        found.invalid = [each._replace(small=True) for each in wrong if not lenient.is_valid(each.instance)]
        accepted = [each for each in wrong if lenient.is_valid(each.instance)]
        found.overlapping = [each for each in accepted if not checked.is_valid(each.instance)]
        found.only_valid = not wrong and not self._allows_anything(pointer)

    def _full(self, pointer: str) -> Json:
        """An instance with every declared property. A property that repeats the schema has another instance of it."""
        full = instance_of(self._document, {"$ref": pointer})
        if is_object(full):
            # Another member of a choice has other properties.
            first = alternatives(self._document, {"$ref": pointer})[0]
            for name, schema in as_object(first.get("properties")).items():
                if name not in full:
                    with contextlib.suppress(EndlessError):
                        full[name] = instance_of(self._document, schema)
        return full

    def _allows_anything(self, pointer: str) -> bool:
        return any(not one.keys() - {*ANNOTATIONS, "type"} for one in alternatives(self._document, {"$ref": pointer}))

    def _small(self, pointer: str, full: Json) -> Iterator[Sample]:
        """Each property alone, beside the required ones: if one of these is a fault, the property is known."""
        for one in alternatives(self._document, {"$ref": pointer}) if is_object(full) else ():
            required = {name: full[name] for name in one.get("required", []) if name in full}
            yield Sample(pointer, required, "only the required properties", small=True)
            for name in [each for each in one.get("properties", {}) if each in full and each not in required]:
                place = f"{pointer}/properties/{escape(name)}"
                meaning = f"{name} beside the required properties"
                yield Sample(place, {**required, name: full[name]}, meaning, small=True)

    def _whole(self, pointer: str, full: Json, extra: Json) -> Iterator[Sample]:
        yield Sample(pointer, full, "every declared property")
        if extra is not None:
            yield Sample(pointer, extra, f"the unknown property {_UNKNOWN}")
        for place in self._places(pointer, [(pointer, {"$ref": pointer})], full):
            found = [one for schema in place.schemas for one in alternatives(self._document, schema)]
            for alternative in found:
                for value in self._values(alternative):
                    yield Sample(place.pointer, place.replaced(full, value), f"the value {shown(value)} there")

    def _with_unknown(self, pointer: str, full: Json) -> Json:
        for one in alternatives(self._document, {"$ref": pointer}):
            others = one.get("additionalProperties", True)
            if one.get("type") == "object" and is_object(full) and others is not False:
                try:
                    return {**full, _UNKNOWN: instance_of(self._document, others)}
                except EndlessError:
                    return None
        return None

    def _values(self, alternative: Schema) -> Iterator[Json]:
        if "enum" in alternative:
            yield from alternative["enum"][:_MAX_VALUES]
            return
        if alternative["type"] == "boolean":
            yield from (True, False)
            return
        try:
            value = one_of(self._document, alternative)
        except EndlessError:
            return
        yield value
        if alternative["type"] == "object" and is_object(value):
            yield {name: value[name] for name in value if name in alternative.get("required", [])}
        if alternative["type"] == "array" and is_list(value):
            yield []
            yield value + value

    def _invalid(self, pointer: str, instance: Json) -> Iterator[Sample]:
        for place in self._places(pointer, [(pointer, {"$ref": pointer})], instance):
            for kind, value in ONE_OF_EACH.items():
                yield Sample(place.pointer, place.replaced(instance, value), f"a value of type {kind} there")
            inner = _at(instance, place.keys)
            if is_object(inner):
                for name in dict.fromkeys(name for _, part in place.parts for name in part.get("required", [])):
                    rest = {key: value for key, value in inner.items() if key != name}
                    yield Sample(place.pointer, place.replaced(instance, rest), f"no property {name}")
            for where, part in place.parts:
                for value in islice(self._near(part, inner), _MAX_VALUES):
                    yield Sample(where, place.replaced(instance, value), f"the value {shown(value)} there")

    def _near(self, part: Schema, inner: Json) -> Iterator[Json]:
        """Values inside and outside of what one part of a schema allows. Other parts may exclude both."""
        if part.keys() & {"enum", "const"}:
            yield from ["no such value", *as_list(part.get("enum")), *([part["const"]] if "const" in part else [])]
        for bound in _BOUNDS & part.keys():
            # The half of a larger number is no number of its own, and validators read it differently.
            halves = (-0.5, 0.5) if abs(part[bound]) < _EXACT else ()
            yield from (part[bound] + step for step in (-1, 0, 1, *halves))
        if "multipleOf" in part:
            yield from (part["multipleOf"] * factor for factor in (1, 2, 3, 0.5, 1.5))
            if _is_number(inner):
                yield from (inner + 1, inner + part["multipleOf"])
        if "pattern" in part:
            yield from (f"{text}{more}" for text in self._texts(part) for more in ("", "~", " "))
        if isinstance(inner, str):
            yield from _of_lengths(part, "Length", inner, inner or "t")
        elif is_list(inner) and inner:
            yield from _of_lengths(part, "Items", inner, inner)
            yield inner + inner
        elif is_object(inner):
            yield from ({key: inner[key] for key in list(inner)[:size]} for size in range(min(len(inner), _FEW)))
            yield {**inner, **{f"{_UNKNOWN}-{number}": None for number in range(int(part.get("maxProperties", 0)) + 1)}}

    def _texts(self, part: Schema) -> Iterator[str]:
        yield from ("", "~")
        try:
            yield str(one_of(self._document, {**part, "type": "string"}))
        except EndlessError:
            return

    def _places(self, pointer: str, roots: Parts, instance: Json, keys: Keys = ()) -> Iterator[Place]:
        """The declared places of an instance. Below a reference, the other component has its own samples."""
        schemas = [schema for _, schema in roots]
        if len(schemas) > 1:
            # They are parts of one schema, or members of a choice.
            schemas = [{"allOf": [each for each in schemas if each is not True]}, *schemas]
        parts = [found for where, each in roots for found in self._parts(where, each)]
        yield Place(keys, pointer, schemas, parts)
        if keys and len(schemas) == 1 and is_object(schemas[0]) and "$ref" in schemas[0]:
            return
        below: list[tuple[str, Parts, Json, str | int]] = []
        if is_object(instance):
            below = [
                (f"properties/{escape(name)}", list(_properties(parts, name)), instance[name], name)
                for name in instance
            ]
        elif is_list(instance) and instance and not any("prefixItems" in part for _, part in parts):
            inner = [(f"{where}/items", part["items"]) for where, part in parts if "items" in part]
            below = [("items", inner, instance[0], 0)]
        for last, found, value, key in below:
            if found:
                first = found[0][0]
                # The other places are in another component, which the schema refers to.
                where = first if first.startswith(f"{pointer}/") else f"{pointer}/{last}"
                yield from self._places(where, found, value, (*keys, key))

    def _parts(self, pointer: str, schema: Json, above: frozenset[str] = frozenset()) -> Iterator[tuple[str, Schema]]:
        """A schema and, below references and choices, those that it is made of."""
        if not is_object(schema):
            return
        yield pointer, schema
        reference = schema.get("$ref")
        if reference is not None and reference not in above:
            with contextlib.suppress(EndlessError):
                yield from self._parts(reference, value_at(self._document, reference), above | {reference})
        for keyword in ("allOf", "oneOf", "anyOf"):
            for index, part in enumerate(as_list(schema.get(keyword))):
                yield from self._parts(f"{pointer}/{keyword}/{index}", part, above)


def _properties(parts: list[tuple[str, Schema]], name: str) -> Iterator[tuple[str, Json]]:
    """What the parts of an object say about a property."""
    for pointer, part in parts:
        if name in as_object(part.get("properties")):
            yield f"{pointer}/properties/{escape(name)}", part["properties"][name]
        elif is_object(part.get("additionalProperties")):
            yield f"{pointer}/additionalProperties", part["additionalProperties"]


def _of_lengths(part: Schema, what: str, value: Json, more: Json) -> Iterator[Json]:
    """Texts or lists that are just long enough, and a little too short or too long."""
    for keyword in (f"min{what}", f"max{what}"):
        length = part.get(keyword)
        if length is not None and 0 <= length <= _MAX_LENGTH:
            longer = value + more * (int(length) + 1)
            yield from (longer[:size] for size in range(max(int(length) - 1, 0), int(length) + 2))


def _each_once(samples: Iterable[Sample]) -> Iterator[Sample]:
    seen: set[str] = set()
    for sample in samples:
        text = json.dumps(sample.instance, sort_keys=True)
        if text not in seen:
            seen.add(text)
            yield sample


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def shown(value: Json) -> str:
    """A value as JSON, cut if it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:117]}..."


def _at(instance: Json, keys: tuple[str | int, ...]) -> Json:
    for key in keys:
        instance = instance[key]
    return instance
