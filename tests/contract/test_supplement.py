"""The supplement adds operations whose pages are not vendored yet, and gives way to the pages once they are."""

from __future__ import annotations

import ast
import copy
import inspect
import json
import re
import sys
from pathlib import Path
from typing import Final

import pytest
from oas_patch.validator import (  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs] - it has no type hints
    validate,  # pyright: ignore[reportUnknownVariableType]
)

from codegen.diff.operations import SUPPLEMENTED
from codegen.diff.report import Report, compare_generated, read_overlaid
from codegen.diff.severity import Severity
from codegen.document import DOCUMENT, GENERATED, SUPPLEMENT, Json, is_list, is_object
from codegen.errors import CodegenError
from codegen.file_diff import unified_diff
from codegen.merge import merge
from codegen.overlay import apply_overlay, parse_overlay
from codegen.parsing import read_mapping
from codegen.regenerate import CLIENT, generate, regenerate
from codegen.sources import read
from codegen.supplement import apply_supplement
from codegen.vendor import main
from contract.conftest import PAGES, merged_with
from contract.vendoring import Checkout
from meshapi_video_generated.api.video import list_video_generations
from meshapi_video_generated.models import VideoContentItem, VideoGenerationRequest
from meshapi_video_generated.types import Unset

Doc = dict[str, Json]
PATH: Final = "/v1/video/generations"
POST: Final = "#/paths/~1v1~1video~1generations/post"
LIST: Final = "#/paths/~1v1~1video~1generations/get"
SCHEMAS: Final = "#/components/schemas"
ADDED: Final = {
    1: [POST],
    2: [LIST],
    3: [f"{SCHEMAS}/VideoGenerationRequest"],
    4: [f"{SCHEMAS}/VideoContentItem{part}" for part in ("", "ImageUrl", "VideoUrl", "AudioUrl", "DraftTask")],
    5: [f"{SCHEMAS}/CreateVideoGenerationResponse"],
    6: [f"{SCHEMAS}/VideoTaskListResponse"],
}
"""What each action adds."""
DESCRIBED: Final = "a vendored page describes it"


@pytest.fixture(scope="module")
def supplement() -> Doc:
    return read_mapping(SUPPLEMENT)


@pytest.fixture(scope="module")
def vendored() -> Doc:
    """The published document with the stand-ins of both pages."""
    return merged_with(PAGES)


def overlay_of(*actions: Json) -> Doc:
    return {"overlay": "1.0.0", "info": {"title": "t", "version": "1"}, "actions": list(actions)}


def refused(document: Doc, supplement: Doc) -> dict[int, str]:
    """What the error says of each action that it names, by the number of the action."""
    with pytest.raises(CodegenError) as caught:
        apply_supplement(document, supplement)
    return {
        int(number): text
        for number, text in re.findall(
            r"^supplement action (\d+): (.*?)(?=\n\n|\Z)", str(caught.value), re.MULTILINE | re.DOTALL
        )
    }


# What the supplement says.


def test_the_supplement_is_valid_by_the_standards_own_schema(supplement: Doc) -> None:
    assert validate(supplement, "sh") == "Validation successful"
    assert "Validation successful" not in validate({**supplement, "actions": []}, "sh")


def test_each_action_names_its_source(supplement: Doc) -> None:
    for action in parse_overlay(supplement).actions:
        assert re.search(r"Source: Mesh's (reference page|guide|own Python SDK)", action.description), action


def test_the_supplement_adds_two_operations_and_their_schemas(published: Doc, supplement: Doc) -> None:
    document = apply_supplement(published, supplement)
    assert document.pop(SUPPLEMENTED) == [LIST, POST]
    # Any program that reads overlays adds the same.
    assert document == apply_overlay(published, supplement)
    assert document["paths"].keys() - published["paths"].keys() == {PATH}
    names = {place.rpartition("/")[2] for places in ADDED.values() for place in places if SCHEMAS in place}
    assert document["components"]["schemas"].keys() - published["components"]["schemas"].keys() == names


