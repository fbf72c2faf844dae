"""Drops the extensions of a published document: the keys that begin with `x-`, and the generators' own keywords.

OpenAPI gives extensions no meaning, but the generators give some of them one: a page could change a type, or add
an import to the generated code, with a key that looks like a remark. A repair in the overlay may still add an
extension, because a maintainer writes the overlay.
"""

from __future__ import annotations

from typing import Final

from codegen.document import Json, is_list, is_object
from codegen.openapi import LITERAL_KEYS

KEPT: Final = frozenset({"x-enum-varnames"})
"""The extensions that stay: both generators read them in the same way."""

GENERATOR_KEYWORDS: Final = frozenset(
    {"customBasePath", "customTypePath", "default_factory", "init", "is_classvar", "kw_only", "validate_default"}
)
"""Keywords of datamodel-code-generator that are in no standard."""

# The keys of these objects are names that the publisher chose, so they may begin with `x-`: a header, for example.
_MAPS: Final = frozenset(
    {"callbacks", "content", "encoding", "headers", "links", "mapping", "scopes", "variables", "webhooks"}
    | {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependentRequired"}
)


def without_extensions(document: dict[str, Json]) -> dict[str, Json]:
    """A copy of `document` without extensions. Examples, defaults and the values of enums stay as they are."""
    kept: dict[str, Json] = _without(document)
    return kept


def _without(value: Json, *, is_map: bool = False, has_maps: bool = False) -> Json:
    """A copy of `value`. The keys of a map are names; the values in `components` are maps."""
    if is_list(value):
        return [_without(item) for item in value]
    if not is_object(value):
        return value
    kept: dict[str, Json] = {}
    for key, member in value.items():
        if is_map:
            kept[key] = _without(member)
        elif key in LITERAL_KEYS:
            kept[key] = member
        elif key in KEPT or not (key.startswith("x-") or key in GENERATOR_KEYWORDS):
            kept[key] = _without(member, is_map=has_maps or key in _MAPS, has_maps=key == "components")
    return kept
