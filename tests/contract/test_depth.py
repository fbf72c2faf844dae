"""No document makes a program run out of stack: it is generated, or it is refused with a place and a remedy."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from codegen import client_names
from codegen.adaptation import adapt
from codegen.adaptation.places import Use, uses_of
from codegen.document import GENERATOR_CONFIG, Json
from codegen.errors import CodegenError
from codegen.merge import dump
from codegen.openapi import Direction, directions_of
from codegen.parsing import parse_json, read_mapping
from codegen.refusals import check_document
from codegen.verification.requests import only_in_forms
from contract.case_files import remedies, repaired

LENGTH: Final = 1200
TEXT: Final[Json] = {"type": "string"}
END: Final[Json] = {"type": "object", "properties": {"end": TEXT}}

# What leads from one component to the next. Each of them makes a type, so that the chain may have any length.
LONG: Final[dict[str, Callable[[Json], Json]]] = {
    "properties": lambda inner: {"type": "object", "properties": {"next": inner}},
    "maps": lambda inner: {"type": "object", "additionalProperties": inner},
    "lists of objects": lambda inner: {"type": "object", "properties": {"next": {"type": "array", "items": inner}}},
}
# Of these, the generators make one type of the whole chain.
SHORT: Final[dict[str, Callable[[Json], Json]]] = {
    "other names": lambda inner: inner,
    "parts": lambda inner: {"allOf": [inner, {"type": "object", "properties": {"own": TEXT}}]},
    "one part": lambda inner: {"allOf": [inner]},
    "lists": lambda inner: {"type": "array", "items": inner},
    "choices": lambda inner: {"anyOf": [inner, {"type": "integer"}]},
    "null": lambda inner: {"oneOf": [inner, {"type": "null"}]},
    "lists or numbers": lambda inner: {"anyOf": [{"type": "array", "items": inner}, {"type": "integer"}]},
}


def document(schemas: dict[str, Json], first: str = "A0") -> dict[str, Json]:
    """A document with one operation, whose response is the first of these components."""
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{first}"}}}
    operation = {"operationId": "get_a", "responses": {"200": {"description": "ok", "content": content}}}
    info = {"title": "Deep", "version": "1"}
    return {"openapi": "3.1.0", "info": info, "paths": {"/a": {"get": operation}}, "components": {"schemas": schemas}}


def chain(link: Callable[[Json], Json], length: int, last: Json = END) -> dict[str, Json]:
    made = {f"A{number}": link({"$ref": f"#/components/schemas/A{number + 1}"}) for number in range(length)}
    return document({**made, f"A{length}": copy.deepcopy(last)})


def refusal(deep: dict[str, Json]) -> str:
    with pytest.raises(CodegenError) as caught:
        check_document(deep)
    return str(caught.value)


@pytest.mark.parametrize("kind", LONG)
def test_a_long_chain_of_objects_is_read(kind: str) -> None:
    long = chain(LONG[kind], LENGTH)
    assert uses_of(long)[f"A{LENGTH}"] is Use.READ
    assert directions_of(long)[f"A{LENGTH}"] is Direction.RESPONSE
    assert only_in_forms(long) == set()


def test_the_generator_accepts_a_long_chain_and_a_long_circle() -> None:
    link = LONG["properties"]
    check_document(chain(link, 600, link({"$ref": "#/components/schemas/A0"})))


@pytest.mark.parametrize("kind", SHORT)
def test_a_chain_of_which_one_type_is_made_is_refused_if_it_is_long(kind: str) -> None:
    check_document(chain(SHORT[kind], 12))
    message = refusal(chain(SHORT[kind], 700))
    assert message.startswith("#/components/schemas/A671: this is a chain of 30 or more components")
    assert "more places are wrong" in message


@pytest.mark.parametrize("kind", SHORT)
def test_the_remedies_for_a_long_chain_repair_it(kind: str) -> None:
    long = chain(SHORT[kind], 75)
    actions, _ = remedies(refusal(long))
    assert len(actions) == 2
    long = repaired(long, actions)
    if kind == "lists":
        # The chain is short now, but it still has too many lists in lists.
        long = repaired(long, remedies(refusal(long))[0])
    check_document(long)


def test_a_circle_of_parts_is_no_long_chain() -> None:
    """The usual way to write a base class with a discriminator: each of many components refers to it."""
    base: Json = {"type": "object", "required": ["kind"], "properties": {"kind": TEXT}}
    names = [f"Sub{number}" for number in range(60)]
    choice = {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in names]}
    own = {name: {"allOf": [{"$ref": "#/components/schemas/Base"}, END]} for name in names}
    for tagged in ({"A0": {**choice, "discriminator": {"propertyName": "kind"}}, "Base": base}, {"A0": base}):
        check_document(document({**tagged, "Base": base, **copy.deepcopy(own)}))


def test_a_type_that_is_made_from_itself_is_refused_if_it_has_no_end() -> None:
    own = {"anyOf": [{"$ref": "#/components/schemas/A0"}, TEXT], "default": 3}
    given = document({"Other": END, "A0": own})
    message = refusal(given)
    assert message.startswith("#/components/schemas/A0: the type of this schema is made from the schema itself.")
    check_document(repaired(given, remedies(message)[0]))


def nested(link: Callable[[Json], Json], levels: int) -> dict[str, Json]:
    schema: Json = TEXT
    for _level in range(levels):
        schema = link(schema)
    return document({"A0": schema})


@pytest.mark.parametrize("kind", ["properties", "maps", "one part", "lists", "choices"])
def test_a_schema_that_is_nested_too_deep_is_refused_with_its_place(kind: str) -> None:
    deep = nested((LONG | SHORT)[kind], 1000)
    assert refusal(deep).startswith("#/components/schemas/A0/")
    assert "nested more than 100 levels deep" in refusal(deep)
    deep = document({"A0": {**END, "example": nested(SHORT["lists"], 1000)}})
    assert refusal(deep).startswith("#/components/schemas/A0/example/")
    with pytest.raises(CodegenError, match="nested more than 100 levels deep"):
        parse_json('{"a":' * 1000 + "1" + "}" * 1000, "deep.json")


def test_lists_in_lists_are_refused_where_python_could_not_read_them() -> None:
    check_document(nested(SHORT["lists"], 15))
    deep = nested(SHORT["lists"], 40)
    message = refusal(deep)
    assert "the generated code cannot read 16 lists, each in another one" in message
    check_document(repaired(deep, remedies(message)[0]))


def test_references_to_parts_in_parts_are_refused_with_their_place() -> None:
    def link(number: int) -> Json:
        part = {"$ref": f"#/components/schemas/A{number + 1}/properties/next"}
        return {"type": "object", "properties": {"next": {"type": "object", "properties": {"more": part}}}}

    schemas = {f"A{number}": link(number) for number in range(LENGTH)}
    deep = document({**schemas, f"A{LENGTH}": {"type": "object", "properties": {"next": TEXT}}})
    message = refusal(deep)
    assert message.startswith("#/components/schemas/A20/properties/next/properties/more: too many references")
    assert remedies(message)[0]


def test_many_references_to_parts_are_read() -> None:
    schemas: dict[str, Json] = {"A0": {"type": "object", "properties": {"one": {"allOf": [TEXT, {"maxLength": 9}]}}}}
    reference = {"$ref": "#/components/schemas/A0/properties/one/allOf/0"}
    schemas["Many"] = {"type": "object", "properties": {f"p{number}": reference for number in range(1500)}}
    client = adapt(document(schemas)).client["components"]["schemas"]["Many"]
    assert client["properties"]["p1499"] == TEXT


def test_a_reference_may_be_written_as_a_uri() -> None:
    """The braces of a path are %7B and %7D in a URI."""
    own = document({"A0": END})
    own["paths"] = {"/a/{id}": own["paths"]["/a"]}
    schema = own["paths"]["/a/{id}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    schema.clear()
    schema.update(copy.deepcopy(END))
    place = "/paths/~1a~1%7Bid%7D/get/responses/200/content/application~1json/schema/properties/end"
    own["components"]["schemas"]["A0"] = {"type": "object", "properties": {"end": {"$ref": f"#{place}"}}}
    assert adapt(own).client["components"]["schemas"]["A0"]["properties"]["end"] == TEXT


NAME: Final = "x" * 260
LONG_NAMES: Final[dict[str, tuple[str, Json]]] = {
    "operation": ("/paths/~1a/get/operationId", NAME),
    "tag": ("/paths/~1a/get/tags", [NAME]),
    "component": (f"/components/schemas/{NAME.upper()}", END),
    "property with a class": ("/components/schemas/A0/properties", {NAME: END}),
    "property with an enum": ("/components/schemas/A0/properties", {NAME: {"type": "string", "enum": ["a", "b"]}}),
}


@pytest.mark.parametrize("kind", LONG_NAMES)
def test_a_name_that_is_too_long_for_a_file_is_refused_with_a_remedy(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, value = LONG_NAMES[kind]
    given = document({"A0": {"type": "object"}})
    *above, last = [part.replace("~1", "/") for part in place.split("/")[1:]]
    holder: Json = given
    for key in above:
        holder = holder[key]
    holder[last] = copy.deepcopy(value)
    message = refusal(given)
    assert message.startswith(f"#{place}".removesuffix("/operationId"))
    assert "too long for" in message
    actions, classes = remedies(message)
    settings = tmp_path / "generator-config.yml"
    settings.write_text(dump({**read_mapping(GENERATOR_CONFIG), "class_overrides": classes}), encoding="utf-8")
    monkeypatch.setattr(client_names, "GENERATOR_CONFIG", settings)
    check_document(repaired(given, actions))
