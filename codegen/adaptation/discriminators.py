"""Choices between objects that one property tells apart."""

from __future__ import annotations

from codegen.adaptation.places import Schema
from codegen.document import Json, as_list, as_object, is_object
from codegen.openapi import resolve


def tags_of(document: dict[str, Json], member: Schema) -> dict[str, str]:
    """The required properties of an object that have only one text as their value, and the text."""
    target = as_object(resolve(document, member))
    parts = [target, *(as_object(resolve(document, part)) for part in as_list(target.get("allOf")))]
    required = {name for part in parts for name in as_list(part.get("required"))}
    found: dict[str, str] = {}
    for part in parts:
        for name, schema in as_object(part.get("properties")).items():
            value = as_object(resolve(document, schema))
            values = [value["const"]] if "const" in value else as_list(value.get("enum"))
            if name in required and len(values) == 1 and isinstance(values[0], str):
                found[name] = values[0]
    return found


def discriminator(document: dict[str, Json], schema: Schema, objects: list[Schema]) -> dict[str, Json] | None:
    """The discriminator of a choice, written with a value for each member. None if no property tells them apart."""
    if not all("$ref" in member for member in objects):
        return None
    tags = [tags_of(document, member) for member in objects]
    given = schema.get("discriminator")
    names = [str(given.get("propertyName"))] if is_object(given) else sorted(set(tags[0]).intersection(*tags[1:]))
    for name in names:
        if all(name in tag for tag in tags) and len({tag[name] for tag in tags}) == len(tags):
            mapping = {tag[name]: member["$ref"] for tag, member in zip(tags, objects, strict=True)}
            return {"propertyName": name, "mapping": mapping}
    return None


def is_discriminated(document: dict[str, Json], schema: Schema, objects: list[Schema]) -> bool:
    """Whether one property tells the members of a choice apart."""
    return discriminator(document, schema, objects) is not None
