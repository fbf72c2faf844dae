"""Makes an instance of a schema: always the same one, with every declared property, until a schema repeats.

hypothesis-jsonschema makes instances too, but its release 0.23.1 fails with the current hypothesis, and it
cannot make instances of recursive schemas.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator
from typing import Final

import jsonschema_rs

from codegen.adaptation.merging import Merger, is_nothing
from codegen.adaptation.patterns import python_pattern
from codegen.document import Json, as_list, is_list, is_object

Schema = dict[str, Json]

EXAMPLES: Final = {
    "date-time": "2026-01-02T03:04:05+00:00",
    "date": "2026-01-02",
    "time": "03:04:05Z",
    "duration": "P1D",
    "uuid": "12345678-1234-5678-1234-567812345678",
    "uri": "https://example.com/",
    "uri-reference": "/path",
    "iri": "https://example.com/",
    "email": "someone@example.com",
    "idn-email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "json-pointer": "/path",
    "byte": "dGV4dA==",
    "base64": "dGV4dA==",
}
# Many patterns match one of these.
_TEXTS: Final = ("text", "a", "1", "A", "abc", "123", "a-b", "2026-01-02", "https://example.com/", "")
# An instance with more levels than this one is of no use, and schemas without `$ref` cannot repeat.
_MAX_LEVELS: Final = 40
# A longer text or list would take the memory of the machine.
_MAX_LENGTH: Final = 100_000
_MOST_PATTERNS: Final = 4


class EndlessError(Exception):
    """A schema whose instances must contain an instance of the same schema, or that has none, or only huge ones."""


def one_instance(document: Schema, schema_name: str) -> Json:
    """Always the same valid instance of a component, with every declared property, until a schema repeats."""
    return instance_of(document, component(schema_name))


def instance_of(document: Schema, schema: Json) -> Json:
    """An instance of a schema in a document. Raises an `EndlessError` if the schema has none."""
    return _one(document, schema, frozenset())


def component(schema_name: str) -> Schema:
    """The reference to a component."""
    return {"$ref": f"#/components/schemas/{schema_name}"}


def alternatives(document: Schema, schema: Json, levels: int = 0) -> list[Schema]:
    """The alternatives of a value: schemas without references and choices, with an `enum` or one `type` (or None)."""
    if schema is False or levels > _MAX_LEVELS:
        return []
    try:
        schema = resolved(document, {} if schema is True else schema, levels)
    except EndlessError:
        return []
    if is_nothing(schema):
        return []
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            rest = _without(schema, choice)
            return [
                found
                for branch in schema[choice]
                if branch is not False
                for found in alternatives(document, {"allOf": [rest, branch]} if rest else branch, levels + 1)
            ]
    if "enum" in schema or "const" in schema:
        return [{"type": None, "enum": [schema["const"]] if "const" in schema else schema["enum"]}]
    kind = schema.get("type", "object" if "properties" in schema else "array" if "items" in schema else None)
    return [{**schema, "type": one} for one in (kind if is_list(kind) else [kind])]


def resolved(document: Schema, schema: Json, levels: int = 0) -> Schema:
    """A schema without `$ref` and `allOf` at its top."""
    if levels > _MAX_LEVELS:
        raise EndlessError
    if not is_object(schema):
        return {}
    if "$ref" in schema:
        target = value_at(document, schema["$ref"])
        siblings = _without(schema, "$ref")
        return resolved(document, {"allOf": [target, siblings]} if siblings else target, levels + 1)
    if "allOf" in schema:
        return resolved(document, _all_of(document, schema, levels), levels + 1)
    return schema


def value_at(document: Schema, pointer: str) -> Json:
    """The value at a place of a document. Raises an `EndlessError` if there is none."""
    value: Json = document
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(key)] if is_list(value) else value[key]
        except (LookupError, TypeError, ValueError) as error:
            raise EndlessError from error
    return value


def _all_of(document: Schema, schema: Schema, levels: int) -> Schema:
    merger = Merger(document, [])
    parts = [resolved(document, part, levels + 1) for part in schema["allOf"]]
    merged = merger.joined(schema, parts)
    patterns = list(dict.fromkeys(part["pattern"] for part in (*parts, schema) if "pattern" in part))
    if len(patterns) > 1:
        # A text that begins as one pattern demands, and ends as another does, often matches both.
        texts = [_of_pattern(pattern, {}) or "" for pattern in patterns[:_MOST_PATTERNS]]
        joined = ["".join(each) for each in itertools.permutations(texts)]
        merged["examples"] = [*as_list(merged.get("examples")), *texts, *joined]
    return merged


def _without(schema: Schema, key: str) -> Schema:
    return {name: value for name, value in schema.items() if name != key}


def whole_bounds(schema: Schema) -> tuple[int | None, int | None]:
    """The least and the greatest integer that a schema allows."""
    lows = [math.ceil(schema["minimum"])] if "minimum" in schema else []
    highs = [math.floor(schema["maximum"])] if "maximum" in schema else []
    if "exclusiveMinimum" in schema:
        lows.append(math.floor(schema["exclusiveMinimum"]) + 1)
    if "exclusiveMaximum" in schema:
        highs.append(math.ceil(schema["exclusiveMaximum"]) - 1)
    return max(lows, default=None), min(highs, default=None)


def _one(document: Schema, schema: Json, above: frozenset[str]) -> Json:
    key = json.dumps(schema, sort_keys=True)
    if key in above or len(above) > _MAX_LEVELS:
        raise EndlessError
    for found in sorted(alternatives(document, schema), key=lambda found: found.get("type") == "null"):
        try:
            return one_of(document, found, above | {key})
        except EndlessError:
            continue
    raise EndlessError


def one_of(document: Schema, schema: Schema, above: frozenset[str] = frozenset()) -> Json:
    """An instance of one of the `alternatives`."""
    if "enum" in schema:
        return schema["enum"][0]
    make: dict[str | None, Callable[[], Json]] = {
        "object": lambda: _one_object(document, schema, above),
        "array": lambda: _one_array(document, schema, above),
        "string": lambda: _one_string(schema),
        "integer": lambda: _one_integer(schema),
        "number": lambda: _one_number(schema),
        "boolean": lambda: True,
        "null": lambda: None,
        None: lambda: "anything",
    }
    if schema["type"] not in make:
        raise EndlessError
    return make[schema["type"]]()


def _one_object(document: Schema, schema: Schema, above: frozenset[str]) -> Json:
    properties: Schema = dict.fromkeys(schema.get("required", []), True) | schema.get("properties", {})
    others = schema.get("additionalProperties")
    if not properties and is_object(others):
        properties = {"key": others}
    made: Schema = {}
    for name, value in properties.items():
        try:
            made[name] = _one(document, value, above)
        except EndlessError:
            if name in schema.get("required", []):
                raise
    for number in range(_least(schema, "minProperties") - len(made)):
        made[f"further-{number}"] = _one(document, others if is_object(others) else True, above)
    return made


def _one_array(document: Schema, schema: Schema, above: frozenset[str]) -> Json:
    least = _least(schema, "minItems")
    first = [_one(document, item, above) for item in schema.get("prefixItems", [])]
    if "contains" in schema:
        first += [_one(document, schema["contains"], above)] * _least({"minContains": 1, **schema}, "minContains")
    try:
        item = _one(document, schema.get("items", True), above)
    except EndlessError:
        if least > len(first):
            raise
        return first
    count = min(max(0 if first else 1, least - len(first)), schema.get("maxItems", math.inf))
    return first + [item] * int(count)


def _least(schema: Schema, keyword: str) -> int:
    """The smallest length. JSON Schema allows 3.0 for 3."""
    least = int(schema.get(keyword, 0))
    if least > _MAX_LENGTH:
        raise EndlessError
    return least


def _one_string(schema: Schema) -> Json:
    least = _least(schema, "minLength")
    most = int(schema["maxLength"]) if "maxLength" in schema else None
    example = EXAMPLES.get(schema.get("format", ""), "text").ljust(least, "t")[:most]
    if "pattern" not in schema:
        return example
    valid = jsonschema_rs.validator_for(
        {key: schema[key] for key in ("pattern", "minLength", "maxLength") if key in schema}
    )
    return next(text for text in _candidates(schema, example) if text is not None and valid.is_valid(text))


def _candidates(schema: Schema, example: str) -> Iterator[Json]:
    given: list[Json] = [*as_list(schema.get("examples")), schema.get("example"), schema.get("default")]
    yield from (text for text in given if isinstance(text, str))
    yield example
    yield from _TEXTS
    yield _of_pattern(schema["pattern"], schema)
    raise EndlessError


def _of_pattern(pattern: Json, lengths: Schema) -> str | None:
    read = python_pattern(str(pattern))
    if read is None:
        return None
    from codegen.verification.patterns import matching  # noqa: PLC0415 - see there

    found: str | None = matching(read, lengths.get("minLength", 0), lengths.get("maxLength", math.inf))
    return found


def _one_integer(schema: Schema) -> Json:
    low, high = whole_bounds(schema)
    step = schema.get("multipleOf", 1)
    number = 1 if low is None else max(1, low)
    fits = high is None or number <= high
    return math.ceil(number / step) * step if fits else math.floor(high / step) * step


def _one_number(schema: Schema) -> Json:
    if "multipleOf" in schema:
        return _one_integer(schema)
    low: Json = schema.get("minimum", schema.get("exclusiveMinimum", -math.inf))
    high: Json = schema.get("maximum", schema.get("exclusiveMaximum", math.inf))
    return (low + high) / 2 if math.isfinite(low + high) else min(max(1.5, low + 1), high - 1)
