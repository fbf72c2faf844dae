"""Joins two schemas whose values must match both."""

from __future__ import annotations

from codegen.adaptation.normal import set_types, types_of_schema
from codegen.adaptation.places import Schema
from codegen.document import as_object, is_list


def merge(one: Schema, other: Schema) -> Schema:
    """A schema whose values match both. Where both say something, the narrower type counts."""
    merged = {**one, **other}
    if "required" in one and "required" in other:
        merged["required"] = list(dict.fromkeys([*one["required"], *other["required"]]))
    ours, theirs = as_object(one.get("properties")), as_object(other.get("properties"))
    if ours and theirs:
        both = {name: merge(ours[name], theirs[name]) if name in ours else theirs[name] for name in theirs}
        merged["properties"] = {**ours, **both}
    if "type" in one and "type" in other:
        mine = types_of_schema(one)
        kinds = [kind for kind in types_of_schema(other) if kind in mine or (kind == "integer" and "number" in mine)]
        kinds += (
            ["integer"] if "integer" in mine and "number" in types_of_schema(other) and "integer" not in kinds else []
        )
        set_types(merged, kinds or types_of_schema(other))
    if is_list(one.get("enum")) and is_list(other.get("enum")):
        merged["enum"] = [value for value in other["enum"] if value in one["enum"]]
    for low in ("minimum", "exclusiveMinimum", "minLength", "minItems"):
        if low in one and low in other:
            merged[low] = max(one[low], other[low])
    for high in ("maximum", "exclusiveMaximum", "maxLength", "maxItems"):
        if high in one and high in other:
            merged[high] = min(one[high], other[high])
    return merged
