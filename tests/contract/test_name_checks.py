"""Names from which the generators would make broken code are refused before anything is generated."""

from __future__ import annotations

import copy

import pytest

from codegen.document import Json
from codegen.errors import CodegenError
from codegen.refusals import check_document
from contract.mutations import LIST, POST, Doc, R, Step, drop, edit_list, put

_ENUMS: Json = {"type": "array", "items": {"type": "string", "enum": ["a"]}}


def _query(name: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "schema": schema}


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (put(f"{R}/properties", toDict={"type": "string"}), "a property named toDict would hide .* own to_dict"),
        (put(f"{R}/properties", d={"type": "string"}), "a property named d would hide"),
        (
            put(f"{R}/properties", cast={"type": "string"}, list={"type": "array", "items": {"type": "string"}}),
            "a property named cast would hide",
        ),
        (put(f"{R}/properties", field_dict={"type": "string"}), "a property named field_dict would hide"),
        (
            edit_list(f"{LIST}/parameters", add=({"name": "params", "in": "query"},)),
            "a parameter named params would hide",
        ),
        (
            edit_list(f"{LIST}/parameters", add=(_query("json_x", {}), _query("x", _ENUMS))),
            "get/parameters/[0-9]+: a parameter named json_x would hide",
        ),
        (
            edit_list(f"{LIST}/parameters", add=(_query("x_item", {}), _query("x", _ENUMS))),
            "a parameter named x_item would hide",
        ),
        (put(LIST, operationId="Create-Video-Generation"), "are both called subpackage_video.create_video_generation"),
        (drop(f"{LIST}/operationId"), "GET /v1/video/generations has no operationId"),
    ],
)
def test_a_name_that_would_make_broken_code_is_refused(grown_document: Doc, step: Step, message: str) -> None:
    document: dict[str, Json] = copy.deepcopy(grown_document)
    put(POST, operationId="create_video_generation")(document)
    step(document)
    with pytest.raises(CodegenError, match=message):
        check_document(document)