def keywords(value: Json) -> set[str]:
    """The keys of a value at any depth."""
    if is_list(value):
        return {key for item in value for key in keywords(item)}
    return set(value).union(*map(keywords, value.values())) if is_object(value) else set[str]()


def test_statuses_and_choices_are_open_strings(supplement: Doc) -> None:
    found = keywords([action.update for action in parse_overlay(supplement).actions])
    assert {"type", "resolution", "items"} < found
    assert not found & {"enum", "const", "pattern", "discriminator"}
    VideoGenerationRequest(
        model="new-model",
        content=[VideoContentItem(type_="new_type", role="new_role")],
        resolution="8k",
        ratio="2:1",
        service_tier="new-tier",
    )
    parameters = inspect.signature(list_video_generations.sync_detailed).parameters
    assert parameters["status"].annotation == list[str] | Unset


def test_the_repairs_apply_to_the_operations_of_the_supplement() -> None:
    operations = read_overlaid(GENERATED)["paths"][PATH]
    assert {method: each["operationId"] for method, each in operations.items()} == {
        "get": "list_video_generations",
        "post": "create_video_generation",
    }
    assert all(each["security"] == [{"HTTPBearer": []}] for each in operations.values())


# Once a page is vendored.


def test_vendored_pages_make_each_action_an_error_that_says_to_drop_it(vendored: Doc, supplement: Doc) -> None:
    messages = refused(vendored, supplement)
    assert messages.keys() == ADDED.keys()
    for number, action in enumerate(parse_overlay(supplement).actions, start=1):
        first, source, *rest = messages[number].splitlines()
        assert first == "drop this action."
        assert source == f"The source of this action: {action.description}"
        for place in ADDED[number]:
            assert any(line.startswith(f"  {place}: {DESCRIBED}") for line in rest)
    assert messages[5].endswith(f"{DESCRIBED}, and says the same.")
    # The page uses other words.
    assert f"cosmetic, at {POST}/description: Documentation only" in messages[1]


def test_the_last_action_is_dropped_with_the_file(vendored: Doc, supplement: Doc) -> None:
    with pytest.raises(CodegenError, match=r"No action is left then: delete overlays/supplement\.overlay\.yaml\.$"):
        apply_supplement(vendored, supplement)


def test_the_error_shows_how_the_page_differs_for_callers(vendored: Doc, supplement: Doc) -> None:
    document = copy.deepcopy(vendored)
    del document["paths"][PATH]["post"]["responses"]["402"]
    properties = document["components"]["schemas"]["VideoGenerationRequest"]["properties"]
    properties["tools"] = {"type": "array", "items": {"type": "string"}}
    properties["duration"] = {"type": "integer"}
    del document["components"]["schemas"]["VideoContentItemImageUrl"]["required"]
    messages = refused(document, supplement)
    assert f"breaking, at {POST}/responses/402: A response with status 402 is no longer parsed." in messages[1]
    place = f"{SCHEMAS}/VideoGenerationRequest/properties"
    assert f"additive, at {place}/tools: `VideoGenerationRequest.tools` was added." in messages[3]
    assert f"breaking, at {place}/duration" in messages[3]
    assert f"  {SCHEMAS}/VideoContentItem: {DESCRIBED}, and says the same." in messages[4]
    assert f"  {SCHEMAS}/VideoContentItemImageUrl: {DESCRIBED}. From the supplement to the page:" in messages[4]


def test_a_long_list_of_differences_is_cut(vendored: Doc, supplement: Doc) -> None:
    document = copy.deepcopy(vendored)
    document["components"]["schemas"]["VideoGenerationRequest"]["properties"] = {}
    message = refused(document, supplement)[3]
    assert message.count("  breaking, at ") == 10
    assert message.endswith("There are 7 more differences.")


