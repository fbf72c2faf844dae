"""Instances of the schemas of an OpenAPI document: any valid ones, or one instance with every property.

hypothesis-jsonschema makes instances too, but its release 0.23.1 fails with the current hypothesis, and it
cannot make instances of recursive schemas.
"""

from __future__ import annotations

import datetime
import json
import math
import random
from collections.abc import Callable
from typing import Final

from hypothesis import find, settings
from hypothesis import strategies as st

from codegen.document import Json, is_list, is_object

Schema = dict[str, Json]

# Half of a surrogate pair is not a character: UTF-8 cannot encode it, and msgspec refuses its escape.
TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
# Up to this number, a float represents every integer exactly.
_EXACT: Final = 2**53
FRACTIONS: Final = st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer())
WHOLE: Final = st.integers() | st.integers(-_EXACT, _EXACT).map(float)
_SCALARS: Final = st.none() | st.booleans() | WHOLE | FRACTIONS | TEXT
ANYTHING: Final[st.SearchStrategy[Json]] = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=5
)
_UNKNOWN_NAMES: Final = TEXT | st.sampled_from(["additional_properties", "from_dict", "self", "class", "a-b", "id_"])

_EXAMPLES: Final = {
    "date-time": "2026-01-02T03:04:05+00:00",
    "date": "2026-01-02",
    "time": "03:04:05",
    "duration": "P1D",
    "uuid": "12345678-1234-5678-1234-567812345678",
    "uri": "https://example.com/",
    "email": "someone@example.com",
    "byte": "dGV4dA==",
}
_FORMATS: Final[dict[str, st.SearchStrategy[Json]]] = {
    **{name: st.just(example) for name, example in _EXAMPLES.items()},
    "date-time": st.datetimes(timezones=st.just(datetime.UTC)).map(datetime.datetime.isoformat),
    "date": st.dates().map(datetime.date.isoformat),
    "uuid": st.uuids().map(str),
}


class _EndlessError(Exception):
    """A schema whose instances must contain an instance of the same schema."""


def valid_instances(document: Schema, schema_name: str) -> st.SearchStrategy[Json]:
    """Any valid instance of a component schema, with unknown fields and with floats in place of integers."""
    return _Strategies(document).of(component(schema_name))


def one_instance(document: Schema, schema_name: str) -> Json:
    """Always the same valid instance, with every declared property, until a schema repeats."""
    return _one(document, component(schema_name), frozenset())


