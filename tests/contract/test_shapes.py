"""A document whose parts have wrong types is refused with the place, and with a remedy that matches."""

from __future__ import annotations

import copy

import pytest

import codegen.refusals
from codegen.document import Json
from codegen.errors import CodegenError
from codegen.refusals import check_document
from codegen.refusals.refusal import Refusal
from contract.case_files import remedies, repaired

ITEM = "/paths/~1a/get/parameters/0"
PARENT = "/components/schemas/Parent"
OTHER = f"{PARENT}/properties/200"
RESPONSE = "/paths/~1a/get/responses/200"
LEAST = "Input should be greater than or equal to 0"
REFERENCE = {"$ref": "#/components/schemas/Parent"}
DOCUMENT: Json = {
    "openapi": "3.1.0",
    "info": {"title": "Shapes", "version": "1"},
    "paths": {
        "/a": {
            "get": {
                "operationId": "get_a",
                "parameters": [{"name": "p", "in": "query", "schema": {"type": "string"}}],
                "requestBody": {"content": {"application/json": {"schema": REFERENCE}}},
                "responses": {
                    "200": {"description": "ok", "content": {"application/json": {"schema": REFERENCE}}},
                    "404": {"description": "no"},
                },
            }
        }
    },
    "components": {"schemas": {"Parent": {"type": "object", "properties": {"200": {"type": "string"}}}}},
}


UNREAD: list[tuple[str, Json]] = [
    ("/info", {"title": "Shapes"}),
    ("/info/license", {}),
    ("/tags", [{}]),
    ("/servers", [{"url": 3}]),
    ("/externalDocs", {}),
    ("/webhooks", 3),
    ("/security", {}),
    ("/components/securitySchemes", {"S": {"type": "oauth2", "flows": {"implicit": {}}}}),
    ("/components/examples", {"A": 3}),
    ("/paths/~1a/servers", 3),
    ("/paths/~1a/get/callbacks", {"a": 3}),
    ("/paths/~1a/get/externalDocs", "x"),
    (f"{ITEM}/examples", 3),
    (RESPONSE, {}),
    (f"{RESPONSE}/headers", {"h": {"schema": {"minLength": -1}}}),
    (f"{RESPONSE}/links", {"a": {"parameters": {"$ref": "$request.query.a"}}}),
    (f"{RESPONSE}/content/application~1json/encoding", {"a": {"style": 3}}),
    (f"{OTHER}/xml", {"name": 3}),
    (f"{OTHER}/externalDocs", {}),
]


def no_refusals(_document: dict[str, Json]) -> list[Refusal]:
    return []


def changed(place: str, value: Json) -> dict[str, Json]:
    """The document with another value at one place."""
    document: dict[str, Json] = copy.deepcopy(DOCUMENT)
    holder: Json = document
    *above, last = [part.replace("~1", "/") for part in place.split("/")[1:]]
    for part in above:
        holder = holder[int(part) if isinstance(holder, list) else part]
    holder[int(last) if isinstance(holder, list) else last] = value
    return document


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (f"{PARENT}/properties", []),
        (f"{PARENT}/required", "200"),
        (f"{PARENT}/required", ["200", 3]),
        (f"{PARENT}/allOf", {}),
        (f"{PARENT}/discriminator", "kind"),
        (f"{PARENT}/discriminator", {}),
        (f"{PARENT}/nullable", "yes"),
        (OTHER, "string"),
        (OTHER, None),
        (f"{OTHER}/type", 3),
        (f"{OTHER}/type", "file"),
        (f"{OTHER}/enum", "x"),
        (f"{OTHER}/items", [{"type": "string"}]),
        (f"{OTHER}/minimum", "0"),
        (f"{OTHER}/maxLength", 1.5),
        (f"{OTHER}/minLength", -1),
        (f"{OTHER}/maxItems", -2),
        (f"{PARENT}/minProperties", -1),
        (f"{OTHER}/multipleOf", 0),
        (f"{OTHER}/multipleOf", -0.5),
        (f"{OTHER}/const", {"a": 1}),
        (f"{OTHER}/const", True),
        (f"{OTHER}/enum", []),
        (f"{OTHER}/maxLength", None),
        (f"{OTHER}/$ref", 5),
        (f"{OTHER}/oneOf", [3]),
        (f"{OTHER}/$ref", "#/components/schemas/Missing"),
        (f"{OTHER}/additionalProperties", {"$ref": "#/components/schemas/Missing"}),
        (f"{PARENT}/allOf", [{"$ref": "#/components/schemas/Missing"}]),
        ("/paths/~1a/get/parameters", {}),
        (ITEM, "p"),
        (ITEM, {"schema": {}}),
        (ITEM, {"name": "p", "in": "body", "schema": {}}),
        (f"{ITEM}/schema/minLength", -1),
        ("/paths/~1a/$ref", "#/components/pathItems/A"),
        ("/paths/~1a/get/security", {}),
        ("/paths/~1a/get/security", [{"HTTPBearer": 3}]),
        (f"{ITEM}/schema", "string"),
        (f"{ITEM}/required", "true"),
        ("/paths/~1a/get/tags", "video"),
        ("/paths/~1a/get/requestBody", {}),
        (RESPONSE, []),
        (f"{RESPONSE}/content", []),
        (f"{RESPONSE}/content/application~1json", "x"),
        (f"{RESPONSE}/$ref", "#/components/responses/Missing"),
    ],
)
def test_a_part_of_a_wrong_type_is_refused_with_its_place_and_a_remedy(place: str, value: Json) -> None:
    check_document(DOCUMENT)
    document = changed(place, value)

    with pytest.raises(CodegenError) as caught:
        check_document(document)

    message = str(caught.value)
    assert message.startswith(f"#{place.removesuffix('/$ref')}"), message
    check_document(repaired(document, remedies(message)[0]))


@pytest.mark.parametrize(
    ("place", "value", "found"),
    [
        (f"{OTHER}/minLength", -1, LEAST),
        (f"{OTHER}/multipleOf", 0, "Input should be greater than 0"),
        (f"{OTHER}/items", {"type": "array", "items": {"minItems": -3}}, LEAST),
        (
            f"{OTHER}/oneOf",
            [{"type": "integer"}, {"type": "number", "multipleOf": -1}],
            "Input should be greater than 0",
        ),
        (f"{ITEM}/schema/minLength", -1, LEAST),
        (
            f"{RESPONSE}/content/application~1json/schema",
            {"maxItems": -1},
            "Input should be greater than or equal to 0",
        ),
    ],
)
def test_what_only_the_generator_refuses_has_its_place_and_a_remedy(
    place: str, value: Json, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if no rule of this project knows it: the rules are left out here."""
    monkeypatch.setattr(codegen.refusals, "check_shapes", no_refusals)
    document = changed(place, value)

    with pytest.raises(CodegenError) as caught:
        check_document(document)

    message = str(caught.value)
    assert message.startswith(f"#{place}"), message
    assert f"openapi-python-client does not accept this: {found}." in message
    check_document(repaired(document, remedies(message)[0]))


@pytest.mark.parametrize(("place", "value"), UNREAD)
def test_a_mistake_in_a_part_of_which_no_code_is_made_refuses_nothing(place: str, value: Json) -> None:
    check_document(changed(place, value))
