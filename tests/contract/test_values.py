"""An example, a default or a name that looks like a keyword is none: a document that has it means the same."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Final

import pytest

from codegen.adaptation import adapt
from codegen.corpus.pages import pages
from codegen.document import Json
from codegen.openapi import reached, references, with_targets
from codegen.refusals import check_document
from codegen.verification.json_schema import as_json_schema, tags_of

GONE: Final = "#/components/schemas/Gone"
# As a schema, no part of this value is right.
VALUE: Final[Json] = {
    "$ref": GONE,
    "type": "file",
    "nullable": True,
    "discriminator": {"propertyName": "kind", "mapping": {"a": 5, "b": GONE}},
    "oneOf": [{"$ref": GONE}, 3],
    "properties": [{"discriminator": {"mapping": {"x": "y"}}}],
    "allOf": {"minLength": -1},
    "exclusiveMinimum": True,
    "minimum": 0,
}
KEYWORDS: Final = frozenset(
    {"$ref", "discriminator", "properties", "items", "allOf", "oneOf", "nullable", "type", "enum", "const", "default"}
    | {"example", "examples", "required", "mapping", "not", "links", "schemas", "components", "exclusiveMinimum"}
)
LITERALS: Final[dict[str, Json]] = {
    "example": VALUE,
    "examples": [VALUE],
    "default": VALUE,
    "enum": [VALUE],
    "const": VALUE,
}


def document(**schemas: Json) -> dict[str, Json]:
    media = {"schema": {"$ref": "#/components/schemas/Thing"}, "example": VALUE, "examples": {"a": {"value": VALUE}}}
    content = {"application/json": media}
    link = {"operationId": "a", "parameters": VALUE, "requestBody": VALUE}
    header = {"schema": {"type": "string"}, "example": VALUE}
    parameter = {"name": "p", "in": "query", "schema": {"type": "string"}, "example": VALUE}
    response = {"description": "ok", "content": content, "links": {"a": link}, "headers": {"example": header}}
    operation = {"operationId": "a", "parameters": [parameter], "responses": {"200": response}}
    body = {**operation, "operationId": "b", "requestBody": {"content": content}}
    return {
        "openapi": "3.0.3",
        "info": {"title": "Values", "version": "1"},
        "paths": {"/a": {"get": operation, "post": body}},
        "components": {"schemas": copy.deepcopy(schemas), "examples": {"A": {"value": VALUE}}},
    }


def check(given: dict[str, Json]) -> None:
    """Each program that walks over the document reads it."""
    check_document(given)
    adapt(given)
    assert GONE not in references(given)
    assert GONE not in reached(given, given["paths"])
    assert not tags_of(as_json_schema(given))


@pytest.mark.parametrize("keyword", LITERALS)
def test_a_value_is_no_schema(keyword: str) -> None:
    given = document(Thing={"type": "object", "properties": {"a": {"type": "object", keyword: LITERALS[keyword]}}})
    check(given)
    read = as_json_schema(given)["components"]["schemas"]["Thing"]["properties"]["a"]
    assert read[keyword] == LITERALS[keyword]


@pytest.mark.parametrize("name", sorted(KEYWORDS))
def test_a_property_may_be_called_as_a_keyword(name: str) -> None:
    given = document(
        Thing={"type": "object", "required": [name], "properties": {name: {"$ref": "#/components/schemas/Inner"}}},
        Inner={"type": "object", "properties": {name: {"type": "integer", "nullable": True}}},
    )
    check(given)
    assert set(references(given)) == {"#/components/schemas/Thing", "#/components/schemas/Inner"}
    assert as_json_schema(given)["components"]["schemas"]["Inner"]["properties"][name] == {"type": ["integer", "null"]}


def test_the_values_of_a_discriminator_may_be_called_as_keywords() -> None:
    members = {"Cat": "$ref", "Dog": "default"}
    mapping = {value: f"#/components/schemas/{name}" for name, value in members.items()}
    choice: Json = {
        "oneOf": [{"$ref": target} for target in mapping.values()],
        "discriminator": {"propertyName": "kind", "mapping": mapping},
    }
    member: Json = {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}}}
    given = document(Thing=choice, Cat=member, Dog=member)
    check_document(given)
    schemas = adapt(given).wire["components"]["schemas"]
    assert set(schemas["Thing"]["discriminator"]["mapping"]) == set(mapping)


def test_a_text_that_looks_like_a_reference_keeps_its_meaning() -> None:
    texts = {"type": "string", "enum": ["#/components/schemas/in.ner", "other"]}
    inner = {"type": "object", "properties": {"text": texts}}
    given = document(**{"Thing": {"$ref": "#/components/schemas/in.ner"}, "in.ner": inner})
    schemas = adapt(given).wire["components"]["schemas"]
    assert schemas["InNer"]["properties"]["text"]["enum"] == texts["enum"]
    assert schemas["Thing"]["$ref"] == "#/components/schemas/InNer"
    renamed = with_targets({"$ref": "a", "example": {"$ref": "a"}, "properties": {"a": {"const": "a"}}}, {"a": "b"})
    assert renamed == {"$ref": "b", "example": {"$ref": "a"}, "properties": {"a": {"const": "a"}}}


def test_a_page_of_the_corpus_keeps_its_values(tmp_path: Path) -> None:
    error: Json = {"type": "object", "example": VALUE, "properties": {"e": {"enum": [GONE.replace("Gone", "Own")]}}}
    own: Json = {"oneOf": [{"$ref": "#/components/schemas/VideoTaskError"}], "discriminator": {"propertyName": "e"}}
    own["discriminator"]["mapping"] = {"$ref": "#/components/schemas/VideoTaskError"}
    given = document(Thing={"type": "object", "properties": {"discriminator": {"$ref": "#/components/schemas/Own"}}})
    given["components"]["schemas"] |= {"VideoTaskError": error, "Own": own}
    (tmp_path / "a.json").write_text(json.dumps(given), encoding="utf-8")
    page = next(iter(pages(tmp_path)))
    assert not page.problem
    schemas = page.document["components"]["schemas"]
    assert schemas["AddedVideoTaskError"] == error
    assert schemas["Own"]["oneOf"] == [{"$ref": "#/components/schemas/AddedVideoTaskError"}]
    assert schemas["Own"]["discriminator"]["mapping"] == {"$ref": "#/components/schemas/AddedVideoTaskError"}
