"""Drops the extensions of a published document: the keys that begin with `x-`, and the generators' own keywords.

OpenAPI gives extensions no meaning, but the generators give some of them one: a page could change a type, or add
an import to the generated code, with a key that looks like a remark. A repair in the overlay may still add an
extension, because a maintainer writes the overlay.
"""

from __future__ import annotations

from typing import Final

from codegen.document import Json, is_list, is_object
from codegen.openapi import Keys

KEPT: Final = frozenset({"x-enum-varnames"})
"""The extensions that stay: both generators read them in the same way."""

GENERATOR_KEYWORDS: Final = frozenset(
    {"customBasePath", "customTypePath", "default_factory", "init", "is_classvar", "kw_only", "validate_default"}
)
"""Keywords of datamodel-code-generator that are in no standard."""


def without_extensions(document: dict[str, Json]) -> dict[str, Json]:
    """A copy of `document` without extensions. Examples, defaults and the values of enums stay as they are."""
    kept: dict[str, Json] = _without(document)
    return kept


def _without(value: Json, keys: Keys = Keys.KEYWORDS) -> Json:
    if is_list(value):
        return [_without(item) for item in value]
    if not is_object(value):
        return value
    kept: dict[str, Json] = {}
    for key, member in value.items():
        below = keys.below(key)
        if below is None:
            kept[key] = member
        elif keys is Keys.NAMES or not _is_extension(key):
            kept[key] = _without(member, below)
            # The names of an operation's responses are statuses.
            if key == "responses" and keys is Keys.KEYWORDS and is_object(kept[key]):
                kept[key] = {status: response for status, response in kept[key].items() if not _is_extension(status)}
    return kept


def _is_extension(key: str) -> bool:
    return key not in KEPT and (key.startswith("x-") or key in GENERATOR_KEYWORDS)
