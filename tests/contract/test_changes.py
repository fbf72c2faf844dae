"""Changes that a report could be fooled by: each is said to be what it is to a caller."""

from __future__ import annotations

import copy

import pytest

from codegen.changes import compare
from codegen.document import Json
from codegen.errors import CodegenError
from codegen.levels import Level
from codegen.names import check_names
from contract.mutations import GET, LIST, POST, Doc, P, R, Step, both, drop, find, listed, put, replace

BREAKING, ADDITIVE, COSMETIC = Level.BREAKING, Level.ADDITIVE, Level.COSMETIC
SCHEMAS = "#/components/schemas"
OK = f"{GET}/responses/200"
TASK: Doc = {"description": "", "content": {"application/json": {"schema": {"$ref": R}}}}
LIMIT: Doc = {"name": "limit", "in": "query", "schema": {"type": "integer", "default": 20}}
REQUEST = {"$ref": f"{SCHEMAS}/VideoGenerationRequest"}
BODY: Doc = {"content": {"application/json": {"schema": REQUEST}}}
RESOLUTION = f"{SCHEMAS}/VideoResolution"


def nothing(_document: Doc) -> None:
    """Leaves the document as it is."""


def component(kind: str, value: Doc) -> Step:
    """Puts a component called `Shared` of a kind there."""
    return put("#/components", **{kind: {"Shared": value}})


def shared(kind: str) -> Doc:
    return {"$ref": f"#/components/{kind}/Shared"}


def reverse(pointer: str) -> Step:
    return lambda document: find(document, pointer).reverse()


def move_up(document: Doc) -> None:
    """Moves an operation's parameters to its path."""
    path = find(document, GET.rpartition("/")[0])
    path["parameters"] = path["get"].pop("parameters")