def test_one_vendored_page_replaces_only_the_actions_of_its_operation(supplement: Doc) -> None:
    for page, numbers in (("create-video-generation.md", {1, 3, 4, 5}), ("list-video-generations.md", {2, 6})):
        document = merge([(str(each), read(str(each)).document) for each in (DOCUMENT, PAGES / page)])
        messages = refused(document, supplement)
        assert messages.keys() == numbers
        kept = [action for number, action in enumerate(supplement["actions"], start=1) if number not in numbers]
        rests = [LIST] if 1 in numbers else [POST]
        assert apply_supplement(document, {**supplement, "actions": kept})[SUPPLEMENTED] == rests


def test_a_schema_to_which_no_operation_refers_any_more_is_dropped_with_the_others(
    vendored: Doc, supplement: Doc
) -> None:
    # The page calls the response to a create by another name.
    document = json.loads(json.dumps(vendored).replace("CreateVideoGenerationResponse", "VideoCreated"))
    messages = refused(document, supplement)
    assert messages.keys() == ADDED.keys()
    assert messages[5].startswith("drop this action.")
    assert messages[5].endswith(f"  {ADDED[5][0]}: no operation refers to it.")
    assert "VideoCreated" in messages[1]


def test_of_an_action_that_the_supplement_still_needs_only_a_part_is_dropped(published: Doc, supplement: Doc) -> None:
    document = copy.deepcopy(published)
    (place,) = ADDED[4][1:2]
    document["components"]["schemas"]["VideoContentItemImageUrl"] = {"type": "object", "properties": {}}
    messages = refused(document, supplement)
    assert messages.keys() == {4}
    assert messages[4].startswith(f"drop {place} from it, and keep the rest.")
    assert f"breaking, at {place}/properties/url" in messages[4]


def test_a_schema_that_no_operation_needs_is_an_error_without_any_page(published: Doc, supplement: Doc) -> None:
    messages = refused(published, {**supplement, "actions": supplement["actions"][1:]})
    # The request refers to the parts of the content, and nothing refers to the request.
    assert messages.keys() == {2, 3, 4}
    assert messages[3].count("no operation refers to it.") == len(ADDED[4])


@pytest.mark.parametrize(
    "action",
    [
        {"target": "$.paths", "description": "d", "remove": True},
        {"target": "$.info", "description": "d", "update": {"title": "t"}},
        {"target": "$.paths", "description": "d", "update": {}},
        {"target": "$.paths", "description": "d", "update": {"/a": {}}},
        {"target": "$.paths", "description": "d", "update": {"/a": []}},
        {"target": "$.paths", "description": "d", "update": {"/a": {"get": {}, "parameters": []}}},
        {"target": "$.components.schemas", "description": "d", "update": []},
    ],
)
def test_an_action_that_adds_something_else_is_an_error(published: Doc, action: Doc) -> None:
    with pytest.raises(CodegenError, match=r"supplement action 1 .* adds something else than operations or schemas"):
        apply_supplement(published, overlay_of(action))


def test_two_actions_cannot_add_the_same(published: Doc, supplement: Doc) -> None:
    first, *_ = supplement["actions"]
    with pytest.raises(CodegenError, match=rf"supplement actions 1 and 7 both add {POST}\."):
        apply_supplement(published, {**supplement, "actions": [*supplement["actions"], first]})


def test_an_error_of_the_overlay_names_its_file(published: Doc) -> None:
    with pytest.raises(CodegenError, match=r"^overlays/supplement\.overlay\.yaml: the overlay is not valid"):
        apply_supplement(published, {})


def test_a_collision_generates_nothing(vendored: Doc, tmp_path: Path) -> None:
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(vendored), encoding="utf-8")
    with pytest.raises(CodegenError, match="supplement action 1: drop this action"):
        regenerate(tmp_path / "generated", document)
    assert [path.name for path in tmp_path.iterdir()] == ["openapi.json"]


