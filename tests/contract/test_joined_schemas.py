"""`allOf` is joined exactly. What cannot be joined is in the report, and parts that contradict are refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Final

import pytest

from codegen.adaptation import adapt
from codegen.document import Json
from codegen.overlay import apply_overlay
from codegen.parsing import parse_mapping
from codegen.refusals import refusals
from codegen.verification.json_schema import Judge, as_json_schema
from codegen.verification.samples import Maker

IT: Final = "#/components/schemas/It"
TEXT: Final = {"type": "string"}
WHOLE: Final = {"type": "integer"}
OTHERS: Final = {
    "Short": {"type": "string", "minLength": 1, "maxLength": 5},
    "Base": {
        "type": "object",
        "required": ["base"],
        "properties": {"base": WHOLE, "code": TEXT, "part": {**WHOLE, "maximum": 9}},
    },
    "Tree": {"type": "object", "properties": {"child": {"$ref": "#/components/schemas/Tree"}, "value": WHOLE}},
}
SHORT: Final = {"$ref": "#/components/schemas/Short"}
BASE: Final = {"$ref": "#/components/schemas/Base"}


def document_with(schema: Json) -> dict[str, Json]:
    document: dict[str, Json] = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {},
        "components": {"schemas": {"It": schema, **OTHERS}},
    }
    # As a file is read: no two places share an object.
    copied: dict[str, Json] = json.loads(json.dumps(document))
    return copied


def wire_accepts(document: dict[str, Json], instance: Json) -> bool:
    judge = Judge(as_json_schema(adapt(document).wire, nullable=True))
    return judge.validator(IT, formats=True).is_valid(instance)


@pytest.mark.parametrize(
    ("parts", "valid", "invalid"),
    [
        ([{**TEXT, "pattern": "^a"}, {"pattern": "b$"}], "ab", ["a", "b"]),
        ([{**TEXT, "pattern": "^a"}, {"pattern": "b$"}, {"pattern": "c"}], "acb", ["ab", "cb", "ac"]),
        ([{"type": "array", "items": {"enum": ["a"]}}, {"type": "array", "items": TEXT}], ["a"], [["b"]]),
        ([{**WHOLE, "multipleOf": 4}, {"multipleOf": 6}], 12, [4, 6]),
        ([{"const": "a"}, {**TEXT, "enum": ["a", "b"]}], "a", ["b"]),
        ([{**TEXT, "enum": ["a", "b"]}, {**TEXT, "enum": ["b", "c"]}], "b", ["a", "c"]),
        ([{**TEXT, "enum": ["a", "bbb"]}, {"maxLength": 2}], "a", ["bbb"]),
        ([{"enum": ["a", None]}, TEXT], "a", [None]),
        ([{"type": ["string", "integer", "null"]}, {"type": ["integer", "boolean"]}], 1, ["a", None, True]),
        ([{"type": "number"}, WHOLE], 1, [1.5]),
        ([{**WHOLE, "minimum": 1, "maximum": 10}, {"minimum": 5, "maximum": 7}], 6, [4, 8]),
        ([{**WHOLE, "minimum": 1}, {"exclusiveMinimum": 1}], 2, [1]),
        (
            [{"type": "object", "additionalProperties": TEXT}, {"additionalProperties": {"maxLength": 2}}],
            {"k": "a"},
            [7],
        ),
        (
            [BASE, {"properties": {"code": {**TEXT, "minLength": 2}}, "required": ["code"]}],
            {"base": 1, "code": "aa"},
            [{"base": 1}],
        ),
        ([BASE, {"properties": {"part": {**WHOLE, "minimum": 4}}}], {"base": 1, "part": 5}, [{"base": 1, "part": 3}]),
        ([SHORT, {"maxLength": 3}], "abc", ["abcd", ""]),
        ([{"anyOf": [TEXT, {"type": "null"}]}, {"minLength": 3}], "abc", ["ab"]),
        ([{"anyOf": [TEXT, WHOLE]}, {"type": ["integer", "null"]}], 1, ["a", None]),
        ([{"anyOf": [TEXT, WHOLE]}, {"anyOf": [WHOLE, {"type": "boolean"}]}], 1, ["a", True]),
    ],
    ids=str,
)
def test_parts_that_can_be_joined_lose_no_check(parts: list[Json], valid: Json, invalid: list[Json]) -> None:
    document = document_with({"allOf": parts})
    assert list(refusals(document)) == []
    assert adapt(document).notes == []
    assert wire_accepts(document, valid)
    assert [each for each in invalid if wire_accepts(document, each)] == []
    assert list(accepted(document)) == []


def accepted(document: dict[str, Json]) -> Iterator[Json]:
    """The samples of the verification that have to be refused, and are accepted."""
    samples = Maker(document, adapt(document).notes).samples(IT)
    assert samples.problem == ""
    assert samples.invalid
    return (each.instance for each in samples.invalid if wire_accepts(document, each.instance))


@pytest.mark.parametrize(
    ("parts", "place"),
    [
        ([{**TEXT, "pattern": "^(a)\\1"}, {"pattern": "(b)\\1$"}], "/allOf/1/pattern"),
        ([{**TEXT, "format": "date"}, {**TEXT, "format": "uuid"}], "/allOf/1/format"),
        (
            [
                {"type": "object", "properties": {"a": TEXT}, "additionalProperties": WHOLE},
                {"type": "object", "properties": {"b": WHOLE}},
            ],
            "/allOf/0/additionalProperties",
        ),
    ],
    ids=str,
)
def test_a_check_that_cannot_be_joined_is_in_the_report(parts: list[Json], place: str) -> None:
    assert f"{IT}{place}" in [note.pointer for note in adapt(document_with({"allOf": parts})).notes]


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"allOf": [TEXT, WHOLE]}, "/allOf/1"),
        ({"allOf": [{"const": "a"}, {"const": "b"}]}, "/allOf/1"),
        ({"allOf": [TEXT, False]}, "/allOf/1"),
        ({"allOf": [TEXT], "type": "integer"}, "/allOf"),
        ({"allOf": [BASE, {"properties": {"base": TEXT}}]}, "/allOf/1/properties/base"),
        ({**TEXT, "enum": ["aaa"], "maxLength": 2}, "/enum"),
    ],
    ids=str,
)
def test_parts_that_contradict_are_refused(schema: Json, place: str) -> None:
    assert f"{IT}{place}" in [refusal.place for refusal in refusals(document_with(schema))]


CHOICE: Final = [
    {"type": "object", "required": ["kind"], "properties": {"kind": {**TEXT, "enum": [kind]}}} for kind in ("a", "b")
]


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"type": "object", "properties": {"part": {"oneOf": CHOICE}}}, "/properties/part/oneOf"),
        ({"allOf": [{"oneOf": CHOICE}, BASE]}, "/allOf/0/oneOf"),
        # The joined choice has no place of its own.
        ({"allOf": [{"$ref": "#/components/schemas/Choice"}, {"type": "object", "properties": {"code": TEXT}}]}, ""),
        (
            {"type": "object", "properties": {"part": {"allOf": [{"$ref": "#/components/schemas/Choice"}, BASE]}}},
            "/properties/part",
        ),
    ],
    ids=str,
)
def test_a_choice_between_objects_without_names_is_refused_with_a_remedy(schema: Json, place: str) -> None:
    document = document_with(schema)
    members = [{"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/B"}]
    document["components"]["schemas"] |= {"Choice": {"oneOf": members}, "A": CHOICE[0], "B": CHOICE[1]}
    found = list(refusals(document))
    assert [each.place for each in found] == [f"{IT}{place}"]
    assert "only objects of a choice from each other that are components" in found[0].problem
    assert list(refusals(with_remedy(document, found[0].remedy))) == []


def with_remedy(document: dict[str, Json], remedy: str) -> dict[str, Json]:
    pasted = parse_mapping("actions:\n" + remedy.partition("\n\n")[2], "the remedy")
    return apply_overlay(document, {"overlay": "1.0.0", "info": {"title": "t", "version": "1"}, **pasted})


def test_a_property_of_a_discriminator_that_is_not_required_is_named() -> None:
    document = document_with({"oneOf": [{"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/B"}]})
    schemas = document["components"]["schemas"]
    schemas["It"]["discriminator"] = {"propertyName": "kind"}
    schemas["A"] = copy.deepcopy(CHOICE[0])
    schemas["B"] = {"type": "object", "properties": {"kind": {"const": "b", "default": "b"}}}
    found = list(refusals(document))
    assert [each.place for each in found] == ["#/components/schemas/B"]
    assert "names the property kind, which is not required here" in found[0].problem
    assert list(refusals(with_remedy(document, found[0].remedy))) == []


def test_values_of_an_enum_that_a_constraint_excludes_are_left_out() -> None:
    document = document_with({**TEXT, "enum": ["a", "bbb"], "maxLength": 2})
    assert adapt(document).wire["components"]["schemas"]["It"]["enum"] == ["a"]


def test_schemas_within_themselves_can_be_joined() -> None:
    document = document_with(
        {"allOf": [{"$ref": "#/components/schemas/Tree"}, {"properties": {"value": {"minimum": 3}}}]}
    )
    assert wire_accepts(document, {"value": 3, "child": {"value": 1}})
    assert not wire_accepts(document, {"value": 2})


def test_the_bounds_of_64_bits_are_checked() -> None:
    least, greatest = -(2**63), 2**63 - 1
    properties: Json = {
        "a": {**WHOLE, "minimum": least, "maximum": greatest},
        "b": {**WHOLE, "exclusiveMinimum": least, "exclusiveMaximum": greatest},
        "c": {**WHOLE, "minimum": least - 1, "maximum": greatest + 1},
        # msgspec refuses these: no number of 64 bits is beyond.
        "d": {**WHOLE, "exclusiveMinimum": greatest},
        "e": {**WHOLE, "exclusiveMaximum": least},
    }
    document = document_with({"type": "object", "properties": properties})
    dropped = ["c/maximum", "c/minimum", "d/exclusiveMinimum", "e/exclusiveMaximum"]
    assert [note.pointer for note in adapt(document).notes] == [f"{IT}/properties/{each}" for each in dropped]
    for name in "ab":
        instances = [each.instance for each in Maker(document).samples(f"{IT}/properties/{name}").invalid]
        assert all(isinstance(each, int) for each in instances if isinstance(each, int | float) and abs(each) > 9)


def test_a_choice_with_a_discriminator_may_be_in_a_choice_with_null() -> None:
    references = [{"$ref": f"#/components/schemas/{name}"} for name in "AB"]
    inner = {"oneOf": references, "discriminator": {"propertyName": "kind"}}
    document = document_with({"type": "object", "properties": {"part": {"anyOf": [inner, {"type": "null"}]}}})
    document["components"]["schemas"] |= {"A": CHOICE[0], "B": CHOICE[1]}
    assert list(refusals(document)) == []
    part = adapt(document).wire["components"]["schemas"]["It"]["properties"]["part"]
    # The generator reads a discriminator at the choice that has the null only.
    assert part["discriminator"]["propertyName"] == "kind"
    assert [next(iter(each)) for each in part["anyOf"]] == ["$ref", "$ref", "type"]