CASES: dict[str, tuple[Step, Step, Level | None]] = {
    "a shared answer brings another type": (
        both(component("responses", TASK), replace(OK, shared("responses"))),
        replace("#/components/responses/Shared/content/application~1json/schema", {"type": "string"}),
        BREAKING,
    ),
    "an answer is shared now": (
        nothing,
        both(component("responses", TASK), replace(OK, shared("responses"))),
        COSMETIC,
    ),
    "a shared parameter becomes required": (
        both(component("parameters", LIMIT), listed(f"{LIST}/parameters", add=(shared("parameters"),))),
        put("#/components/parameters/Shared", required=True),
        BREAKING,
    ),
    "a shared body must be passed": (
        both(component("requestBodies", BODY), replace(f"{POST}/requestBody", shared("requestBodies"))),
        put("#/components/requestBodies/Shared", required=True),
        BREAKING,
    ),
    "parameters stand on the path now": (nothing, move_up, COSMETIC),
    "a schema shares its name with a body": (
        both(
            put("#/components", requestBodies={"VideoGenerationRequest": BODY}),
            replace(f"{POST}/requestBody", {"$ref": "#/components/requestBodies/VideoGenerationRequest"}),
            put(f"{R}/properties", settings={"$ref": P}),
        ),
        listed(f"{P}/required", add=("duration",)),
        BREAKING,
    ),
    "values without names of their own turn round": (nothing, reverse(f"{RESOLUTION}/enum"), BREAKING),
    "a value without a name of its own comes first": (
        nothing,
        lambda document: find(document, f"{RESOLUTION}/enum").insert(0, "360p"),
        BREAKING,
    ),
    "values with names of their own turn round": (nothing, reverse(f"{SCHEMAS}/VideoContentItemType/enum"), COSMETIC),
    "members get other names": (nothing, put(RESOLUTION, **{"x-enum-varnames": ["LOW", "MID", "HIGH"]}), BREAKING),
    "values become others to JSON alone": (
        put(f"{P}/properties/seed", enum=[0, 1]),
        put(f"{P}/properties/seed", enum=[False, True]),
        BREAKING,
    ),
    "a default becomes another to JSON alone": (
        put(f"{P}/properties/duration", default=1),
        put(f"{P}/properties/duration", default=True),
        BREAKING,
    ),
    "a default of null is said": (nothing, put(f"{P}/properties/seed", default=None), COSMETIC),
    "a format is checked": (nothing, put(f"{R}/properties/ratio", format="hostname"), BREAKING),
    "a format is a type": (nothing, put(f"{R}/properties/ratio", format="uuid"), BREAKING),
    "a format is neither": (nothing, put(f"{R}/properties/seed", format="int64"), COSMETIC),
    "a map gets another title": (
        put(SCHEMAS, M={"type": "object", "title": "M", "additionalProperties": {"type": "string"}}),
        put(f"{SCHEMAS}/M", title="N"),
        BREAKING,
    ),
    "what stands elsewhere is no longer required": (
        put(SCHEMAS, A={"allOf": [{"$ref": f"{SCHEMAS}/VideoTaskContent"}], "required": ["video_url"]}),
        drop(f"{SCHEMAS}/A/required"),
        BREAKING,
    ),
    "a header has the name of a query parameter": (
        nothing,
        listed(f"{LIST}/parameters", add=({"name": "limit", "in": "header", "schema": {"type": "string"}},)),
        BREAKING,
    ),
    "the edition is another": (nothing, put("#", openapi="3.0.3"), BREAKING),
    "the edition is the same": (nothing, put("#", openapi="3.1.1"), COSMETIC),
    "a server's variable is another": (
        replace("#/servers", [{"url": "https://{x}.example", "variables": {"x": {"default": "a"}}}]),
        replace("#/servers", [{"url": "https://{x}.example", "variables": {"x": {"default": "b"}}}]),
        BREAKING,
    ),
    "a second server is named": (nothing, listed("#/servers", add=({"url": "https://two.example"},)), COSMETIC),
    "the key's scheme is described": (
        nothing,
        put("#/components/securitySchemes/HTTPBearer", description="A key."),
        COSMETIC,
    ),
    "the key's scheme is another": (nothing, put("#/components/securitySchemes/HTTPBearer", scheme="basic"), BREAKING),
    "there is a second scheme": (nothing, put("#/components/securitySchemes", B={"type": "http"}), ADDITIVE),
    "the key's scheme is gone": (nothing, drop("#/components/securitySchemes/HTTPBearer"), BREAKING),
    "a comment": (nothing, put(R, **{"$comment": "hello"}), COSMETIC),
    "a bound that is no number": (nothing, put(f"{P}/properties/duration", maximum="50"), BREAKING),
    "a bound in the words of an older edition": (
        nothing,
        put(f"{P}/properties/duration", exclusiveMaximum=True),
        BREAKING,
    ),
    "a third inline object": (
        put(f"{R}/properties", x={"oneOf": [{"type": "object", "properties": {"a": {"type": "string"}}}]}),
        lambda document: find(document, f"{R}/properties/x/oneOf").append({"type": "object", "properties": {}}),
        BREAKING,
    ),
    "an inline object changes deep inside": (
        put(
            f"{R}/properties", x={"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}}
        ),
        replace(f"{R}/properties/x/items/properties/a", {"type": "integer"}),
        BREAKING,
    ),
    "nothing": (nothing, nothing, None),
}


@pytest.mark.parametrize(("prepare", "step", "level"), CASES.values(), ids=CASES)
def test_a_change_is_what_it_is_to_a_caller(grown: Doc, prepare: Step, step: Step, level: Level | None) -> None:
    old, new = copy.deepcopy(grown), copy.deepcopy(grown)
    prepare(old)
    both(prepare, step)(new)
    changes = compare(old, new)
    assert max((change.level for change in changes), default=None) is level, changes


def test_an_example_that_looks_like_a_reference_is_none(grown: Doc) -> None:
    document = copy.deepcopy(grown)
    put(f"{R}/properties/seed", example={"$ref": "#/nowhere"})(document)
    assert compare(grown, document)[0].level is COSMETIC


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (put(f"{R}/properties", toDict={"type": "string"}), "a property named toDict would hide .* own to_dict"),
        (put(f"{R}/properties", d={"type": "string"}), "a property named d would hide"),
        (put(f"{R}/properties", cast={"type": "string"}), "a property named cast would hide"),
        (put(f"{R}/properties", field_dict={"type": "string"}), "a property named field_dict would hide"),
        (listed(f"{LIST}/parameters", add=({"name": "params", "in": "query"},)), "a parameter named params would hide"),
        (
            listed(f"{LIST}/parameters", add=({"name": "json_x", "in": "query"},)),
            "GET /v1/video/generations: a parameter",
        ),
        (put(LIST, operationId="Create-Video-Generation"), "are both called subpackage_video.create_video_generation"),
        (drop(f"{LIST}/operationId"), "GET /v1/video/generations has no operationId"),
    ],
)
def test_a_name_that_would_make_broken_code_is_refused(grown: Doc, step: Step, said: str) -> None:
    document: dict[str, Json] = copy.deepcopy(grown)
    put(POST, operationId="create_video_generation")(document)
    step(document)
    with pytest.raises(CodegenError, match=said):
        check_names(document)
