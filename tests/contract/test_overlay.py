"""An overlay follows the standard, and fails where the standard would ignore an action."""

from __future__ import annotations

import pytest

from codegen.document import Json
from codegen.errors import CodegenError
from codegen.overlay import apply_overlay

DOCUMENT: dict[str, Json] = {
    "info": {"title": "old", "version": "1"},
    "tags": ["a", "b", "a"],
    "servers": [{"url": "https://one.example"}, {"url": "https://two.example"}],
}


def overlay(**action: object) -> dict[str, Json]:
    return {"overlay": "1.0.0", "info": {"title": "t", "version": "1"}, "actions": [{"description": "why", **action}]}


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ({"target": "$.info", "update": {"title": "new"}}, {"info": {"title": "new", "version": "1"}}),
        (
            {"target": "$", "update": {"info": {"x": {"y": 1}}}},
            {"info": {"title": "old", "version": "1", "x": {"y": 1}}},
        ),
        ({"target": "$.tags", "update": "c"}, {"tags": ["a", "b", "a", "c"]}),
        ({"target": "$", "update": {"tags": ["c"]}}, {"tags": ["a", "b", "a", "c"]}),
        ({"target": "$.tags[?@ == 'a']", "remove": True}, {"tags": ["b"]}),
        ({"target": "$.tags[*]", "x-replace": {"pattern": "^a$", "by": "z"}}, {"tags": ["z", "b", "z"]}),
        ({"target": "$.servers[0]", "remove": True}, {"servers": [{"url": "https://two.example"}]}),
        ({"target": "$.info", "update": {"title": "new"}, "x-if-absent": True}, {}),
        (
            {"target": "$.info", "update": {"title": "new", "x": 1}, "x-if-absent": True},
            {"info": {"title": "old", "version": "1", "x": 1}},
        ),
        (
            {"target": "$.servers[*]", "update": {"x": 1}},
            {"servers": [{"url": "https://one.example", "x": 1}, {"url": "https://two.example", "x": 1}]},
        ),
    ],
)
def test_actions_update_append_and_remove(action: dict[str, object], expected: dict[str, Json]) -> None:
    assert apply_overlay(DOCUMENT, overlay(**action)) == {**DOCUMENT, **expected}


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ({"target": "$.nowhere", "remove": True}, r"overlay action 1 \(target \$.nowhere\) matches nothing"),
        ({"target": "$.tags[?@ == 'z']", "update": {}}, r"overlay action 1 .* matches nothing"),
        ({"target": "$.info[", "remove": True}, "not RFC 9535 JSONPath"),
        ({"target": "$.info"}, "should have exactly one of `update`, `remove: true`, `x-replace` and `x-describe`"),
        (
            {"target": "$.info", "update": {}, "remove": True},
            "should have exactly one of `update`, `remove: true`, `x-replace` and `x-describe`",
        ),
        ({"target": "$", "remove": True}, "remove or replace the whole document"),
        ({"target": "$.nowhere", "update": {"a": 1}, "x-if-absent": True}, "matches nothing"),
        ({"target": "$.info", "remove": True, "x-if-absent": True}, "needs an object as its `update`"),
        ({"target": "$.info.title", "update": "new"}, "cannot update a value of type str with one of type str"),
        (
            {"target": "$.info", "x-replace": {"pattern": "a", "by": ""}},
            "selects a value of type dict, but `x-replace` needs strings",
        ),
        ({"target": "$.tags[*]", "x-replace": {"pattern": "(", "by": ""}}, "not a regular expression"),
        ({"target": "$.tags[*]", "x-replace": {"pattern": "z", "by": ""}}, "has a pattern that matches none"),
        ({"target": "$", "x-replace": {"pattern": "a", "by": ""}}, "replace the whole document"),
        ({"target": "$.info", "upate": {}}, "unknown field `upate`"),
        ({"update": {}}, "missing required field `target`"),
    ],
)
def test_an_action_that_cannot_be_applied_is_an_error_that_names_it(action: dict[str, object], message: str) -> None:
    with pytest.raises(CodegenError, match=message):
        apply_overlay(DOCUMENT, overlay(**action))


def test_an_unmatched_target_is_reported_with_its_reason() -> None:
    with pytest.raises(CodegenError, match="The reason for this action: why"):
        apply_overlay(DOCUMENT, overlay(target="$.nowhere", remove=True))


def test_an_overlay_of_another_version_is_refused() -> None:
    with pytest.raises(CodegenError, match=r"has version '2\.0\.0'"):
        apply_overlay(DOCUMENT, {**overlay(target="$", update={}), "overlay": "2.0.0"})
