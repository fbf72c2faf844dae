"""Remedies that a refusal offers: text that a maintainer can paste."""

from __future__ import annotations

from codegen.document import Json
from codegen.merge import dump


def overlay_action(pointer: str, reason: str, *, update: dict[str, Json] | None = None) -> str:
    """An action for `overlays/openapi.overlay.yaml`: it updates the object at a place, or removes the place."""
    change: dict[str, Json] = {"remove": True} if update is None else {"update": update}
    action = dump([{"target": json_path(pointer), "description": reason, **change}])
    return f"Paste this at the end of overlays/openapi.overlay.yaml:\n\n{_indented(action)}"


def class_setting(schema: str, class_name: str) -> str:
    """A line for `generator-config.yml`: it gives the class of a schema another name."""
    setting = dump({"class_overrides": {schema: {"class_name": class_name}}})
    return f"Paste this into generator-config.yml:\n\n{_indented(setting)}"


def json_path(pointer: str) -> str:
    """A JSON pointer as the JSONPath that selects the same place."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    return "$" + "".join(f"[{part}]" if part.isdigit() else f"[{_quoted(part)}]" for part in parts)


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _indented(text: str) -> str:
    return "".join(f"  {line}" for line in text.splitlines(keepends=True))
