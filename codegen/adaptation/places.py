"""Marks each part of a document with its place, and finds each schema in a document.

The marks stay where they are while the document is rewritten, so that a message names the place in the document
that a person reads, and not in the rewritten one.
"""

from __future__ import annotations

import copy
import enum
from collections.abc import Iterator
from typing import Final, NamedTuple

from codegen.document import Json, as_list, as_object, is_list, is_object
from codegen.openapi import METHODS, escape, reached

PLACE: Final = "\0place"
"""The key of the mark, which is a JSON pointer in a URI fragment. No document has such a key."""
SCHEMAS: Final = "#/components/schemas/"

Schema = dict[str, Json]

_ONE: Final = ("additionalProperties", "items", "not", "if", "then", "else", "contains", "propertyNames")
_UNEVALUATED: Final = ("unevaluatedItems", "unevaluatedProperties")
_LIST: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAP: Final = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_WITH_SCHEMAS: Final = frozenset({*_ONE, *_UNEVALUATED, *_LIST, *_MAP})


class Use(enum.Flag):
    """The ways in which a value of a schema travels."""

    READ = enum.auto()
    """In a response, or nowhere."""
    JSON = enum.auto()
    """In a JSON request body."""
    FORM = enum.auto()
    """In a form of the type application/x-www-form-urlencoded."""
    MULTIPART = enum.auto()
    """In a multipart form."""
    BYTES = enum.auto()
    """As the whole body, byte for byte."""
    QUERY = enum.auto()
    PATH = enum.auto()
    HEADER = enum.auto()
    COOKIE = enum.auto()


PARAMETERS: Final = {"query": Use.QUERY, "path": Use.PATH, "header": Use.HEADER, "cookie": Use.COOKIE}
PASSED: Final = ~Use.READ
"""The ways in which a caller passes a value."""


class Slot(NamedTuple):
    """One schema, and the object or list that holds it."""

    holder: Json
    key: str | int
    use: Use

    @property
    def schema(self) -> Schema:
        """The schema itself."""
        schema: Schema = self.holder[self.key]
        return schema

    def put(self, schema: Schema) -> None:
        """Replaces the schema."""
        self.holder[self.key] = schema


def marked(document: dict[str, Json]) -> dict[str, Json]:
    """A copy in which each schema, parameter, response and request body names its place. `true` becomes `{}`."""
    document = copy.deepcopy(document)
    components = as_object(document.get("components"))
    for kind in ("parameters", "responses", "requestBodies", "headers"):
        for name, part in as_object(components.get(kind)).items():
            _mark_part(part, f"#/components/{kind}/{escape(name)}")
    for name in as_object(components.get("schemas")):
        _mark(components["schemas"], name, f"{SCHEMAS}{escape(name)}")
    for path, item in as_object(document.get("paths")).items():
        place = f"#/paths/{escape(path)}"
        _mark_parameters(item, place)
        for method, operation in as_object(item).items():
            if method in METHODS:
                here = f"{place}/{method}"
                as_object(operation)[PLACE] = here
                _mark_parameters(operation, here)
                _mark_part(as_object(operation).get("requestBody"), f"{here}/requestBody")
                for status, response in as_object(as_object(operation).get("responses")).items():
                    _mark_part(response, f"{here}/responses/{escape(status)}")
    return document


def unmarked(value: Json) -> Json:
    """A copy without marks."""
    if is_list(value):
        return [unmarked(item) for item in value]
    if is_object(value):
        return {key: unmarked(item) for key, item in value.items() if key != PLACE}
    return value


def place_of(part: Json) -> str:
    """The place of a marked part."""
    return str(part[PLACE])


def uses_of(document: dict[str, Json]) -> dict[str, Use]:
    """The ways in which each component schema travels. Parameters, responses and bodies must be in the operations."""
    values: dict[Use, list[Schema]] = {}
    for slot in _operation_slots(document):
        values.setdefault(slot.use, []).append(slot.schema)
    found: dict[str, Use] = {}
    for use, schemas in values.items():
        for reference in reached(document, *schemas):
            found[reference] = found.get(reference, Use(0)) | use
    names = as_object(as_object(document.get("components")).get("schemas"))
    return {name: found.get(f"{SCHEMAS}{escape(name)}", Use.READ) for name in names}


