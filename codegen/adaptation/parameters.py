"""Adapts parameters to what the generated functions send. What stays wrong is refused."""

from __future__ import annotations

from typing import Final

from codegen.adaptation.kinds import kinds_of, without_null
from codegen.adaptation.normal import Note
from codegen.adaptation.places import PLACE, Schema, operations, place_of
from codegen.document import Json, as_list, as_object

# OpenAPI demands that tools ignore header parameters of these names.
_IGNORED_HEADERS: Final = frozenset({"accept", "content-type", "authorization"})
# The generated code writes values of these types rightly, if they are the only type.
_WRITTEN: Final = {
    "path": frozenset({"string", "integer", "number"}),
    "header": frozenset({"string", "integer", "number", "boolean"}),
    "cookie": frozenset({"string"}),
}


def adapt_parameters(document: dict[str, Json], notes: list[Note]) -> None:
    """Makes a `str` of each parameter that only the caller can write rightly."""
    for _path, _method, operation in operations(document):
        parameters = [as_object(parameter) for parameter in as_list(operation.get("parameters"))]
        kept = [each for each in parameters if not is_ignored(each)]
        for parameter in kept:
            _adapt(document, parameter, notes)
        if parameters:
            operation["parameters"] = kept


def is_ignored(parameter: dict[str, Json]) -> bool:
    """Whether OpenAPI demands that tools ignore a parameter."""
    return parameter.get("in") == "header" and str(parameter.get("name")).lower() in _IGNORED_HEADERS


def _adapt(document: dict[str, Json], parameter: dict[str, Json], notes: list[Note]) -> None:
    location = str(parameter.get("in"))
    content = as_object(parameter.pop("content", None))
    if content:
        parameter["schema"] = {"type": "string", PLACE: place_of(parameter)}
        meaning = f"The type is `str`: pass the value as {next(iter(content))} text."
        notes.append(Note(f"{place_of(parameter)}/content", meaning))
        return
    schema: Schema = parameter.get("schema") or {PLACE: f"{place_of(parameter)}/schema"}
    parameter["schema"] = schema
    found = kinds_of(document, schema)
    if "null" in found and (location in _WRITTEN or found & {"array", "object"}):
        schema = parameter["schema"] = without_null(schema)
    if location not in _WRITTEN:
        return
    kinds = kinds_of(document, schema)
    if kinds & {"array", "object"} or (
        len(kinds) == 1 and kinds <= _WRITTEN[location] and not _is_enum(location, schema)
    ):
        return
    text = {key: schema[key] for key in ("description", "title", "example", PLACE) if key in schema}
    parameter["schema"] = {**text, "type": "string"}
    notes.append(
        Note(place_of(schema), f"The type is `str`: the generated code writes no other type into a {location}.")
    )


def _is_enum(location: str, schema: Schema) -> bool:
    """Whether the generated code would write the member of an enum into a cookie."""
    return location == "cookie" and bool(schema.keys() & {"enum", "$ref", "allOf"})
