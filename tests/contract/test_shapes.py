"""A document whose parts have wrong types is refused with the place, and with a remedy that matches."""

from __future__ import annotations

import copy

import pytest

from codegen.document import Json
from codegen.errors import CodegenError
from codegen.refusals import check_document
from contract.case_files import remedies, repaired

ITEM = "/paths/~1a/get/parameters/0"
PARENT = "/components/schemas/Parent"
OTHER = f"{PARENT}/properties/200"
RESPONSE = "/paths/~1a/get/responses/200"
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
        (f"{OTHER}/maxLength", None),
        (f"{OTHER}/$ref", 5),
        (f"{OTHER}/oneOf", [3]),
        (f"{OTHER}/$ref", "#/components/schemas/Missing"),
        (f"{OTHER}/additionalProperties", {"$ref": "#/components/schemas/Missing"}),
        (f"{PARENT}/allOf", [{"$ref": "#/components/schemas/Missing"}]),
        ("/paths/~1a/get/parameters", {}),
        (ITEM, "p"),
        (ITEM, {"schema": {}}),
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
    document = copy.deepcopy(DOCUMENT)
    holder: Json = document
    *above, last = [part.replace("~1", "/") for part in place.split("/")[1:]]
    for part in above:
        holder = holder[int(part) if isinstance(holder, list) else part]
    holder[int(last) if isinstance(holder, list) else last] = value

    with pytest.raises(CodegenError) as caught:
        check_document(document)

    message = str(caught.value)
    assert message.startswith(f"#{place.removesuffix('/$ref')}"), message
    check_document(repaired(document, remedies(message)[0]))
