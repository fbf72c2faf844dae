"""Adds to a document the operations whose pages are not vendored yet: `overlays/supplement.overlay.yaml`.

Each action adds operations or component schemas. If the document describes one of them already, its page has been
vendored, and the action has to be dropped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from codegen.diff.operations import SUPPLEMENTED
from codegen.document import Json, as_object, is_list, is_object
from codegen.errors import CodegenError
from codegen.openapi import METHODS, escape, references
from codegen.overlay import Action, apply_overlay, parse_overlay

_SCHEMAS: Final = "#/components/schemas/"
_SHOWN: Final = 10
"""The differences that an error shows of one action."""


def apply_supplement(document: dict[str, Json], supplement: dict[str, Json]) -> dict[str, Json]:
    """A copy of `document` with the additions, and with the list of the operations that rest on them.

    Raises a `CodegenError` that names every action whose addition the document describes already or does not use.
    """
    present, supplemented = _things(document), apply_overlay(document, supplement)
    used = set(references(supplemented))
    errors: list[str] = []
    added: list[str] = []
    for number, action in enumerate(parse_overlay(supplement).actions, start=1):
        additions = _additions(number, action)
        described = [place for place in additions if place in present]
        unused = [place for place in additions if place.startswith(_SCHEMAS) and place not in used]
        if described:
            differences = [
                line for place in described for line in _differences(present[place], additions[place], place)
            ]
            errors.append(_collision(number, action, described, differences))
        elif unused:
            errors.append(
                f"supplement action {number} adds {' and '.join(unused)}, and nothing refers to it: drop this action."
            )
        added += [place for place in additions if not place.startswith(_SCHEMAS)]
    if errors:
        raise CodegenError("\n".join(errors))
    return {**supplemented, SUPPLEMENTED: sorted(added)}


def _additions(number: int, action: Action) -> dict[str, Json]:
    """The operations and the schemas that an action adds, by their place."""
    match action.target:
        case "$.paths" if is_object(action.update):
            additions = _things({"paths": action.update})
        case "$.components.schemas" if is_object(action.update):
            additions = _things({"components": {"schemas": action.update}})
        case _:
            additions = {}
    if not additions:
        raise CodegenError(
            f"supplement action {number} (target {action.target}) adds no operation and no schema. Its target must be "
            "$.paths or $.components.schemas, and its `update` must be an object."
        )
    return additions


def _things(document: dict[str, Json]) -> dict[str, Json]:
    """The operations and the component schemas of a document, by their place."""
    schemas = as_object(as_object(document.get("components")).get("schemas"))
    return {
        **{
            f"#/paths/{escape(path)}/{method}": operation
            for path, item in as_object(document.get("paths")).items()
            for method, operation in as_object(item).items()
            if method in METHODS
        },
        **{f"#/components/schemas/{escape(name)}": schema for name, schema in schemas.items()},
    }


def _collision(number: int, action: Action, described: list[str], differences: list[str]) -> str:
    lines = [
        f"supplement action {number} adds {' and '.join(described)}, which the document describes already.",
        "The page has been vendored: drop this action.",
        f"The source of this action: {action.description}",
        "The differences:",
    ]
    lines += [f"  {line}" for line in differences[:_SHOWN]] or ["  Both say the same."]
    if len(differences) > _SHOWN:
        lines.append(f"  There are {len(differences) - _SHOWN} more differences.")
    return "\n".join(lines)


def _differences(published: Json, added: Json, place: str) -> Iterator[str]:
    if is_object(published) and is_object(added):
        for key in sorted(published.keys() | added.keys()):
            here = f"{place}/{escape(key)}"
            if key not in added:
                yield f"{here}: only on the page"
            elif key not in published:
                yield f"{here}: only in the supplement"
            else:
                yield from _differences(published[key], added[key], here)
    elif is_list(published) and is_list(added) and len(published) == len(added):
        for index, pair in enumerate(zip(published, added, strict=True)):
            yield from _differences(*pair, f"{place}/{index}")
    elif published != added:
        yield f"{place}: {_shown(published)} on the page, {_shown(added)} in the supplement"


def _shown(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
