"""Names from which the generators would make broken code are refused before anything is generated."""

from __future__ import annotations

import copy

import pytest

from codegen.document import Json
from codegen.errors import CodegenError
from codegen.refusals.names import check_names
from contract.mutations import LIST, POST, Doc, R, Step, drop, edit_list, put


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (put(f"{R}/properties", toDict={"type": "string"}), "a property named toDict would hide .* own to_dict"),
        (put(f"{R}/properties", d={"type": "string"}), "a property named d would hide"),
        (put(f"{R}/properties", cast={"type": "string"}), "a property named cast would hide"),
        (put(f"{R}/properties", field_dict={"type": "string"}), "a property named field_dict would hide"),
        (
            edit_list(f"{LIST}/parameters", add=({"name": "params", "in": "query"},)),
            "a parameter named params would hide",
        ),
        (
            edit_list(f"{LIST}/parameters", add=({"name": "json_x", "in": "query"},)),
            "GET /v1/video/generations: a parameter",
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
        check_names(document)
