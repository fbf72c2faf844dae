"""Refuses what a generated function would send otherwise than the document says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from codegen.adaptation.kinds import OBJECT, kinds_of
from codegen.adaptation.places import Schema, Use, media_use, operations, place_of
from codegen.document import Json, as_list, as_object, is_object
from codegen.openapi import escape, resolve
from codegen.refusals.refusal import Refusal, change, removal
from codegen.remedies import parameter_path

_SCALARS: Final = frozenset({"string", "integer", "number", "boolean", "null", "any"})
_STYLES: Final = {"query": "form", "path": "simple", "header": "simple", "cookie": "form"}


def check_requests(document: dict[str, Json]) -> Iterator[Refusal]:
    """The parameters and bodies of a marked document in the client's form."""
    for _path, _method, operation in operations(document):
        place = place_of(operation)
        for parameter in as_list(operation.get("parameters")):
            problem = _parameter(document, as_object(parameter))
            if problem:
                yield _without(as_object(parameter), problem, place)
            elif parameter.get("allowReserved"):
                wrong = "a reserved character in the value is sent percent-encoded, although allowReserved is true"
                yield change(
                    place_of(parameter),
                    wrong,
                    "Most servers read both.",
                    {"allowReserved": False},
                    target=_selection(parameter),
                )
        yield from _same_keys(document, operation, place)
        yield from _cookies(operation, place)
        yield from _body(document, as_object(operation.get("requestBody")))


def _without(parameter: dict[str, Json], problem: str, operation: str) -> Refusal:
    place = place_of(parameter)
    if parameter.get("required"):
        effect = "The parameter is required, so remove the operation, and write the call by hand."
        return removal(place, problem, effect, target=operation)
    return removal(place, problem, "Remove the optional parameter.", target=_selection(parameter, remove=True))


def _selection(parameter: dict[str, Json], *, remove: bool = False) -> str:
    """What an overlay action selects to change a parameter, or to remove it everywhere."""
    place = place_of(parameter)
    if place.startswith("#/components/") and not remove:
        return place
    return parameter_path(place, str(parameter.get("name")), str(parameter.get("in")))


def _parameter(document: dict[str, Json], parameter: dict[str, Json]) -> str:
    """What is sent wrongly, or an empty text."""
    location = str(parameter.get("in"))
    name = f"the {location} parameter {parameter.get('name')}"
    style = parameter.get("style", _STYLES.get(location))
    schema: Schema = as_object(parameter.get("schema"))
    kinds = kinds_of(document, schema)
    if style != _STYLES.get(location):
        return f"the generated function cannot send {name} in the style {style}"
    if location != "query":
        wrong = bool(kinds & {"array", "object"})
        return f"the generated function cannot send an array or an object in {name}" if wrong else ""
    exploded = parameter.get("explode") is not False
    return (_array(document, name, schema, exploded=exploded) if "array" in kinds else "") or (
        _object(document, name, schema, exploded=exploded) if "object" in kinds else ""
    )


def _array(document: dict[str, Json], name: str, schema: Schema, *, exploded: bool) -> str:
    if not exploded:
        return f"the generated function repeats {name} for each item, although explode is false"
    if not _arrays_of(document, schema) <= _SCALARS:
        return f"the generated function cannot send arrays or objects inside the array of {name}"
    several = kinds_of(document, schema) - {"array", "null"}
    return f"the generated function cannot send {name} as an array or as another type" if several else ""


def _object(document: dict[str, Json], name: str, schema: Schema, *, exploded: bool) -> str:
    if not exploded:
        return f"the generated function sends each property of {name} as a parameter, although explode is false"
    target = as_object(resolve(document, schema))
    if target.keys() & {"oneOf", "anyOf"} or kinds_of(document, schema) != OBJECT:
        return f"the generated function cannot send {name} as an object or as another type"
    values = as_object(target.get("properties")).values()
    nested = any(not kinds_of(document, value) <= _SCALARS for value in values)
    return f"the generated function cannot send an array or an object inside the object of {name}" if nested else ""