def test_vendoring_a_page_names_the_actions_that_it_replaces(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.redirect_command(monkeypatch)
    monkeypatch.setattr(sys, "argv", ["vendor", str(DOCUMENT), str(PAGES / "list-video-generations.md")])
    main()
    printed = capsys.readouterr().out
    assert "\nBefore you run `nox -s regenerate`:\noverlays/supplement.overlay.yaml adds what" in printed
    assert set(re.findall(r"supplement action (\d)", printed)) == {"2", "6"}

    monkeypatch.setattr("codegen.vendor.SUPPLEMENT", checkout.folder / "dropped.yaml")
    main()
    assert "supplement" not in capsys.readouterr().out


# The code of the pages is the code of the supplement.


def code_of(generated: Path) -> dict[str, str]:
    """Each module of both packages, without docstrings and comments."""
    return {
        path.relative_to(generated).as_posix(): without_docstrings(path.read_text(encoding="utf-8"))
        for path in sorted(generated.rglob("*.py"))
    }


def without_docstrings(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node
        ):
            node.body[:1] = []
    return ast.unparse(tree)


def test_the_vendored_pages_give_the_same_code_as_the_supplement(vendored_code: Path) -> None:
    of_the_pages, of_the_supplement = code_of(vendored_code), code_of(GENERATED)
    assert of_the_pages.keys() == of_the_supplement.keys()
    assert f"{CLIENT}/models/video_generation_request.py" in of_the_pages
    for path, code in of_the_pages.items():
        assert code == of_the_supplement[path], path


def test_the_vendored_pages_change_no_name_for_callers(vendored_code: Path) -> None:
    for old, new in ((GENERATED, vendored_code), (vendored_code, GENERATED)):
        report = compare_generated(old, new)
        assert (report.breaking_api, report.annotations, report.severity) == ([], [], Severity.COSMETIC)


# What the report says.


def supplement_lines(report: Report) -> list[str]:
    """The lines of the report about the supplement."""
    return [line for line in report.markdown().partition("## The supplement\n")[2].splitlines() if line[:1] == "-"]


def test_the_report_names_the_operations_that_rest_on_the_supplement(
    fresh_code: Path, published: Doc, tmp_path: Path
) -> None:
    rests = [f"- `{method} {PATH}` rests on the supplement: no page is vendored yet." for method in ("GET", "POST")]
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps({**published, "tags": [{"name": "video"}]}), encoding="utf-8")
    generate(tmp_path / "generated", document)
    assert supplement_lines(compare_generated(fresh_code, tmp_path / "generated")) == rests
    assert supplement_lines(compare_generated(tmp_path / "empty", fresh_code)) == rests
    assert compare_generated(fresh_code, fresh_code).markdown() == "no change\n"


def test_the_report_says_when_an_operation_moves_to_a_vendored_page_and_back(vendored_code: Path) -> None:
    report = compare_generated(GENERATED, vendored_code)
    assert supplement_lines(report) == [
        f"- `{method} {PATH}` is described by a vendored page now; before, it rested on the supplement."
        for method in ("GET", "POST")
    ]
    report = compare_generated(vendored_code, GENERATED)
    assert supplement_lines(report) == [
        f"- `{method} {PATH}` rests on the supplement now; before, a vendored page described it."
        for method in ("GET", "POST")
    ]


def test_an_operation_that_the_supplement_adds_did_not_move(first_page_code: Path) -> None:
    report = compare_generated(first_page_code, GENERATED)
    assert (report.severity, report.moved) == (Severity.ADDITIVE, ())
    assert len(supplement_lines(report)) == 2
    assert supplement_lines(compare_generated(GENERATED, first_page_code)) == []


def test_a_supplement_that_does_not_exist_adds_nothing(tmp_path: Path) -> None:
    for name, supplement in (("none", None), ("dropped", tmp_path / "dropped.yaml")):
        generate(tmp_path / name, supplement=supplement)
    assert unified_diff(tmp_path / "none", tmp_path / "dropped") == ""
