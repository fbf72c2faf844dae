"""Refuses parts of a document that have not the type of JSON that OpenAPI gives them.

Every other part of the program reads a document whose parts have the right types.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final

from codegen.document import Json, is_list, is_object
from codegen.openapi import METHODS, escape
from codegen.parsing import MAX_DEPTH
from codegen.refusals.refusal import Refusal, removal

_TYPES: Final = ("string", "integer", "number", "boolean", "array", "object", "null")
Check = Callable[[Json, str], Iterator[Refusal]]


def check_shapes(document: dict[str, Json]) -> Iterator[Refusal]:
    """Each part that has another type than OpenAPI says. None of them is nested too deep, if none is refused."""
    deep = list(_too_deep(document))
    yield from deep or _keys(document, "#", _DOCUMENT)


def _too_deep(document: dict[str, Json]) -> Iterator[Refusal]:
    """The first place with too many levels of nesting, for which other parts of the program would recurse."""
    waiting: list[tuple[Json, str, int]] = [(document, "#", 1)]
    while waiting:
        value, place, depth = waiting.pop()
        if depth > MAX_DEPTH:
            yield removal(place, f"this is nested more than {MAX_DEPTH} levels deep", "Remove it.")
            return
        members = value.items() if is_object(value) else enumerate(value) if is_list(value) else ()
        waiting += [(member, f"{place}/{escape(str(key))}", depth + 1) for key, member in members]


def _keys(value: Json, place: str, checks: dict[str, Check]) -> Iterator[Refusal]:
    """Checks an object by its keys."""
    if not is_object(value):
        yield _wrong(place, "an object", value)
        return
    for key, check in checks.items():
        if key in value:
            yield from check(value[key], f"{place}/{escape(key)}")


def _wrong(place: str, expected: str, value: Json) -> Refusal:
    found = "an object" if is_object(value) else "a list" if is_list(value) else json.dumps(value)
    effect = "Correct it in the overlay, or remove it."
    return removal(place, f"this must be {expected}, and is {found}", effect)


def _one(expected: str, *kinds: type) -> Check:
    """A check for a value of one of these Python types."""

    def check(value: Json, place: str) -> Iterator[Refusal]:
        # A boolean is also an integer in Python.
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            yield _wrong(place, expected, value)

    return check


def _length(value: Json, place: str) -> Iterator[Refusal]:
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    if not whole:
        yield _wrong(place, "a whole number", value)


def _each(inner: Check) -> Check:
    """A check for a list."""

    def check(value: Json, place: str) -> Iterator[Refusal]:
        if not is_list(value):
            yield _wrong(place, "a list", value)
            return
        for index, item in enumerate(value):
            found = list(inner(item, f"{place}/{index}"))
            if found:
                # A remedy may remove the item, and the later ones then have other places.
                yield from found
                return

    return check


def _map(inner: Check, keys: frozenset[str] | None = None) -> Check:
    """A check for an object whose keys are names, or of which only some keys are checked."""

    def check(value: Json, place: str) -> Iterator[Refusal]:
        if not is_object(value):
            yield _wrong(place, "an object", value)
            return
        for name, item in value.items():
            if keys is None or name in keys:
                yield from inner(item, f"{place}/{escape(name)}")

    return check


def _schema(value: Json, place: str) -> Iterator[Refusal]:
    if not isinstance(value, bool):
        yield from _keys(value, place, _SCHEMA)


def _types(value: Json, place: str) -> Iterator[Refusal]:
    yield from _each(_type)(value, place) if is_list(value) else _type(value, place)


def _type(value: Json, place: str) -> Iterator[Refusal]:
    if value not in _TYPES:
        yield _wrong(place, f"one of {', '.join(_TYPES)}", value)


def _parameter(value: Json, place: str) -> Iterator[Refusal]:
    yield from _keys(value, place, _PARAMETER)
    if is_object(value) and "$ref" not in value and not value.keys() >= {"name", "in"}:
        yield removal(place, "a parameter must have a name and the key `in`", "Remove it, or complete it.")


def _path_item(value: Json, place: str) -> Iterator[Refusal]:
    yield from _keys(value, place, _PATH_ITEM)


def _response(value: Json, place: str) -> Iterator[Refusal]:
    yield from _keys(value, place, _RESPONSE)


def _body(value: Json, place: str) -> Iterator[Refusal]:
    yield from _keys(value, place, _BODY)
    if is_object(value) and not value.keys() & {"$ref", "content"}:
        yield removal(place, "a request body must have the key `content`", "Remove it, or complete it.")


def _operation(value: Json, place: str) -> Iterator[Refusal]:
    yield from _keys(value, place, _OPERATION)


def _media(value: Json, place: str) -> Iterator[Refusal]:
    yield from _keys(value, place, _MEDIA)


def _discriminator(value: Json, place: str) -> Iterator[Refusal]:
    yield from _keys(value, place, {"propertyName": _text, "mapping": _map(_text)})
    if is_object(value) and "propertyName" not in value:
        yield removal(place, "a discriminator must have a propertyName", "Remove it, or complete it.")


def _components(value: Json, place: str) -> Iterator[Refusal]:
    yield from _keys(value, place, _COMPONENTS)


def _anything(value: Json, place: str) -> Iterator[Refusal]:
    yield from _keys(value, place, {"$ref": _text})


_text: Final = _one("a text", str)
_boolean: Final = _one("a boolean", bool)
_number: Final = _one("a number", int, float)
_bound: Final = _one("a number", int, float, bool)
_SCHEMA: Final[dict[str, Check]] = {
    **dict.fromkeys(("$ref", "pattern", "format", "title", "description"), _text),
    **dict.fromkeys(("nullable", "uniqueItems", "readOnly", "writeOnly", "deprecated"), _boolean),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _length),
    **dict.fromkeys(("minimum", "maximum", "multipleOf"), _number),
    # Booleans in OpenAPI 3.0.
    **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum"), _bound),
    **dict.fromkeys(("items", "additionalProperties", "not", "if", "then", "else", "contains"), _schema),
    **dict.fromkeys(("propertyNames", "unevaluatedItems", "unevaluatedProperties"), _schema),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), _each(_schema)),
    **dict.fromkeys(("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"), _map(_schema)),
    "type": _types,
    "required": _each(_text),
    "enum": _each(lambda _value, _place: iter(())),
    "x-enum-varnames": _each(_text),
    "discriminator": _discriminator,
}
_PARAMETER: Final[dict[str, Check]] = {
    **dict.fromkeys(("$ref", "name", "in", "style", "description"), _text),
    **dict.fromkeys(("required", "deprecated", "explode", "allowReserved", "allowEmptyValue"), _boolean),
    "schema": _schema,
    "content": _map(_media),
}
_MEDIA: Final[dict[str, Check]] = {"schema": _schema, "encoding": _map(_anything)}
_BODY: Final[dict[str, Check]] = {
    **dict.fromkeys(("$ref", "description"), _text),
    "content": _map(_media),
    "required": _boolean,
}
_RESPONSE: Final[dict[str, Check]] = {
    **dict.fromkeys(("$ref", "description"), _text),
    "content": _map(_media),
    "headers": _map(_anything),
}
_OPERATION: Final[dict[str, Check]] = {
    **dict.fromkeys(("operationId", "summary", "description"), _text),
    "tags": _each(_text),
    "deprecated": _boolean,
    "parameters": _each(_parameter),
    "requestBody": _body,
    "responses": _map(_response),
}
_PATH_ITEM: Final[dict[str, Check]] = {
    **dict.fromkeys(METHODS, _operation),
    "parameters": _each(_parameter),
}
_COMPONENTS: Final[dict[str, Check]] = {
    "schemas": _map(_schema),
    "parameters": _map(_parameter),
    "responses": _map(_response),
    "requestBodies": _map(_body),
    "headers": _map(_anything),
}
_DOCUMENT: Final[dict[str, Check]] = {"paths": _map(_path_item), "components": _components}
