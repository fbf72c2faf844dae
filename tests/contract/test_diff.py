"""The comparison of two documents gives each change the severity that it has for a caller, in difficult cases too."""

from __future__ import annotations

import copy

import pytest

from codegen.diff.operations import compare_documents
from codegen.diff.severity import Severity
from contract.mutations import GET, LIST, POST, Doc, P, R, Step, both, drop, edit_list, find, put, replace

BREAKING, ADDITIVE, COSMETIC = Severity.BREAKING, Severity.ADDITIVE, Severity.COSMETIC
SCHEMAS = "#/components/schemas"
OK = f"{GET}/responses/200"
TASK: Doc = {"description": "", "content": {"application/json": {"schema": {"$ref": R}}}}
LIMIT: Doc = {"name": "limit", "in": "query", "schema": {"type": "integer", "default": 20}}
REQUEST = {"$ref": f"{SCHEMAS}/VideoGenerationRequest"}
BODY: Doc = {"content": {"application/json": {"schema": REQUEST}}}
RESOLUTION = f"{SCHEMAS}/VideoResolution"
BEARER: Doc = {"HTTPBearer": list[str]()}


def nothing(_document: Doc) -> None:
    """Leaves the document as it is."""


def component(kind: str, value: Doc) -> Step:
    """Adds a component of a kind, named `Shared`."""
    return put("#/components", **{kind: {"Shared": value}})


def shared(kind: str) -> Doc:
    return {"$ref": f"#/components/{kind}/Shared"}


def reverse(pointer: str) -> Step:
    return lambda document: find(document, pointer).reverse()


def move_up(document: Doc) -> None:
    """Moves an operation's parameters to its path."""
    path = find(document, GET.rpartition("/")[0])
    path["parameters"] = path["get"].pop("parameters")


