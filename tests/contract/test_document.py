"""The vendored document is the published one, and the overlay makes the repairs that it describes."""

from __future__ import annotations

import hashlib
import inspect
from types import ModuleType

import pytest
from oas_patch.validator import (  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs] - it has no type hints
    validate,  # pyright: ignore[reportUnknownVariableType]
)

from codegen.document import DOCUMENT, LOCK, OVERLAY, Json
from codegen.parsing import read_mapping
from meshapi_video._settings import DEFAULT_BASE_URL
from meshapi_video_generated.api.video import create_video_generation, get_video_generation, list_video_generations

PATH = "/v1/video/generations/{task_id}"


def test_the_lock_names_the_sources_the_date_and_the_checksum_of_the_document() -> None:
    lock = read_mapping(LOCK)
    assert lock["sha256"] == hashlib.sha256(DOCUMENT.read_bytes()).hexdigest(), (
        "openapi.yaml is not the document that was vendored. Nobody edits this file: "
        "run `git checkout openapi.yaml`, or vendor the new page with `nox -s vendor -- SOURCE`"
    )
    assert all(source["address"].startswith("https://developers.meshapi.ai/") for source in lock["sources"])
    # One page is copied byte for byte. The merge of several pages equals none of them.
    blocks = [source["sha256"] for source in lock["sources"]]
    assert (blocks == [lock["sha256"]]) is (len(blocks) == 1)
    assert lock["retrieved"] >= "2026-11-23"


def test_the_overlay_is_valid_by_the_standards_own_schema() -> None:
    overlay = read_mapping(OVERLAY)
    assert validate(overlay, "sh") == "Validation successful"
    assert "Validation successful" not in validate({**overlay, "acts": []}, "sh")


def test_every_overlay_action_gives_its_reason() -> None:
    assert all(len(action["description"]) > 40 for action in read_mapping(OVERLAY)["actions"])


def test_the_key_is_required_as_bearer_security_and_not_as_a_parameter(overlaid: dict[str, Json]) -> None:
    operation = overlaid["paths"][PATH]["get"]
    assert [parameter["name"] for parameter in operation["parameters"]] == ["task_id"]
    assert operation["security"] == [{"HTTPBearer": []}]
    assert overlaid["components"]["securitySchemes"]["HTTPBearer"] == {"type": "http", "scheme": "bearer"}


def test_the_operation_has_a_usable_name_and_tag_and_the_document_a_title(overlaid: dict[str, Json]) -> None:
    operation = overlaid["paths"][PATH]["get"]
    assert (operation["operationId"], operation["tags"]) == ("get_video_generation", ["video"])
    assert overlaid["info"]["title"] == "Mesh API Video"


def test_the_status_stays_an_open_string(overlaid: dict[str, Json]) -> None:
    task = overlaid["components"]["schemas"]["VideoTaskResponse"]
    assert task["properties"]["status"] == {"type": "string"}


def test_the_overlay_does_not_change_the_published_document(published: dict[str, Json]) -> None:
    assert published == read_mapping(DOCUMENT)
    assert published["info"]["title"] == "openapi"


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        (get_video_generation, ["task_id", "client"]),
        (create_video_generation, ["client", "body"]),
        (
            list_video_generations,
            ["client", "status", "model", "created_after", "created_before", "limit", "offset"],
        ),
    ],
)
def test_no_generated_function_takes_the_key_as_an_argument(module: ModuleType, arguments: list[str]) -> None:
    for function in (module.sync_detailed, module.asyncio_detailed):
        assert list(inspect.signature(function).parameters) == arguments


def test_the_default_server_is_that_of_the_document(published: dict[str, Json]) -> None:
    assert published["servers"][0]["url"] == DEFAULT_BASE_URL
