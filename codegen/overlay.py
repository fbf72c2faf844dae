"""Applies an OpenAPI Overlay (version 1.0.0) to a document.

Stricter than the standard in one way: an action whose target matches nothing is an error. In that case the
published document has changed at the place of the repair, and a person has to compare the two. An action with
`x-if-absent` needs no change if the publisher makes the same repair: its target still matches, and it adds nothing.
"""

from __future__ import annotations

import copy
import re

import jsonpath_rfc9535 as jsonpath
import msgspec

from codegen.document import Json, is_list, is_object
from codegen.errors import CodegenError


class Info(msgspec.Struct, forbid_unknown_fields=True):
    """The title and the version of the overlay."""

    title: str
    version: str


class Replacement(msgspec.Struct, forbid_unknown_fields=True):
    """The value of `x-replace`: in each string that the action selects, every match of `pattern` becomes `by`."""

    pattern: str
    by: str


class Action(msgspec.Struct, forbid_unknown_fields=True, rename={"replace": "x-replace", "if_absent": "x-if-absent"}):
    """One repair. The standard makes `description` optional. Here it is required: every repair has a reason."""

    target: str
    description: str
    update: Json = msgspec.UNSET
    remove: bool = False
    replace: Replacement | None = None
    if_absent: bool = False
    """Whether `update` leaves a key as it is that the document has: the publisher may make the repair, too."""


class Overlay(msgspec.Struct, forbid_unknown_fields=True):
    """An overlay document."""

    overlay: str
    info: Info
    actions: list[Action]
    extends: str | None = None


def apply_overlay(document: dict[str, Json], overlay: dict[str, Json]) -> dict[str, Json]:
    """A repaired copy of `document`. Raises a `CodegenError` that names the action that cannot be applied."""
    parsed = parse_overlay(overlay)
    repaired = copy.deepcopy(document)
    for number, action in enumerate(parsed.actions, start=1):
        try:
            _apply(repaired, action)
        except CodegenError as error:
            name = f"overlay action {number} (target {action.target})"
            raise CodegenError(
                f"{name} {error}.\nThe reason for this action: {action.description}\n"
                "Compare the document with the overlay. If the publisher has made this repair, remove the action; "
                "otherwise change it."
            ) from error
    return repaired


def parse_overlay(overlay: dict[str, Json]) -> Overlay:
    """The overlay, checked against its standard. Raises a `CodegenError` for any other object."""
    try:
        parsed = msgspec.convert(overlay, Overlay)
    except msgspec.ValidationError as error:
        raise CodegenError(f"the overlay is not valid: {error}") from error
    if parsed.overlay != "1.0.0":
        raise CodegenError(f"the overlay has version {parsed.overlay!r}; this program reads version 1.0.0")
    return parsed


def _apply(document: dict[str, Json], action: Action) -> None:
    updates = action.update is not msgspec.UNSET
    if [updates, action.remove, action.replace is not None].count(True) != 1:
        raise CodegenError("should have exactly one of `update`, `remove: true` and `x-replace`")
    if action.if_absent and not is_object(action.update):
        raise CodegenError("has `x-if-absent`, which needs an object as its `update`")
    try:
        nodes = jsonpath.find(action.target, document)
    except jsonpath.JSONPathError as error:
        raise CodegenError(f"has a target that is not RFC 9535 JSONPath: {error}") from error
    if not nodes:
        raise CodegenError("matches nothing in the document")
    if updates:
        for node in nodes:
            _merge(node.value, _absent(node.value, action.update) if action.if_absent else action.update)
        return
    if not all(node.location for node in nodes):
        raise CodegenError("would remove or replace the whole document")
    if action.replace is not None:
        _replace(document, nodes, action.replace)
        return
    # In reverse order: removing an item of a list moves only the items after it.
    for node in reversed(nodes):
        del _parent(document, node)[node.location[-1]]


def _absent(target: Json, update: dict[str, Json]) -> dict[str, Json]:
    """The part of an update whose keys the target does not have."""
    return {key: value for key, value in update.items() if not is_object(target) or key not in target}


def _parent(document: Json, node: jsonpath.JSONPathNode) -> Json:
    for key in node.location[:-1]:
        document = document[key]
    return document


def _replace(document: Json, nodes: jsonpath.JSONPathNodeList, replacement: Replacement) -> None:
    changed = False
    for node in nodes:
        if not isinstance(node.value, str):
            raise CodegenError(f"selects a value of type {type(node.value).__name__}, but `x-replace` needs strings")
        try:
            rewritten = re.sub(replacement.pattern, replacement.by, node.value)
        except re.error as error:
            raise CodegenError(f"has a pattern that is not a regular expression: {error}") from error
        changed = changed or rewritten != node.value
        _parent(document, node)[node.location[-1]] = rewritten
    if not changed:
        raise CodegenError("has a pattern that matches none of the selected strings")


def _merge(target: Json, update: Json) -> None:
    """Merges as the standard demands: objects key by key, lists by appending, other values by replacing."""
    if is_list(target):
        target.append(copy.deepcopy(update))
        return
    if not is_object(target) or not is_object(update):
        raise CodegenError(
            f"cannot update a value of type {type(target).__name__} with one of type {type(update).__name__}"
        )
    for key, value in update.items():
        present = target.get(key)
        if is_object(present) and is_object(value):
            _merge(present, value)
        elif is_list(present) and is_list(value):
            present.extend(copy.deepcopy(value))
        else:
            target[key] = copy.deepcopy(value)