def component(schema_name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{schema_name}"}


def alternatives(document: Schema, schema: Json) -> list[Schema]:
    """The alternatives of a value: schemas without references and choices, with an `enum` or one `type` (or None)."""
    schema = _resolved(document, {} if schema is True else schema)
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            rest = _without(schema, choice)
            return [found for branch in schema[choice] for found in alternatives(document, {**rest, **branch})]
    if "enum" in schema or "const" in schema:
        return [{"type": None, "enum": [schema["const"]] if "const" in schema else schema["enum"]}]
    kind = schema.get("type", "object" if "properties" in schema else "array" if "items" in schema else None)
    return [{**schema, "type": one} for one in (kind if is_list(kind) else [kind])]


def _resolved(document: Schema, schema: Schema) -> Schema:
    if "$ref" in schema:
        return _resolved(document, {**_target(document, schema["$ref"]), **_without(schema, "$ref")})
    if "allOf" in schema:
        return _resolved(document, _all_of(document, schema))
    return schema


def _target(document: Schema, reference: str) -> Json:
    target: Json = document
    for part in reference.removeprefix("#/").split("/"):
        target = target[part.replace("~1", "/").replace("~0", "~")]
    return target


def _all_of(document: Schema, schema: Schema) -> Schema:
    merged = _without(schema, "allOf")
    for part in schema["allOf"]:
        flat = _resolved(document, part)
        required = [*merged.get("required", []), *flat.get("required", [])]
        ours: Json = merged.get("properties", {})
        theirs: Json = flat.get("properties", {})
        merged = {**merged, **flat, "required": required}
        if ours or theirs:
            merged["properties"] = {**ours, **theirs}
    return merged


def _without(schema: Schema, key: str) -> Schema:
    return {name: value for name, value in schema.items() if name != key}


def _whole_bounds(schema: Schema) -> tuple[int | None, int | None]:
    lows = [math.ceil(schema["minimum"])] if "minimum" in schema else []
    highs = [math.floor(schema["maximum"])] if "maximum" in schema else []
    if "exclusiveMinimum" in schema:
        lows.append(math.floor(schema["exclusiveMinimum"]) + 1)
    if "exclusiveMaximum" in schema:
        highs.append(math.ceil(schema["exclusiveMaximum"]) - 1)
    return max(lows, default=None), min(highs, default=None)


class _Strategies:
    """Strategies for the schemas of one document. Each is made once, so a schema may contain itself."""

    def __init__(self, document: Schema) -> None:
        self._document = document
        self._made: dict[str, st.SearchStrategy[Json]] = {}

    def of(self, schema: Json) -> st.SearchStrategy[Json]:
        key = json.dumps(schema, sort_keys=True)
        if key not in self._made:
            self._made[key] = st.deferred(
                lambda: st.one_of([self._alternative(found) for found in alternatives(self._document, schema)])
            )
        return self._made[key]

    def _alternative(self, schema: Schema) -> st.SearchStrategy[Json]:
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        make: dict[str | None, Callable[[Schema], st.SearchStrategy[Json]]] = {
            "object": self._object,
            "array": self._array,
            "string": _strings,
            "integer": _integers,
            "number": _numbers,
            "boolean": lambda _schema: st.booleans(),
            "null": lambda _schema: st.none(),
            None: lambda _schema: ANYTHING,
        }
        return make[schema["type"]](schema)

    def _array(self, schema: Schema) -> st.SearchStrategy[Json]:
        least = schema.get("minItems", 0)
        items = self.of(schema.get("items", True))
        return st.lists(items, min_size=least, max_size=schema.get("maxItems", least + 3))

    def _object(self, schema: Schema) -> st.SearchStrategy[Json]:
        properties: Schema = schema.get("properties", {})
        made = {name: self.of(value) for name, value in properties.items()}
        required = {name: made.get(name, ANYTHING) for name in schema.get("required", [])}
        known = st.fixed_dictionaries(required, optional={n: made[n] for n in made if n not in required})
        others = schema.get("additionalProperties", True)
        if others is False:
            return known
        names = _UNKNOWN_NAMES.filter(lambda name: name not in properties)
        unknown = st.dictionaries(names, self.of(others), max_size=3)
        return st.tuples(unknown, known).map(lambda parts: {**parts[0], **parts[1]})


def _strings(schema: Schema) -> st.SearchStrategy[Json]:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    least, most = schema.get("minLength", 0), schema.get("maxLength", math.inf)
    if "pattern" in schema:
        pattern: str = schema["pattern"]
        # In Python, `$` also matches before a final newline. In JSON Schema it does not.
        return st.from_regex(pattern).filter(lambda text: least <= len(text) <= most and not text.endswith("\n"))
    characters = st.characters(exclude_categories=["Cs"])
    return st.text(characters, min_size=least, max_size=int(min(most, least + 20)))


def _integers(schema: Schema) -> st.SearchStrategy[Json]:
    step = schema.get("multipleOf", 1)
    low, high = _whole_bounds(schema)
    numbers = st.integers(
        None if low is None else math.ceil(low / step), None if high is None else math.floor(high / step)
    ).map(lambda number: number * step)
    return numbers | numbers.filter(lambda number: abs(number) <= _EXACT).map(float)


def _numbers(schema: Schema) -> st.SearchStrategy[Json]:
    if "multipleOf" in schema:
        return _integers(schema)
    return st.floats(
        schema.get("minimum", schema.get("exclusiveMinimum")),
        schema.get("maximum", schema.get("exclusiveMaximum")),
        exclude_min="exclusiveMinimum" in schema,
        exclude_max="exclusiveMaximum" in schema,
        allow_nan=False,
        allow_infinity=False,
    )


def _one(document: Schema, schema: Json, above: frozenset[str]) -> Json:
    key = json.dumps(schema, sort_keys=True)
    if key in above:
        raise _EndlessError
    for found in sorted(alternatives(document, schema), key=lambda found: found.get("type") == "null"):
        try:
            return _one_of(document, found, above | {key})
        except _EndlessError:
            continue
    raise _EndlessError


def _one_of(document: Schema, schema: Schema, above: frozenset[str]) -> Json:
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
        except _EndlessError:
            if name in schema.get("required", []):
                raise
    return made


def _one_array(document: Schema, schema: Schema, above: frozenset[str]) -> Json:
    least = schema.get("minItems", 0)
    try:
        item = _one(document, schema.get("items", True), above)
    except _EndlessError:
        if least:
            raise
        return []
    return [item] * min(max(1, least), schema.get("maxItems", math.inf))


def _one_string(schema: Schema) -> Json:
    if "pattern" in schema:
        once = settings(database=None, deadline=None)
        return find(_strings(schema), lambda _text: True, settings=once, random=random.Random(0))  # noqa: S311 - not a secret
    text = _EXAMPLES.get(schema.get("format", ""), "text")
    return text.ljust(schema.get("minLength", 0), "t")[: schema.get("maxLength")]


def _one_integer(schema: Schema) -> Json:
    low, high = _whole_bounds(schema)
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
