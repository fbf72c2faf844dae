"""The effective form of schemas, parameters and bodies: what the generators make of them, without the notation.

Two documents that differ only in notation have the same effective form: `nullable`, a list of types, and a choice with
`null`; a part of an `allOf` and the same properties written out; a default said aloud.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from codegen.adaptation.normal import whole_bounds
from codegen.client_names import python_name
from codegen.document import Json, as_list, as_object, is_list, is_object
from codegen.openapi import Direction, resolve, same

NO_EFFECT: Final = frozenset(
    {"readOnly", "writeOnly", "contentMediaType", "contentEncoding", "contentSchema", "jsonSchemaDialect", "$schema"}
)
"""Keywords of the standards that neither generator reads."""

# Both generators have a Python type for these formats of a string. All other formats are dropped before generation.
_TYPED_FORMATS: Final = frozenset({"date-time", "date", "uuid", "binary"})
# The values that say nothing: a keyword with such a value is the same as no keyword.
_SAYS_NOTHING: Final[dict[str, list[Json]]] = {
    "nullable": [False],
    "uniqueItems": [False],
    "default": [None],
    "additionalProperties": [True, {}],
    "minLength": [0],
    "minItems": [0],
    "minProperties": [0],
    "required": [[]],
    "properties": [{}],
    "deprecated": [False],
}


def python_names(names: Iterable[str]) -> dict[str, str]:
    """The attribute of each property of one object, as openapi-python-client names it.

    If two properties would share a name in snake case, each keeps the spelling of the document instead.
    """
    made = {name: python_name(name) for name in names}
    taken = list(made.values())
    return {name: python_name(name, raw=True) if taken.count(snake) > 1 else snake for name, snake in made.items()}


def argument_names(parameters: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """The argument of each parameter `(in, name)` of one operation, as openapi-python-client names it."""
    made = {key: python_name(key[1]) for key in parameters}
    names: dict[tuple[str, str], str] = {}
    for key, name in made.items():
        others = {other for other, taken in made.items() if taken == name and other != key}
        if name in ("client", "url") or any(place != key[0] for place, _ in others):
            names[key] = f"{name}_{key[0]}"
        else:
            names[key] = python_name(key[1], raw=True) if others else name
    return names


def effective(document: dict[str, Json], schema: Json, direction: Direction, *, is_component: bool = False) -> Json:
    """A schema as callers see it. References stay, except in an `allOf` whose parts become one class."""
    if schema is True:
        return {}
    if not is_object(schema):
        return schema
    made: dict[str, Json] = {
        key: value
        for key, value in schema.items()
        if key not in NO_EFFECT and not any(same(value, each) for each in _SAYS_NOTHING.get(key, []))
    }
    if "$ref" in made:
        # The generators ignore `nullable` beside a reference.
        made.pop("nullable", None)
    made = _with_format(made, direction)
    whole_bounds(made)
    if "allOf" in made and (is_component or len(as_list(made["allOf"])) > 1 or "properties" in made):
        made = _merged(document, made, direction)
    for key in ("oneOf", "anyOf", "allOf"):
        if len(as_list(made.get(key))) == 1 and made.keys() <= {key, "title", "description"} and not is_component:
            return effective(document, made[key][0], direction)
    return _with_null(made)


def _with_format(schema: dict[str, Json], direction: Direction) -> dict[str, Json]:
    kept = _TYPED_FORMATS - ({"date-time"} if Direction.REQUEST in direction else set())
    declared: Json = schema.get("type")
    kinds = as_list(declared) if is_list(declared) else [declared]
    if "string" in kinds and schema.get("format") in kept:
        return schema
    return {key: value for key, value in schema.items() if key != "format"}


def _merged(document: dict[str, Json], schema: dict[str, Json], direction: Direction) -> dict[str, Json]:
    """An object that has the properties of all parts of its `allOf`; the schema itself if a part is no object."""
    properties: dict[str, Json] = {}
    required: list[Json] = []
    own = {key: value for key, value in schema.items() if key != "allOf"}
    others: dict[str, Json] = {}
    for each in [*as_list(schema["allOf"]), own]:
        target: Json = resolve(document, each)
        part: Json = effective(document, target, direction, is_component=True) if each is not own else own
        if not is_object(part) or (part.keys() - {"description"} and not part.keys() & {"properties", "required"}):
            if is_object(part) and part.keys() <= {"type", "title", "description", "additionalProperties"}:
                others.update({key: value for key, value in part.items() if key != "title" or each is own})
                continue
            return schema
        for name, value in as_object(part.get("properties")).items():
            if name in properties and not same(properties[name], value):
                return schema
            properties[name] = value
        required += [name for name in as_list(part.get("required")) if name not in required]
        others.update(
            {
                key: value
                for key, value in part.items()
                if key not in ("properties", "required", "title", "description") or each is own
            }
        )
    merged = {**others, "type": "object"}
    return merged | ({"properties": properties} if properties else {}) | ({"required": required} if required else {})


def _with_null(schema: dict[str, Json]) -> dict[str, Json]:
    """One notation of null: a list of types for plain types, and a `oneOf` with null for everything else."""
    made = {"oneOf" if key == "anyOf" else key: value for key, value in schema.items() if key != "nullable"}
    nullable = bool(schema.get("nullable"))
    members = as_list(made.get("oneOf"))
    if {"type": "null"} in members:
        nullable = True
        members = [member for member in members if member != {"type": "null"}]
    declared: Json = made.get("type")
    if is_list(declared):
        nullable = nullable or "null" in declared
        kinds = [kind for kind in declared if kind != "null"]
        made["type"] = kinds[0] if len(kinds) == 1 else sorted(map(str, kinds))
        if not kinds:
            made["type"] = "null"
    if len(members) == 1 and is_object(members[0]) and made.keys() <= {"oneOf", "title", "description"}:
        made = {**{key: value for key, value in made.items() if key != "oneOf"}, **_with_null(members[0])}
    elif members:
        made["oneOf"] = members
    if nullable and made.get("type") != "null":
        made["nullable"] = True
    return made


def parameter(value: Json) -> Json:
    """A parameter whose defaults are said aloud."""
    if not is_object(value):
        return value
    style = value.get("style") or ("form" if value.get("in") in ("query", "cookie") else "simple")
    aloud = {"required": False, "style": style, "explode": style == "form", "allowReserved": False}
    return {**aloud, "allowEmptyValue": False, **value}


def media_types(content: Json) -> dict[str, Json]:
    """The content of a body by media type, without `charset=utf-8`."""
    return {
        ";".join(part for part in key.split(";") if part.strip().lower() != "charset=utf-8").strip(): value
        for key, value in as_object(content).items()
    }


def parsed_media_type(content: dict[str, Json]) -> str | None:
    """The media type by which a response is parsed: the first that openapi-python-client supports."""
    for media_type in sorted(content):
        plain = media_type.partition(";")[0].strip()
        if plain.startswith("text/") or is_json(plain) or plain == "application/octet-stream":
            return media_type
    return None


def is_json(media_type: str) -> bool:
    """Whether a body of this media type is parsed as JSON."""
    return media_type.partition(";")[0].strip().endswith(("/json", "+json"))
