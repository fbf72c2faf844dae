"""Remedies that a refusal offers: text that a maintainer can paste."""

from __future__ import annotations

import json

from codegen.document import Json
from codegen.merge import dump
from codegen.openapi import Keys


def overlay_action(pointer: str, reason: str, *, update: dict[str, Json] | None = None) -> str:
    """An action for `overlays/openapi.overlay.yaml`: it updates the object at a place, or removes the place.

    The place is a JSON pointer in a URI fragment, or JSONPath.
    """
    change: dict[str, Json] = {"remove": True} if update is None else {"update": update}
    target = pointer if pointer.startswith("$") else json_path(pointer)
    action = dump([{"target": target, "description": reason, **change}])
    return f"Paste this at the end of overlays/openapi.overlay.yaml:\n\n{action}"


def class_setting(schema: str, class_name: str) -> str:
    """Lines for `generator-config.yml`: they give the class of a schema another name."""
    setting = dump({"class_overrides": {schema: {"class_name": class_name}}})
    place = "generator-config.yml (if it has `class_overrides` already, paste the inner lines below that key)"
    return f"Paste this into {place}:\n\n{setting}"


def json_path(pointer: str) -> str:
    """A JSON pointer as the JSONPath that selects the same place."""
    path, keys = "$", Keys.KEYWORDS
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        # No keyword of OpenAPI is a number. Such a name may be the key of an object: a status is one.
        is_index = key.isdigit() and keys is Keys.KEYWORDS
        path += f"[{key}]" if is_index else f"[{_quoted(key)}]"
        keys = keys.below(key) or Keys.KEYWORDS
    return path


def parameter_path(pointer: str, name: str, location: str) -> str:
    """The JSONPath of a parameter by its name: its index changes when another parameter is removed."""
    if pointer.startswith("#/components/"):
        return f"$.paths..parameters[?@['$ref'] == {_quoted(pointer)}]"
    holder = json_path(pointer.rpartition("/")[0])
    return f"{holder}[?@.name == {_quoted(name)} && @.in == {_quoted(location)}]"


def _quoted(name: str) -> str:
    escaped = json.dumps(name)[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"'{escaped}'"