CASES: dict[str, tuple[Step, Step, Severity | None]] = {
    "a shared response has another type": (
        both(component("responses", TASK), replace(OK, shared("responses"))),
        replace("#/components/responses/Shared/content/application~1json/schema", {"type": "string"}),
        BREAKING,
    ),
    "a response is now shared": (
        nothing,
        both(component("responses", TASK), replace(OK, shared("responses"))),
        COSMETIC,
    ),
    "a shared parameter becomes required": (
        both(component("parameters", LIMIT), edit_list(f"{LIST}/parameters", add=(shared("parameters"),))),
        put("#/components/parameters/Shared", required=True),
        BREAKING,
    ),
    "a shared body becomes required": (
        both(component("requestBodies", BODY), replace(f"{POST}/requestBody", shared("requestBodies"))),
        put("#/components/requestBodies/Shared", required=True),
        BREAKING,
    ),
    "a form with the schema of the JSON body is left out": (
        nothing,
        put(f"{POST}/requestBody/content", **{"multipart/form-data": {"schema": REQUEST}}),
        COSMETIC,
    ),
    "a form with a file and the schema of the JSON body is sent": (
        put(f"{P}/properties", picture={"type": "string", "format": "binary"}),
        put(f"{POST}/requestBody/content", **{"multipart/form-data": {"schema": REQUEST}}),
        BREAKING,
    ),
    "parameters move to the path": (nothing, move_up, COSMETIC),
    "a schema has the name of a request body": (
        both(
            put("#/components", requestBodies={"VideoGenerationRequest": BODY}),
            replace(f"{POST}/requestBody", {"$ref": "#/components/requestBodies/VideoGenerationRequest"}),
            put(f"{R}/properties", settings={"$ref": P}),
        ),
        edit_list(f"{P}/required", add=("duration",)),
        BREAKING,
    ),
    "the order of values changes whose members are named by position": (
        nothing,
        reverse(f"{RESOLUTION}/enum"),
        BREAKING,
    ),
    "a value is added first and its member is named by position": (
        nothing,
        lambda document: find(document, f"{RESOLUTION}/enum").insert(0, "360p"),
        BREAKING,
    ),
    "the order of values changes whose members are named by value": (
        nothing,
        reverse(f"{SCHEMAS}/VideoContentItemType/enum"),
        COSMETIC,
    ),
    "enum members get other names": (nothing, put(RESOLUTION, **{"x-enum-varnames": ["LOW", "MID", "HIGH"]}), BREAKING),
    "values change that are equal in Python but not in JSON": (
        put(f"{P}/properties/seed", enum=[0, 1]),
        put(f"{P}/properties/seed", enum=[False, True]),
        BREAKING,
    ),
    "a default changes that is equal in Python but not in JSON": (
        put(f"{P}/properties/duration", default=1),
        put(f"{P}/properties/duration", default=True),
        BREAKING,
    ),
    "a default of null is written": (nothing, put(f"{P}/properties/seed", default=None), COSMETIC),
    "a format that no generator reads is added": (nothing, put(f"{R}/properties/ratio", format="hostname"), COSMETIC),
    "a format that is a type is added": (nothing, put(f"{R}/properties/ratio", format="uuid"), BREAKING),
    "a format that is ignored is added": (nothing, put(f"{R}/properties/seed", format="int64"), COSMETIC),
    "a map gets another title": (
        put(SCHEMAS, M={"type": "object", "title": "M", "additionalProperties": {"type": "string"}}),
        put(f"{SCHEMAS}/M", title="N"),
        COSMETIC,
    ),
    "a property declared elsewhere is no longer required": (
        put(SCHEMAS, A={"allOf": [{"$ref": f"{SCHEMAS}/VideoTaskContent"}], "required": ["video_url"]}),
        drop(f"{SCHEMAS}/A/required"),
        BREAKING,
    ),
    "a header gets the name of a query parameter": (
        nothing,
        edit_list(f"{LIST}/parameters", add=({"name": "limit", "in": "header", "schema": {"type": "string"}},)),
        BREAKING,
    ),
    "the OpenAPI version changes": (nothing, put("#", openapi="3.0.3"), BREAKING),
    "the last number of the OpenAPI version changes": (nothing, put("#", openapi="3.1.1"), COSMETIC),
    "a server variable changes": (
        replace("#/servers", [{"url": "https://{x}.example", "variables": {"x": {"default": "a"}}}]),
        replace("#/servers", [{"url": "https://{x}.example", "variables": {"x": {"default": "b"}}}]),
        BREAKING,
    ),
    "a second server is added": (nothing, edit_list("#/servers", add=({"url": "https://two.example"},)), COSMETIC),
    "the security scheme is described": (
        nothing,
        put("#/components/securitySchemes/HTTPBearer", description="A key."),
        COSMETIC,
    ),
    "the security scheme changes": (nothing, put("#/components/securitySchemes/HTTPBearer", scheme="basic"), BREAKING),
    "a second security scheme is added": (nothing, put("#/components/securitySchemes", B={"type": "http"}), COSMETIC),
    "the security scheme is removed": (nothing, drop("#/components/securitySchemes/HTTPBearer"), BREAKING),
    "a comment is added": (nothing, put(R, **{"$comment": "hello"}), COSMETIC),
    "a bound is not a number": (nothing, put(f"{P}/properties/duration", maximum="50"), BREAKING),
    "a bound is written as in an older OpenAPI version": (
        nothing,
        put(f"{P}/properties/duration", exclusiveMaximum=True),
        BREAKING,
    ),
    "an inline object is added": (
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
    "a body is said to be optional": (nothing, put(f"{POST}/requestBody", required=False), COSMETIC),
    "an operation needs no key any longer": (put(GET, security=[BEARER]), put(GET, security=[]), ADDITIVE),
    "an operation needs a key": (put(GET, security=[]), put(GET, security=[BEARER]), BREAKING),
    "an error response has a type that the function did not return": (
        replace(f"{GET}/responses", {"200": TASK}),
        put(f"{GET}/responses", **{"404": TASK | {"content": {"application/json": {"schema": {"type": "string"}}}}}),
        BREAKING,
    ),
    "a response also has a media type that is not parsed": (
        nothing,
        put(f"{OK}/content", **{"application/xml": {"schema": {"type": "string"}}}),
        COSMETIC,
    ),
    "a response also has a media type that is parsed instead": (
        nothing,
        put(f"{OK}/content", **{"application/geo+json": {"schema": {"type": "string"}}}),
        BREAKING,
    ),
    "an argument gets another name beside a parameter": (
        nothing,
        edit_list(f"{GET}/parameters", add=({"name": "task_id", "in": "query", "schema": {"type": "string"}},)),
        BREAKING,
    ),
    "nothing changes": (nothing, nothing, None),
}


@pytest.mark.parametrize(("prepare", "step", "severity"), CASES.values(), ids=CASES)
def test_a_change_has_its_severity_for_a_caller(
    grown_document: Doc, prepare: Step, step: Step, severity: Severity | None
) -> None:
    old, new = copy.deepcopy(grown_document), copy.deepcopy(grown_document)
    prepare(old)
    both(prepare, step)(new)
    changes = compare_documents(old, new)
    assert max((change.severity for change in changes), default=None) is severity, changes


@pytest.mark.parametrize("name", ["default", "example", "examples", "enum", "const", "x-part"])
def test_a_property_may_have_the_name_of_a_keyword_and_refer_to_a_component(grown_document: Doc, name: str) -> None:
    part = {"type": "object", "properties": {"a": {"type": "string"}}}
    old = copy.deepcopy(grown_document)
    both(put(SCHEMAS, Part=part), put(f"{P}/properties", **{name: {"$ref": f"{SCHEMAS}/Part"}}))(old)
    new = copy.deepcopy(old)
    put(f"{SCHEMAS}/Part", required=["a"])(new)
    # Callers only pass the part.
    (change,) = compare_documents(new, old)
    assert (change.severity, change.pointer) == (ADDITIVE, f"{SCHEMAS}/Part/properties/a")


def test_a_reference_in_an_example_is_not_followed(grown_document: Doc) -> None:
    document = copy.deepcopy(grown_document)
    put(f"{R}/properties/seed", example={"$ref": "#/nowhere"})(document)
    assert compare_documents(grown_document, document)[0].severity is COSMETIC
