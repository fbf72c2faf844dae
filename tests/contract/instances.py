"""Any valid instances of the schemas of an OpenAPI document, for hypothesis."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Callable
from typing import Final

from hypothesis import strategies as st

from codegen.document import Json
from codegen.verification.instances import EXAMPLES, Schema, alternatives, component, whole_bounds

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

_FORMATS: Final[dict[str, st.SearchStrategy[Json]]] = {
    **{name: st.just(example) for name, example in EXAMPLES.items()},
    "date-time": st.datetimes(timezones=st.just(datetime.UTC)).map(datetime.datetime.isoformat),
    "date": st.dates().map(datetime.date.isoformat),
    "uuid": st.uuids().map(str),
}


def valid_instances(document: Schema, schema_name: str) -> st.SearchStrategy[Json]:
    """Any valid instance of a component schema, with unknown fields and with floats in place of integers."""
    return _Strategies(document).of(component(schema_name))


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
    low, high = whole_bounds(schema)
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
