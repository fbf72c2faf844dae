"""Every field of every model says its meaning and its unit where an editor shows them: below the field."""

from __future__ import annotations

import copy
from typing import Any, Final

import griffe
import pytest

import meshapi_video
from codegen.diff.report import read_overlaid
from codegen.document import DOCUMENT, GENERATED, OVERLAY, Json, is_list, is_object
from codegen.errors import CodegenError
from codegen.overlay import apply_overlay, parse_overlay
from codegen.parsing import read_mapping

PACKAGE: Final = griffe.load("meshapi_video_generated", search_paths=[GENERATED], allow_inspection=False)
MODELS: Final = [
    name for name in meshapi_video.__all__ if hasattr(getattr(meshapi_video, name), "additional_properties")
]
UNITS: Final = {
    "created_at": "in seconds since 1970 (UTC)",
    "updated_at": "in seconds since 1970 (UTC)",
    "duration": "in seconds",
    "execution_expires_after": "Seconds after",
    "framespersecond": "frames per second",
    "frames": "number of frames",
    "total_tokens": "tokens",
    "video_url": "valid for 24 hours",
    "last_frame_url": "valid for 24 hours",
}


def texts(model: str) -> dict[str, str]:
    """The fields of a model, and the text below each."""
    found: griffe.Object | griffe.Alias = PACKAGE[f"models.{model}"]
    return {
        name: member.docstring.value if member.docstring else ""
        for name, member in found.members.items()
        if member.is_attribute and "property" not in member.labels
    }


@pytest.mark.parametrize("model", MODELS)
def test_a_model_and_each_of_its_fields_is_described(model: str) -> None:
    assert getattr(meshapi_video, model).__doc__
    assert [field for field, text in texts(model).items() if not text.strip()] == []


@pytest.mark.parametrize(("field", "unit"), UNITS.items())
def test_a_quantity_of_a_task_has_its_unit(field: str, unit: str) -> None:
    described = texts("VideoTaskResponse") | texts("VideoTaskContent") | texts("VideoTaskUsage")
    assert unit in " ".join(described[field].split())


def test_the_known_statuses_are_named_beside_the_field() -> None:
    text = texts("VideoTaskResponse")["status"]
    assert [
        status for status in meshapi_video.TERMINAL_STATUSES | {"queued", "running"} if f"`{status}`" not in text
    ] == []


def test_no_text_of_the_overlay_is_left_without_a_field() -> None:
    document = read_overlaid(GENERATED)
    written = set(strings(document))
    given = [
        text for action in parse_overlay(read_mapping(OVERLAY)).actions for text in (action.describe or {}).values()
    ]
    assert given
    assert [text for text in given if text not in written] == []


def strings(value: Json) -> list[str]:
    if isinstance(value, str):
        return [value]
    members = [*value.values()] if is_object(value) else value if is_list(value) else []
    return [text for member in members for text in strings(member)]


def described(action: dict[str, Any], document: dict[str, Json]) -> dict[str, Json]:
    overlay = {"overlay": "1.0.0", "info": {"title": "t", "version": "1"}, "actions": [{"description": "d", **action}]}
    return apply_overlay(document, overlay)


SCHEMAS: Final[dict[str, Json]] = {
    "plain": {"type": "string"},
    "own": {"type": "string", "description": "The publisher's own text."},
    "reference": {"$ref": "#/components/schemas/A"},
    "always": True,
}


def test_the_publishers_own_text_and_a_reference_stay_as_they_are() -> None:
    texts_given = dict.fromkeys((*SCHEMAS, "renamed"), "Ours.")
    found = described({"target": "$.properties", "x-describe": texts_given}, {"properties": copy.deepcopy(SCHEMAS)})
    assert found["properties"] == SCHEMAS | {"plain": {"type": "string", "description": "Ours."}}


@pytest.mark.parametrize("target", ["$.schemas.VideoTaskResponse.properties", "$.title"])
def test_a_text_for_a_schema_that_is_no_longer_there_is_ignored(target: str) -> None:
    document: dict[str, Json] = {"schemas": {"Renamed": {"properties": {}}}, "title": "t"}
    assert described({"target": target, "x-describe": {"id": "The id."}}, document) == document


def test_an_action_that_also_updates_is_refused() -> None:
    with pytest.raises(CodegenError, match="exactly one of `update`, `remove: true`, `x-replace` and `x-describe`"):
        described({"target": "$", "x-describe": {}, "update": {}}, {})


def test_the_texts_change_nothing_but_descriptions() -> None:
    overlay = read_mapping(OVERLAY)
    without = {**overlay, "actions": [each for each in overlay["actions"] if "x-describe" not in each]}
    document = read_mapping(DOCUMENT)
    assert apply_overlay(document, without) != apply_overlay(document, overlay)
    assert undescribed(apply_overlay(document, without)) == undescribed(apply_overlay(document, overlay))


def undescribed(value: Json) -> Json:
    if is_object(value):
        return {key: undescribed(member) for key, member in value.items() if key != "description"}
    return [undescribed(member) for member in value] if is_list(value) else value
