"""Valid and invalid instances of a schema. An independent validator decides which of them are valid."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import jsonschema_rs

from codegen.document import Json, is_list, is_object
from codegen.openapi import escape
from codegen.verification.instances import EndlessError, Schema, alternatives, instance_of, one_of
from codegen.verification.json_schema import Judge, as_json_schema

_ONE_OF_EACH: Final[dict[str, Json]] = {
    "string": "text",
    "integer": 7,
    "number": 7.5,
    "boolean": True,
    "null": None,
    "array": [],
    "object": {},
}
_UNKNOWN: Final = "unknown-field"
_MAX_VALUES: Final = 50


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
    left_out: int = 0
    """The number of instances that were to be valid, and are not."""
    problem: str = ""
    """The reason why no valid instance could be made; empty if one could."""


class Place(NamedTuple):
    """One value of an instance."""

    keys: tuple[str | int, ...]
    pointer: str
    schema: Json

    def replaced(self, instance: Json, value: Json) -> Json:
        """A copy of an instance with another value at this place."""
        if not self.keys:
            return value
        changed = copy.deepcopy(instance)
        inner = changed
        for key in self.keys[:-1]:
            inner = inner[key]
        inner[self.keys[-1]] = value
        return changed


class Maker:
    """Makes the instances of the schemas of one document."""

    def __init__(self, document: Schema, wire: Schema) -> None:
        """`wire` is the form of the document that the wire check is generated from: it may check less."""
        self._document = as_json_schema(document)
        self._judge = Judge(self._document)
        self._lenient_judge = Judge(as_json_schema(document, nullable=True))
        self._wire_judge = Judge(as_json_schema(wire, nullable=True))

    def samples(self, pointer: str, wire_pointer: str = "") -> Samples:
        """The instances of the schema at a place of the document. Its form for the wire check may be elsewhere."""
        found = Samples()
        try:
            valid = self._judge.validator(pointer, formats=True)
            lenient = self._lenient_judge.validator(pointer, formats=True)
            wire = _validator_or_none(self._wire_judge, wire_pointer or pointer)
            full = instance_of(self._document, {"$ref": pointer})
        except EndlessError:
            found.problem = "no valid instance can be made"
            return found
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
            found.problem = f"the schema is no JSON Schema: {str(error).splitlines()[0]}"
            return found
        extra = self._with_unknown(pointer, full)
        seen: set[str] = set()
        for sample in [*self._small(pointer, full), *self._whole(pointer, full, extra)]:
            text = json.dumps(sample.instance, sort_keys=True)
            if text in seen:
                continue
            seen.add(text)
            if valid.is_valid(sample.instance):
                found.valid.append(sample)
            else:
                found.left_out += 1
        if not found.valid:
            found.problem = "no valid instance can be made"
            return found
        whole = next((each.instance for each in found.valid if each.instance == full), found.valid[0].instance)
        for sample in self._invalid(pointer, whole if extra is None or not valid.is_valid(extra) else extra):
            if wire is not None and not lenient.is_valid(sample.instance) and not wire.is_valid(sample.instance):
                found.invalid.append(sample._replace(small=True))
        return found

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
        for place in self._places(pointer, {"$ref": pointer}, full):
            for alternative in alternatives(self._document, place.schema):
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
        for place in self._places(pointer, {"$ref": pointer}, instance):
            for kind, value in _ONE_OF_EACH.items():
                yield Sample(place.pointer, place.replaced(instance, value), f"a value of type {kind} there")
            found = alternatives(self._document, place.schema)
            if any("enum" in one for one in found):
                yield Sample(place.pointer, place.replaced(instance, "no such value"), "an unknown value there")
            for one in found:
                inner = _at(instance, place.keys)
                # No type has a place for a required property that is not declared.
                declared = [name for name in one.get("required", []) if name in one.get("properties", {})]
                for name in declared if is_object(inner) else ():
                    rest = {key: value for key, value in inner.items() if key != name}
                    yield Sample(place.pointer, place.replaced(instance, rest), f"no property {name}")

    def _places(self, pointer: str, schema: Json, instance: Json, keys: tuple[str | int, ...] = ()) -> Iterator[Place]:
        """The declared places of an instance. Below a reference, the other component has its own samples."""
        yield Place(keys, pointer, schema)
        if keys and is_object(schema) and "$ref" in schema:
            return
        for one in alternatives(self._document, schema):
            if is_object(instance) and one.get("type") == "object":
                declared: Schema = one.get("properties", {})
                others = one.get("additionalProperties")
                for name, value in instance.items():
                    if name in declared:
                        yield from self._places(
                            f"{pointer}/properties/{escape(name)}", declared[name], value, (*keys, name)
                        )
                    elif is_object(others):
                        yield from self._places(f"{pointer}/additionalProperties", others, value, (*keys, name))
            elif is_list(instance) and instance and one.get("type") == "array" and "prefixItems" not in one:
                yield from self._places(f"{pointer}/items", one.get("items", True), instance[0], (*keys, 0))


def shown(value: Json) -> str:
    """A value as JSON, cut if it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:117]}..."


def _at(instance: Json, keys: tuple[str | int, ...]) -> Json:
    for key in keys:
        instance = instance[key]
    return instance


def _validator_or_none(judge: Judge, pointer: str) -> jsonschema_rs.Validator | None:
    """None if the form of the document for the wire check has no such schema, so that nothing has to be refused."""
    try:
        return judge.validator(pointer, formats=True)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError):
        return None