def slots(document: dict[str, Json]) -> list[Slot]:
    """Each schema of a document, the inner ones first."""
    uses = uses_of(document)
    components = as_object(as_object(document.get("components")).get("schemas"))
    roots = [Slot(components, name, uses[name]) for name in components]
    return [slot for root in [*roots, *_operation_slots(document)] for slot in _inside(root)]


def children(schema: Schema) -> Iterator[tuple[Json, str | int]]:
    """The holder and the key of each schema directly inside a schema."""
    # Most schemas have none, and a document is searched a dozen times.
    if _WITH_SCHEMAS.isdisjoint(schema):
        return
    for key in (*_ONE, *_UNEVALUATED):
        if is_object(schema.get(key)):
            yield schema, key
    for key in _LIST:
        if is_list(schema.get(key)):
            yield from ((schema[key], index) for index in range(len(schema[key])))
    for key in _MAP:
        if is_object(schema.get(key)):
            yield from ((schema[key], name) for name in schema[key])


def _inside(root: Slot) -> list[Slot]:
    """The slot and each slot in it, the inner ones first."""
    found: list[Slot] = []
    waiting = [root]
    while waiting:
        slot = waiting.pop()
        if is_object(slot.holder[slot.key]):
            found.append(slot)
            waiting += [Slot(holder, key, slot.use) for holder, key in children(slot.schema)]
    return found[::-1]


def media_use(media_type: str) -> Use:
    """The way in which a request body of this media type travels."""
    plain = media_type.partition(";")[0].strip().lower()
    if plain == "application/json" or plain.endswith("+json"):
        return Use.JSON
    forms = {"application/x-www-form-urlencoded": Use.FORM, "multipart/form-data": Use.MULTIPART}
    return forms.get(plain, Use.BYTES)


def operations(document: dict[str, Json]) -> Iterator[tuple[str, str, dict[str, Json]]]:
    """The path, the method and the object of each operation."""
    for path, item in as_object(document.get("paths")).items():
        for method, operation in as_object(item).items():
            if method in METHODS:
                yield path, method, as_object(operation)


def _operation_slots(document: dict[str, Json]) -> Iterator[Slot]:
    for _path, _method, operation in operations(document):
        for parameter in as_list(operation.get("parameters")):
            use = PARAMETERS.get(as_object(parameter).get("in", ""), Use.QUERY)
            if is_object(as_object(parameter).get("schema")):
                yield Slot(parameter, "schema", use)
        for media_type, media in as_object(as_object(operation.get("requestBody")).get("content")).items():
            if is_object(as_object(media).get("schema")):
                yield Slot(media, "schema", media_use(media_type))
        for response in as_object(operation.get("responses")).values():
            for media in as_object(as_object(response).get("content")).values():
                if is_object(as_object(media).get("schema")):
                    yield Slot(media, "schema", Use.READ)


def _mark_parameters(holder: Json, place: str) -> None:
    for index, parameter in enumerate(as_list(as_object(holder).get("parameters"))):
        _mark_part(parameter, f"{place}/parameters/{index}")


def _mark_part(part: Json, place: str) -> None:
    """Marks a parameter, a response, a request body or a header, and the schemas in it."""
    if not is_object(part) or "$ref" in part:
        return
    part[PLACE] = place
    if "schema" in part:
        _mark(part, "schema", f"{place}/schema")
    for media_type, media in as_object(part.get("content")).items():
        if is_object(media) and "schema" in media:
            _mark(media, "schema", f"{place}/content/{escape(media_type)}/schema")


def _mark(holder: Json, key: str | int, place: str) -> None:
    if isinstance(holder[key], bool):
        # `false` allows no value at all.
        holder[key] = {} if holder[key] else {"not": {}}
    schema: Json = holder[key]
    if not is_object(schema):
        return
    for keyword in (*_ONE, *_UNEVALUATED):
        # Both generators read a boolean here.
        if keyword in schema and not (keyword == "additionalProperties" and isinstance(schema[keyword], bool)):
            _mark(schema, keyword, f"{place}/{keyword}")
    for keyword in _LIST:
        for index in range(len(schema[keyword]) if is_list(schema.get(keyword)) else 0):
            _mark(schema[keyword], index, f"{place}/{keyword}/{index}")
    for keyword in _MAP:
        for name in schema[keyword] if is_object(schema.get(keyword)) else ():
            _mark(schema[keyword], name, f"{place}/{keyword}/{escape(name)}")
    schema[PLACE] = place
