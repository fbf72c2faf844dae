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
from codegen.openapi import check_references
from contract.generating import generate_from
from contract.mutations import find

SCHEMAS: Final = "#/components/schemas"
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
    "#": {"x-definitions": {"Plane": TYPE}},
    "#/components": {"x-python-type": "antigravity.fly"},
    "#/info": {"x-logo": {"url": "https://logo.example"}},
}
STANDARD: Final = frozenset(
    {"const", "contains", "deprecated", "description", "discriminator", "example", "examples", "maxContains"}
    | {"minContains"}
)


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
    "reference", [f"{SCHEMAS}/A/example", "#/components/examples/E/value", f"{SCHEMAS}/A/properties/b/default"]
)
def test_a_reference_cannot_lead_to_an_extension_through_an_example(reference: str) -> None:
    document: dict[str, Json] = {
        "components": {
            "schemas": {
                "A": {"example": TYPE, "properties": {"b": {"default": TYPE}, "default": {}}},
                "Fly": {"$ref": reference},
            },
            "examples": {"E": {"value": TYPE}},
        }
    }
    with pytest.raises(CodegenError, match="leads into an example or another value"):
        check_references(document)
    document["components"]["schemas"]["Fly"] = {"$ref": f"{SCHEMAS}/A/properties/default"}
    check_references(document)


def test_the_generator_reads_no_other_keyword_that_is_in_no_standard() -> None:
    # After an upgrade of the generator, add a new name to the standard keywords or to those that are dropped.
    folder = Path(datamodel_code_generator.__file__).parent
    source = "".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py")))
    read = set(re.findall(r"""extras(?:\.get\(|\.pop\(|\[)["']([\w-]+)""", source))
    (schema_object,) = re.findall(r"^class JsonSchemaObject\(.*?(?=^class )", source, re.MULTILINE | re.DOTALL)
    read |= set(re.findall(r'alias="([a-z][\w-]*)"', schema_object))
    assert {name for name in read if not name.startswith("x-")} - STANDARD == GENERATOR_KEYWORDS