def _same_keys(document: dict[str, Json], operation: dict[str, Json], place: str) -> Iterator[Refusal]:
    """Objects in the query, of which the generated function sends each property as a parameter."""
    taken: dict[str, str] = {}
    for parameter in as_list(operation.get("parameters")):
        if parameter.get("in") != "query":
            continue
        schema = as_object(resolve(document, as_object(parameter.get("schema"))))
        is_map = kinds_of(document, schema) == OBJECT
        parts = [schema, *(as_object(resolve(document, part)) for part in as_list(schema.get("allOf")))]
        keys = [key for part in parts for key in as_object(part.get("properties"))] if is_map else [parameter["name"]]
        double = next((key for key in keys if key in taken), None)
        if double is not None:
            problem = f"the query parameters {taken[double]} and {parameter['name']} would both be sent as {double}"
            yield _without(parameter, problem, place)
        for key in keys:
            taken.setdefault(key, parameter["name"])


def _arrays_of(document: dict[str, Json], schema: Schema) -> frozenset[str]:
    """The types of the items of all arrays that a schema allows."""
    schema = as_object(resolve(document, schema))
    found = kinds_of(document, schema["items"]) if is_object(schema.get("items")) else frozenset[str]()
    members = [*as_list(schema.get("oneOf")), *as_list(schema.get("anyOf")), *as_list(schema.get("allOf"))]
    return found.union(*(_arrays_of(document, member) for member in members))


def _cookies(operation: dict[str, Json], place: str) -> Iterator[Refusal]:
    cookies = [each for each in as_list(operation.get("parameters")) if as_object(each).get("in") == "cookie"]
    if len({bool(each.get("required")) for each in cookies}) > 1:
        for each in cookies:
            if not each.get("required"):
                problem = f"the optional cookie {each.get('name')} beside a required one makes code that mypy refuses"
                yield _without(each, problem, place)


def _body(document: dict[str, Json], body: dict[str, Json]) -> Iterator[Refusal]:
    content = as_object(body.get("content"))
    yield from _several(document, body, content)
    for media_type, media in content.items():
        place = f"{place_of(body)}/content/{escape(media_type)}"
        use, schema = media_use(media_type), as_object(as_object(media).get("schema"))
        if use is Use.BYTES and "*" in media_type:
            yield _without_body(place, f"{media_type} is no media type that a request can have", body)
        if not use & (Use.FORM | Use.MULTIPART):
            continue
        if (
            not schema
            or kinds_of(document, schema) != OBJECT
            or as_object(resolve(document, schema)).keys() & {"oneOf", "anyOf"}
        ):
            yield _without_body(place, "the generated function can only send a form that is one object", body)
            continue
        target = as_object(resolve(document, schema))
        for name, encoding in as_object(media.get("encoding")).items():
            if as_object(encoding).keys() & {"style", "explode", "allowReserved", "headers"}:
                where = f"{place}/encoding/{escape(name)}"
                yield removal(
                    where, "the generated function does not read this encoding", "Remove it, if the server allows."
                )
        if use is Use.FORM:
            for name, value in as_object(target.get("properties")).items():
                if "object" in kinds_of(document, value) or not _arrays_of(document, value) <= _SCALARS:
                    where = f"{place_of(target)}/properties/{escape(name)}"
                    problem = f"the generated function cannot send the object or the array in {name} inside a form"
                    yield removal(where, problem, "Remove the property.")


def _without_body(place: str, problem: str, body: dict[str, Json]) -> Refusal:
    if len(as_object(body["content"])) > 1:
        return removal(place, problem, "Remove this media type.")
    return removal(place, problem, "Remove the body.", target=place_of(body))


def _several(document: dict[str, Json], body: dict[str, Json], content: dict[str, Json]) -> Iterator[Refusal]:
    """Several media types: the generated function chooses by the class of the body."""
    if len(content) < 2:
        return
    classes: list[str] = []
    for media_type, media in content.items():
        schema = as_object(as_object(media).get("schema"))
        is_class = kinds_of(document, schema) == OBJECT and not resolve(document, schema).keys() & {
            "oneOf",
            "anyOf",
        }
        if media_use(media_type) is Use.BYTES:
            classes.append("File")
        elif is_class:
            classes.append(str(schema.get("$ref") or place_of(schema)))
    if len(set(classes)) == len(content):
        return
    kept = min(content, key=lambda name: (media_use(name) is not Use.JSON, name))
    for media_type in content:
        if media_type != kept:
            place = f"{place_of(body)}/content/{escape(media_type)}"
            problem = f"the generated function cannot tell a body of the type {media_type} from one of the type {kept}"
            yield removal(place, problem, f"Send {kept}.")
