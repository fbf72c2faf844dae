"""`allOf` is joined exactly. What cannot be joined is in the report, and parts that contradict are refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import pytest

from codegen.adaptation import adapt
from codegen.document import Json
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


def test_values_of_an_enum_that_a_constraint_excludes_are_left_out() -> None:
    document = document_with({**TEXT, "enum": ["a", "bbb"], "maxLength": 2})
    assert adapt(document).wire["components"]["schemas"]["It"]["enum"] == ["a"]


def test_schemas_within_themselves_can_be_joined() -> None:
    document = document_with(
        {"allOf": [{"$ref": "#/components/schemas/Tree"}, {"properties": {"value": {"minimum": 3}}}]}
    )
    assert wire_accepts(document, {"value": 3, "child": {"value": 1}})
    assert not wire_accepts(document, {"value": 2})
