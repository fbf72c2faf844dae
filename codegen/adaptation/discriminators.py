"""Choices between objects that one property tells apart."""

from __future__ import annotations

from codegen.adaptation.places import PLACE, Schema, place_of, slots
from codegen.document import Json, as_list, as_object, is_object
from codegen.openapi import component_name, resolve


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


def narrow_tags(document: dict[str, Json]) -> None:
    """Writes the values that a discriminator maps to a component into the property of that component.

    openapi-python-client does not read discriminators: it tries one class after the other.
    """
    for slot in slots(document):
        given = slot.schema.get("discriminator")
        members = as_list(slot.schema.get("oneOf")) or as_list(slot.schema.get("anyOf"))
        if not members or not is_object(given):
            continue
        name = str(given.get("propertyName"))
        for member in members:
            if "$ref" in member:
                _narrow(document, member, name, _mapped(given, str(member["$ref"])))


def _mapped(given: dict[str, Json], reference: str) -> list[str]:
    """The values that a discriminator maps to a component: by default, its name."""
    name = component_name({"$ref": reference})
    found = [tag for tag, target in as_object(given.get("mapping")).items() if target in (reference, name)]
    return found or [name.replace("~1", "/").replace("~0", "~")]


def _narrow(document: dict[str, Json], member: Schema, name: str, tags: list[str]) -> None:
    target = as_object(resolve(document, member))
    own = [target, *(part for part in as_list(target.get("allOf")) if "$ref" not in part)]
    named = [as_object(resolve(document, part)) for part in as_list(target.get("allOf")) if "$ref" in part]
    for part in [*own, *named]:
        schema = as_object(part.get("properties")).get(name)
        if not is_object(schema) or schema.get("type") != "string" or schema.keys() & {"enum", "const", "format"}:
            continue
        if part in own:
            schema["enum"] = tags
        else:
            # Other schemas have this part too.
            values: Schema = {"type": "string", "enum": tags, PLACE: place_of(schema)}
            target["allOf"].append({"type": "object", "properties": {name: values}, PLACE: place_of(target)})
        return
