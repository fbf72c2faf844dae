"""The repairs of the overlay can be applied to pages that the publisher has repaired in part."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Final

import pytest

from codegen.document import OVERLAY, Json
from codegen.errors import CodegenError
from codegen.merge import dump
from codegen.overlay import apply_overlay
from codegen.parsing import read_mapping
from codegen.regenerate import generate
from contract.conftest import only_first_page

BEARER: Final[Json] = [{"HTTPBearer": []}]
PUBLISHED: Final = "/v1/video/generations/{task_id}"


@pytest.fixture
def pages(published: dict[str, Json]) -> dict[str, Json]:
    """The first page with a second operation."""
    document = copy.deepcopy(only_first_page(published))
    document["paths"]["/v1/clips"] = {
        "get": {
            "operationId": "list-clips-v-1-clips-get",
            "tags": ["subpackage_clips"],
            "responses": {"200": {"description": "ok"}},
        }
    }
    return document


def repaired(document: dict[str, Json]) -> dict[str, Json]:
    paths: dict[str, Json] = apply_overlay(document, read_mapping(OVERLAY))["paths"]
    return paths


@pytest.mark.parametrize("stated", [BEARER, [], [{"Other": []}]])
def test_an_operation_keeps_the_authorization_that_the_publisher_states(pages: dict[str, Json], stated: Json) -> None:
    pages["paths"]["/v1/clips"]["get"]["security"] = stated
    paths = repaired(pages)
    assert paths["/v1/clips"]["get"]["security"] == stated
    assert paths[PUBLISHED]["get"]["security"] == BEARER


@pytest.mark.parametrize("stated", [BEARER, [], [{"Other": []}]])
def test_a_publisher_may_state_the_authorization_everywhere(pages: dict[str, Json], stated: Json) -> None:
    for path in pages["paths"].values():
        path["get"]["security"] = stated
    assert [path["get"]["security"] for path in repaired(pages).values()] == [stated, stated]


def test_an_action_for_a_place_that_is_gone_is_an_error(pages: dict[str, Json]) -> None:
    pages["paths"] = {}
    with pytest.raises(CodegenError, match="matches nothing") as caught:
        repaired(pages)
    assert "If the publisher has made this repair, remove the action" in str(caught.value)


def test_names_that_the_publisher_has_repaired_stay(pages: dict[str, Json]) -> None:
    pages["paths"]["/v1/clips"]["get"].update(operationId="list_clips", tags=["clips"])
    operation = repaired(pages)["/v1/clips"]["get"]
    assert (operation["operationId"], operation["tags"]) == ("list_clips", ["clips"])


def test_capitals_in_an_operation_id_change_nothing(pages: dict[str, Json]) -> None:
    pages["paths"]["/v1/clips"]["get"]["operationId"] = "List-Clips-V-1-clips-GET"
    assert repaired(pages)["/v1/clips"]["get"]["operationId"] == "List_Clips"


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_the_header_with_the_key_is_no_argument_in_any_case(pages: dict[str, Json], name: str) -> None:
    pages["paths"]["/v1/clips"]["get"]["parameters"] = [{"name": name, "in": "header", "schema": {"type": "string"}}]
    assert repaired(pages)["/v1/clips"]["get"]["parameters"] == []


@pytest.mark.parametrize(
    "version", [{"openapi": "3.2.0"}, {"openapi": "2.0"}, {"openapi": 3.1}, {"openapi": None}, {"swagger": "2.0"}]
)
def test_a_document_of_another_version_is_refused_by_name(
    published: dict[str, Json], version: dict[str, Json], tmp_path: Path
) -> None:
    document = tmp_path / "openapi.yaml"
    rest = {key: value for key, value in published.items() if key != "openapi"}
    document.write_text(dump({**version, **rest}), encoding="utf-8")
    shown = re.escape(str(*version.values()))
    with pytest.raises(CodegenError, match=rf"openapi\.yaml .*{shown}.* reads the versions 3\.0 and 3\.1"):
        generate(tmp_path / "generated", document)
    assert not (tmp_path / "generated").exists()
