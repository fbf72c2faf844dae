"""The supplement adds operations whose pages are not vendored yet, and gives way to the pages once they are."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from codegen.diff.report import compare_generated
from codegen.diff.severity import Severity
from codegen.document import GENERATED, SUPPLEMENT, Json
from codegen.errors import CodegenError
from codegen.overlay import parse_overlay
from codegen.parsing import read_mapping
from codegen.supplement import SUPPLEMENTED, apply_supplement
from contract.conftest import PAGES, merged_with

Doc = dict[str, Json]
POST = "#/paths/~1v1~1video~1generations/post"
LIST = "#/paths/~1v1~1video~1generations/get"


@pytest.fixture(scope="module")
def supplement() -> Doc:
    return read_mapping(SUPPLEMENT)


@pytest.fixture(scope="module")
def vendored() -> Doc:
    return merged_with(PAGES)


def test_each_action_names_its_source(supplement: Doc) -> None:
    for action in parse_overlay(supplement).actions:
        assert "Source: Mesh's " in action.description


def test_the_operations_that_rest_on_the_supplement_are_listed(published: Doc, supplement: Doc) -> None:
    assert apply_supplement(published, supplement)[SUPPLEMENTED] == [LIST, POST]


def strings(schema: Json) -> list[Doc]:
    """Every schema of a text, at any depth."""
    if isinstance(schema, list):
        return [found for item in schema for found in strings(item)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if schema.get("type") == "string" or schema.get("type") == ["string", "null"] else []
    return own + [found for item in schema.values() for found in strings(item)]


def test_statuses_and_choices_are_open_strings(supplement: Doc) -> None:
    found = [text for action in parse_overlay(supplement).actions for text in strings(action.update)]
    assert found
    assert not [text for text in found if "enum" in text or "const" in text]


def test_pages_that_are_vendored_make_each_action_an_error_that_says_to_drop_it(vendored: Doc, supplement: Doc) -> None:
    with pytest.raises(CodegenError) as caught:
        apply_supplement(vendored, supplement)
    message = str(caught.value)
    for number, action in enumerate(parse_overlay(supplement).actions, start=1):
        assert f"supplement action {number} adds #/" in message
        assert f"The source of this action: {action.description}" in message
    assert message.count("drop this action") == len(parse_overlay(supplement).actions)
    assert "  Both say the same." in message


def test_the_error_shows_how_a_page_and_the_supplement_differ(vendored: Doc, supplement: Doc) -> None:
    document = copy.deepcopy(vendored)
    operation = document["paths"]["/v1/video/generations"]["post"]
    operation["summary"] = "Make a video"
    operation["deprecated"] = True
    del operation["responses"]["402"]
    with pytest.raises(CodegenError) as caught:
        apply_supplement(document, supplement)
    message = str(caught.value)
    assert f'  {POST}/summary: "Make a video" on the page, "Create Video Generation" in the supplement' in message
    assert f"  {POST}/deprecated: only on the page" in message
    assert f"  {POST}/responses/402: only in the supplement" in message


def test_a_long_list_of_differences_is_cut(vendored: Doc, supplement: Doc) -> None:
    document = copy.deepcopy(vendored)
    document["components"]["schemas"]["VideoGenerationRequest"]["properties"] = {}
    with pytest.raises(CodegenError, match=r"There are 7 more differences\."):
        apply_supplement(document, supplement)


def test_one_vendored_page_collides_with_its_own_action_only(published: Doc, vendored: Doc, supplement: Doc) -> None:
    document: dict[str, Any] = copy.deepcopy(published)
    document["paths"]["/v1/video/generations"] = {"post": vendored["paths"]["/v1/video/generations"]["post"]}
    with pytest.raises(CodegenError) as caught:
        apply_supplement(document, supplement)
    assert str(caught.value).startswith("supplement action 1 ")
    assert str(caught.value).count("drop this action") == 1


def test_a_schema_that_nothing_refers_to_any_more_is_an_error(published: Doc, supplement: Doc) -> None:
    without_create = {**supplement, "actions": supplement["actions"][1:]}
    with pytest.raises(CodegenError) as caught:
        apply_supplement(published, without_create)
    message = str(caught.value)
    assert "supplement action 2 adds #/components/schemas/VideoGenerationRequest, and nothing refers to it" in message
    assert "VideoTaskListResponse" not in message


@pytest.mark.parametrize(
    "action",
    [
        {"target": "$.paths", "description": "d", "remove": True},
        {"target": "$.info", "description": "d", "update": {"title": "t"}},
        {"target": "$.paths", "description": "d", "update": {}},
    ],
)
def test_an_action_that_adds_no_operation_and_no_schema_is_an_error(published: Doc, action: Doc) -> None:
    overlay = {"overlay": "1.0.0", "info": {"title": "t", "version": "1"}, "actions": [action]}
    with pytest.raises(CodegenError, match=r"supplement action 1 .* adds no operation and no schema"):
        apply_supplement(published, overlay)


def test_the_vendored_pages_give_the_same_public_names_as_the_supplement(vendored_code: Path) -> None:
    report = compare_generated(GENERATED, vendored_code)
    assert (report.breaking_api, report.annotations) == ([], [])
    assert report.severity is Severity.COSMETIC
    assert [change.path for change in report.files] == ["openapi.json"]


def test_the_report_says_when_an_operation_no_longer_rests_on_the_supplement(vendored_code: Path) -> None:
    text = compare_generated(GENERATED, vendored_code).markdown()
    assert f"- `{POST}` rested on the supplement before: now its page is vendored." in text
    text = compare_generated(vendored_code, GENERATED).markdown()
    assert f"- `{POST}` rests on the supplement: its page is not vendored yet." in text
    assert f"- `{POST}` rests on the supplement now: its page was vendored before." in text
