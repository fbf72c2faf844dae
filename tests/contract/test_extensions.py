"""A page cannot change the code with an extension, or with a keyword that only a generator knows."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Final

import datamodel_code_generator
import pytest

from codegen.document import Json
from codegen.errors import CodegenError
from codegen.extensions import GENERATOR_KEYWORDS, without_extensions
from codegen.file_diff import compare_files, unified_diff
from codegen.openapi import Direction, check_reference, directions_of, references
from contract.generating import generate_from
from contract.mutations import find

SCHEMAS: Final = "#/components/schemas"
RESPONSES: Final = "#/paths/~1v1~1video~1generations~1{task_id}/get/responses"
# Each one changes the wire package if it reaches the generator.
TYPE: Final = {"x-python-type": "antigravity.fly"}
EXTENSIONS: Final[dict[str, dict[str, Json]]] = {
    f"{SCHEMAS}/VideoTaskResponse/properties/status": TYPE,
    f"{SCHEMAS}/VideoTaskResponse/properties/model": {"x-propertyNames": {"type": "string"}},
    f"{SCHEMAS}/VideoTaskResponse/properties/ratio": {"customTypePath": "antigravity.fly"},
    f"{SCHEMAS}/VideoTaskResponse/properties/seed": TYPE,
    f"{SCHEMAS}/VideoTaskUsage": {"x-python-import": {"module": "antigravity", "name": "fly"}},
    f"{SCHEMAS}/VideoTaskContent": {"customBasePath": "antigravity.Flight", "x-is-base-class": True},
    f"{SCHEMAS}/VideoTaskError/properties/code": {"x-is-classvar": True, "is_classvar": True, "default_factory": "fly"},
    f"{SCHEMAS}/ValidationError/properties/loc/items": TYPE,
    RESPONSES: {"x-response": {"description": ""}},
    "#": {"x-definitions": {"Plane": TYPE}},
    "#/components": {"x-python-type": "antigravity.fly"},
    "#/info": {"x-logo": {"url": "https://logo.example"}},
}
STANDARD: Final = frozenset(
    {"const", "contains", "deprecated", "description", "discriminator", "example", "examples", "maxContains"}
    | {"minContains"}
)


def check_references(document: dict[str, Json]) -> None:
    for reference in references(document):
        check_reference(document, reference)


def test_extensions_change_no_code(published: dict[str, Json], fresh_code: Path, tmp_path: Path) -> None:
    extended = copy.deepcopy(published)
    for place, keys in EXTENSIONS.items():
        find(extended, place).update(copy.deepcopy(keys))
    assert "antigravity" in json.dumps(extended)
    generated = generate_from(extended, tmp_path)
    # The checksum of the published document is in the overlaid document.
    assert [change.path for change in compare_files(fresh_code, generated)] == ["openapi.json"]
    changed = [line for line in unified_diff(fresh_code, generated).splitlines() if re.match(r"[+-](?![+-])", line)]
    assert len(changed) == 2
    assert all("x-source-sha256" in line for line in changed)


def test_extensions_of_responses_are_dropped(published: dict[str, Json]) -> None:
    extended = copy.deepcopy(published)
    responses = find(extended, RESPONSES)
    responses["default"] = {"description": "", "content": {"application/json": {"schema": {"type": "string"}}}}
    expected = copy.deepcopy(without_extensions(extended))
    responses["default"]["content"]["application/json"]["schema"].update(TYPE)
    responses["default"]["x-python-type"] = responses["x-python-type"] = "antigravity.fly"
    assert without_extensions(extended) == expected


def test_names_values_and_the_names_of_enum_members_are_kept() -> None:
    document: dict[str, Json] = {
        "paths": {"/x-a": {"get": {"responses": {"200": {"headers": {"x-request-id": {"schema": {}}}}}}}},
        "components": {
            "schemas": {
                "x-schema": {
                    "properties": {"x-a": {}, "init": {}, "default": {"type": "string"}, "properties": {}},
                    "enum": [{"x-a": 1}],
                    "default": {"x-a": 1},
                    "x-enum-varnames": ["A"],
                }
            },
            "responses": {"x-response": {"description": ""}},
        },
    }
    extended = copy.deepcopy(document)
    schema = f"{SCHEMAS}/x-schema"
    properties = [f"{schema}/properties/{name}" for name in ("x-a", "init", "default", "properties")]
    for place in ("#", "#/paths", "#/paths/~1x-a/get", "#/components", schema, *properties):
        find(extended, place).update(TYPE)
    assert without_extensions(extended) == document


@pytest.mark.parametrize(
    "reference",
    [
        f"{SCHEMAS}/A/example",
        "#/components/examples/E/value",
        f"{SCHEMAS}/A/properties/b/default",
        f"{SCHEMAS}/headers/example",
    ],
)
def test_a_reference_cannot_lead_to_an_extension_through_an_example(reference: str) -> None:
    document: dict[str, Json] = {
        "components": {
            "schemas": {
                "A": {"example": TYPE, "properties": {"b": {"default": TYPE}, "default": {}}},
                "headers": {"example": TYPE},
                "Fly": {"$ref": reference},
            },
            "examples": {"E": {"value": TYPE}},
        }
    }
    with pytest.raises(CodegenError, match="leads into an example or another value"):
        check_references(document)
    document["components"]["schemas"]["Fly"] = {"$ref": f"{SCHEMAS}/A/properties/default"}
    check_references(document)


@pytest.mark.parametrize("reference", ["responses/default", "parameters/default", "headers/example"])
def test_a_reference_may_lead_to_a_component_with_any_name(reference: str) -> None:
    kind, name = reference.split("/")
    document: dict[str, Json] = {
        "components": {kind: {name: {}}},
        "paths": {"/a": {"get": {"responses": {"200": {"$ref": f"#/components/{reference}"}}}}},
    }
    check_references(document)


@pytest.mark.parametrize("holder", ["properties", "responses"])
def test_a_missing_target_is_found_below_a_name_that_is_also_a_keyword(holder: str) -> None:
    document: dict[str, Json] = {holder: {"default": {"$ref": "#/components/schemas/Missing"}}}
    with pytest.raises(CodegenError, match="the reference #/components/schemas/Missing has no target"):
        check_references(document)


def test_a_default_response_has_a_direction() -> None:
    reference: dict[str, Json] = {"$ref": f"{SCHEMAS}/A"}
    response: dict[str, Json] = {"content": {"application/json": {"schema": reference}}}
    document: dict[str, Json] = {
        "components": {"schemas": {"A": {}}},
        "paths": {"/a": {"get": {"responses": {"default": response}}}},
    }
    assert directions_of(document) == {"A": Direction.RESPONSE}


def test_the_generator_reads_no_other_keyword_that_is_in_no_standard() -> None:
    # After an upgrade of the generator, add a new name to the standard keywords or to those that are dropped.
    folder = Path(datamodel_code_generator.__file__).parent
    source = "".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py")))
    read = set(re.findall(r"""extras(?:\.get\(|\.pop\(|\[)["']([\w-]+)""", source))
    (schema_object,) = re.findall(r"^class JsonSchemaObject\(.*?(?=^class )", source, re.MULTILINE | re.DOTALL)
    read |= set(re.findall(r'alias="([a-z][\w-]*)"', schema_object))
    assert {name for name in read if not name.startswith("x-")} - STANDARD == GENERATOR_KEYWORDS
