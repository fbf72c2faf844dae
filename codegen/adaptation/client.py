"""The form of a document that openapi-python-client reads rightly."""

from __future__ import annotations

import copy
import datetime
import uuid
from collections.abc import Callable
from typing import Final

from openapi_python_client.strings import in_double_quote_literal, snake_case

from codegen.adaptation.bodies import adapt_bodies, adapt_responses
from codegen.adaptation.kinds import ANY, kinds_of
from codegen.adaptation.normal import ANNOTATIONS, Note, types_of_schema
from codegen.adaptation.parameters import adapt_parameters
from codegen.adaptation.places import PASSED, Schema, Slot, place_of, slots
from codegen.document import Json, as_list, as_object, is_list
from codegen.openapi import resolve

_PARSERS: Final[dict[str, Callable[[str], object]]] = {
    "date": datetime.date.fromisoformat,
    "date-time": datetime.datetime.fromisoformat,
    "uuid": uuid.UUID,
}


def client_form(document: dict[str, Json], notes: list[Note]) -> dict[str, Json]:
    """A normalized document, as openapi-python-client reads it rightly."""
    client = copy.deepcopy(document)
    adapt_parameters(client, notes)
    adapt_bodies(client, notes)
    adapt_responses(client, notes)
    for slot in slots(client):
        _texts(slot.schema)
        _constants(slot.schema)
        _enum_names(slot.schema)
        _default(client, slot, notes)
        _any_list(client, slot)
    return client


def _any_list(document: dict[str, Json], slot: Slot) -> None:
    """Allows anything in place of a choice that has an array of anything: mypy refuses the generator's code for it."""
    schema = slot.schema
    members = [*as_list(schema.get("oneOf")), *as_list(schema.get("anyOf"))]
    members += [schema] if len(types_of_schema(schema)) > 1 else []
    targets = [resolve(document, member) for member in members]
    if any(
        "array" in types_of_schema(target) and ANY in kinds_of(document, as_object(target.get("items")))
        for target in targets
    ):
        slot.put({key: value for key, value in schema.items() if key in ANNOTATIONS})


def _texts(schema: Schema) -> None:
    """Leaves out values that the generator would not write rightly into the code. The wire check knows them."""
    constant = schema.get("const")
    if isinstance(constant, str) and ("\\" in constant or '"' in constant or not constant.isprintable()):
        del schema["const"]
    if any(isinstance(value, str) and not _is_kept(value) for value in as_list(schema.get("enum"))):
        del schema["enum"]


def _constants(schema: Schema) -> None:
    """Writes a constant in a choice as an enum: of a constant, the generator's code tries no other member."""
    for choice in ("oneOf", "anyOf"):
        for member in as_list(schema.get(choice)):
            if "const" in member:
                member["enum"] = [member.pop("const")]
                _enum_names(member)


def _is_kept(text: str) -> bool:
    """Whether the generator writes each character of a text into the code. It leaves out control characters."""
    return len(in_double_quote_literal(text)) >= len(text)


def _enum_names(schema: Schema) -> None:
    """Names the members of an enum, if the generator would give two of them one name."""
    values = [value for value in as_list(schema.get("enum")) if value is not None]
    given = schema.get("x-enum-varnames")
    if not values or not all(isinstance(value, str) for value in values):
        names = [snake_case(name).upper() for name in as_list(given)]
        if len(set(names)) < len(names) or not all(map(str.isidentifier, names)):
            # The generator names integers by their values.
            del schema["x-enum-varnames"]
        return
    chosen = given if is_list(given) and len(given) == len(values) else None
    keys = [
        str(chosen[index]) if chosen else value.upper() if value[:1].isalpha() else f"VALUE_{index}"
        for index, value in enumerate(values)
    ]
    names = [snake_case(key).upper() for key in keys]
    if len(set(names)) == len(names) and all(map(str.isidentifier, names)) and _no_overlap(keys, names):
        return
    used: set[str] = set()
    for index, name in enumerate(names):
        base = name if name.isidentifier() else f"VALUE_{index}"
        unique = base if base not in used else f"{base}_{index}"
        while unique in used:
            unique += "_X"
        used.add(unique)
        names[index] = unique
    schema["x-enum-varnames"] = names


def _no_overlap(keys: list[str], names: list[str]) -> bool:
    """Whether no member's text is the name of a member before it: the generator compares the two."""
    return not any(key in names[:index] for index, key in enumerate(keys))


def _default(document: dict[str, Json], slot: Slot, notes: list[Note]) -> None:
    schema = slot.schema
    if "default" not in schema or _fits(document, schema, schema["default"]):
        return
    value = schema.pop("default")
    if slot.use & PASSED and value is not None:
        meaning = "Python code cannot contain this default: the server uses its own, if the value is left out."
        notes.append(Note(f"{place_of(schema)}/default", meaning))


def _fits(document: dict[str, Json], schema: Schema, value: Json) -> bool:
    """Whether the generator can write a default of this schema into the code."""
    schema = resolve(document, schema)
    members = as_list(schema.get("oneOf")) or as_list(schema.get("anyOf")) or as_list(schema.get("allOf"))
    if members:
        return any(_fits(document, member, value) for member in members)
    if is_list(schema.get("type")):
        return any(_fits(document, {**schema, "type": kind}, value) for kind in schema["type"])
    if (is_list(schema.get("enum")) and value not in schema["enum"]) or schema.get("const", value) != value:
        return False
    if isinstance(value, bool):
        return schema.get("type") == "boolean"
    if isinstance(value, str):
        return schema.get("type") == "string" and _is_text(value, schema.get("format"))
    return (schema.get("type") == "number" and isinstance(value, int | float)) or (
        schema.get("type") == "integer" and isinstance(value, int)
    )


def _is_text(value: str, format_name: Json) -> bool:
    try:
        _PARSERS.get(str(format_name), str)(value)
    except ValueError:
        return False
    return format_name != "binary" and "\\" not in value and '"' not in value
