"""Instances of a schema that stand for many: the least, the plain one, both ends of each rule, and each alternative."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator
from typing import Final

from codegen.document import Json, is_object
from codegen.verification.instances import EXAMPLES, EndlessError, alternatives, one_of

_VARIANTS: Final = ("least", "plain", "low", "high", "negative", "other", "null")
_LONG: Final = 70
_MANY: Final = 12
_DEEP: Final = 6


def instances(document: dict[str, Json], schema: Json, successor: dict[str, Json]) -> Iterator[Json]:
    """Valid instances of a schema. A free object also has keys that its successor declares."""
    seen: set[str] = set()
    for variant in _VARIANTS:
        with contextlib.suppress(RecursionError, EndlessError):
            made = _make(document, schema, variant, 0, successor)
            text = json.dumps(made, sort_keys=True)
            if text not in seen:
                seen.add(text)
                yield made


def _make(document: dict[str, Json], schema: Json, variant: str, depth: int, successor: Json) -> Json:
    if depth > 8:
        raise RecursionError
    found = sorted(alternatives(document, schema), key=lambda each: each.get("type") == "null")
    if variant == "other":
        found = [each for each in found if each.get("type") != "null"][1:] or found
    chosen: Json = found[-1 if variant == "null" else 0]
    if "enum" in chosen:
        return chosen["enum"][-1 if variant in ("other", "high") else 0]
    kind = chosen.get("type")
    if kind == "object":
        return _object(document, chosen, variant, depth, successor)
    if kind == "array":
        return _array(document, chosen, variant, depth)
    if kind == "string":
        return _string(chosen, variant)
    if kind in ("integer", "number"):
        return _number(chosen, variant, whole=kind == "integer")
    return {"boolean": variant != "low", "null": None}.get(str(kind), {"low": 7, "high": ["x"]}.get(variant, "any"))


def _object(document: dict[str, Json], schema: dict[str, Json], variant: str, depth: int, successor: Json) -> Json:
    declared = schema.get("properties", {})
    later: dict[str, Json] = successor.get("properties", {}) if is_object(successor) else {}
    required = schema.get("required", [])
    made: dict[str, Json] = {}
    for name in sorted({*declared, *required}):
        if variant == "least" and name not in required:
            continue
        try:
            made[name] = _make(document, declared.get(name, True), variant, depth + 1, later.get(name))
        except RecursionError:
            if name in required:
                raise
    others = schema.get("additionalProperties", True)
    if not declared and others is not False and variant != "least":
        anything = others in (True, {})
        for name in ["key", *(["key 2", "key 3"] if variant == "high" else []), *later]:
            chosen: Json = later[name] if anything and name in later else others
            made[name] = _make(document, chosen, variant, depth + 1, None)
    return made


def _array(document: dict[str, Json], schema: dict[str, Json], variant: str, depth: int) -> Json:
    least, most = schema.get("minItems", 0), schema.get("maxItems", _MANY)
    count = {"low": least, "least": least, "high": most if depth < _DEEP else 1}.get(variant, max(least, min(1, most)))
    try:
        item = _make(document, schema.get("items", True), variant, depth + 1, None)
    except RecursionError:
        if least:
            raise
        return []
    return [item] * count


def _string(schema: dict[str, Json], variant: str) -> str:
    if "pattern" in schema:
        return str(one_of({}, schema))
    if schema.get("format") in EXAMPLES:
        return str(EXAMPLES[schema["format"]])
    least, most = schema.get("minLength", 0), schema.get("maxLength", math.inf)
    wanted = {"low": least, "high": min(most, _LONG)}.get(variant, max(least, min(4, most)))
    if variant == "high" and most > _LONG:
        # Longer than usual, with characters that a simple pattern does not allow.
        return "Ä 1/" * (_LONG // 4) + "zz"
    return ("text" * _LONG)[:wanted]


def _number(schema: dict[str, Json], variant: str, *, whole: bool) -> Json:
    step = schema.get("multipleOf", 1)
    low = schema.get("minimum", schema.get("exclusiveMinimum", -1000003 * step))
    high = schema.get("maximum", schema.get("exclusiveMaximum", 1000003 * step))
    low += "exclusiveMinimum" in schema and "minimum" not in schema
    high -= "exclusiveMaximum" in schema and "maximum" not in schema
    if variant == "other" and not whole and "multipleOf" not in schema:
        return (max(low, 0) + min(high, 3)) / 2
    wanted = {"low": low, "negative": low, "high": high}.get(variant, min(max(low, 1), high))
    return math.ceil(wanted / step) * step if wanted != high else math.floor(wanted / step) * step
