"""Refuses parts of a document that have not the type of JSON that OpenAPI gives them.

Every other part of the program reads a document whose parts have the right types.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final

from codegen.adaptation.places import PARAMETERS
from codegen.document import Json, is_list, is_object
from codegen.openapi import METHODS, escape
from codegen.parsing import MAX_DEPTH
from codegen.refusals.refusal import Refusal, removal

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
    if not _is_number(value) or value != value // 1 or value < 0:
        yield _wrong(place, "a whole number, and not below 0", value)


def _step(value: Json, place: str) -> Iterator[Refusal]:
    if not _is_number(value) or value <= 0:
        yield _wrong(place, "a number above 0", value)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


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


def _map(inner: Check) -> Check:
    """A check for an object whose keys are names."""

    def check(value: Json, place: str) -> Iterator[Refusal]:
        if not is_object(value):
            yield _wrong(place, "an object", value)
            return
        for name, item in value.items():
            yield from inner(item, f"{place}/{escape(name)}")

    return check


def _schema(value: Json, place: str) -> Iterator[Refusal]:
    if not isinstance(value, bool):
        yield from _keys(value, place, _SCHEMA)


def _types(value: Json, place: str) -> Iterator[Refusal]:
    yield from _each(_type)(value, place) if is_list(value) else _type(value, place)


def _among(*values: str) -> Check:
    """A check for one of these texts."""

    def check(value: Json, place: str) -> Iterator[Refusal]:
        if value not in values:
            yield _wrong(place, f"one of {', '.join(values)}", value)

    return check


def _part(name: str, checks: dict[str, Check], *required: str) -> Check:
    """A check for an object by its keys. All of the required ones must be there, unless it is a reference."""

    def check(value: Json, place: str) -> Iterator[Refusal]:
        wrong = list(_keys(value, place, checks))
        missing = [key for key in required if is_object(value) and key not in value and "$ref" not in value]
        if missing:
            keys = " and ".join(f"`{key}`" for key in missing)
            yield removal(place, f"{name} must have the key {keys}", "Remove it, or complete it.")
        else:
            yield from wrong

    return check


def _unread_path(_value: Json, place: str) -> Iterator[Refusal]:
    yield removal(place, "the generators do not read a path by reference", "Remove it, or copy the path in its place.")


def _one_parameter(value: Json, place: str) -> Iterator[Refusal]:
    """A parameter in a place that OpenAPI does not know is refused as a whole, because it needs a place."""
    if is_object(value) and "$ref" not in value and value.get("in", "query") not in PARAMETERS:
        effect = "Remove the parameter, or correct it in the overlay."
        yield removal(place, f"the place of a parameter (`in`) must be one of {', '.join(PARAMETERS)}", effect)
        return
    yield from _parameter(value, place)


_text: Final = _one("a text", str)
_boolean: Final = _one("a boolean", bool)
_number: Final = _one("a number", int, float)
_bound: Final = _one("a number", int, float, bool)
_type: Final = _among("string", "integer", "number", "boolean", "array", "object", "null")
_reference: Final = _part("a reference", {"$ref": _text})
_discriminator: Final = _part("a discriminator", {"propertyName": _text, "mapping": _map(_text)}, "propertyName")
_SCHEMA: Final[dict[str, Check]] = {
    **dict.fromkeys(("$ref", "pattern", "format", "title", "description"), _text),
    **dict.fromkeys(("nullable", "uniqueItems", "readOnly", "writeOnly", "deprecated"), _boolean),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _length),
    **dict.fromkeys(("minimum", "maximum"), _number),
    "multipleOf": _step,
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
_media: Final = _part("a media type", {"schema": _schema, "encoding": _map(_reference)})
_parameter: Final = _part(
    "a parameter",
    {
        **dict.fromkeys(("$ref", "name", "in", "style", "description"), _text),
        **dict.fromkeys(("required", "deprecated", "explode", "allowReserved", "allowEmptyValue"), _boolean),
        "schema": _schema,
        "content": _map(_media),
    },
    "name",
    "in",
)
_body: Final = _part(
    "a request body",
    {**dict.fromkeys(("$ref", "description"), _text), "content": _map(_media), "required": _boolean},
    "content",
)
_response: Final = _part("a response", {"$ref": _text, "content": _map(_media), "headers": _map(_reference)})
_operation: Final = _part(
    "an operation",
    {
        **dict.fromkeys(("operationId", "summary", "description"), _text),
        "tags": _each(_text),
        "deprecated": _boolean,
        "security": _each(_map(_each(_text))),
        "parameters": _each(_one_parameter),
        "requestBody": _body,
        "responses": _map(_response),
    },
)
_path_item: Final = _part(
    "a path",
    {**dict.fromkeys(METHODS, _operation), "parameters": _each(_one_parameter), "$ref": _unread_path},
)
_components: Final = _part(
    "the components",
    {
        "schemas": _map(_schema),
        "parameters": _map(_one_parameter),
        "responses": _map(_response),
        "requestBodies": _map(_body),
        "headers": _map(_reference),
    },
)
_DOCUMENT: Final[dict[str, Check]] = {
    "info": _part("the information", {}),
    "paths": _map(_path_item),
    "components": _components,
}
