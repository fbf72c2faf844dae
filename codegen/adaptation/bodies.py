"""Adapts bodies to what the generated code sends and reads. What stays wrong is refused."""

from __future__ import annotations

import json

from codegen.adaptation.kinds import ANY, kinds_of, without_null
from codegen.adaptation.normal import Note
from codegen.adaptation.places import PLACE, Schema, Slot, Use, media_use, operations, place_of, slots, unmarked
from codegen.document import Json, as_list, as_object, is_object
from codegen.openapi import escape, reached, resolve

_BYTES = "application/octet-stream"
_FILE = {"type": "string", "format": "binary"}


def adapt_responses(document: dict[str, Json], notes: list[Note]) -> None:
    """Leaves one form of each response: JSON if there is one, else text, else bytes."""
    for _path, _method, operation in operations(document):
        for response in as_object(operation.get("responses")).values():
            content = as_object(as_object(response).get("content"))
            if content:
                response["content"] = _one_content(document, content, f"{place_of(response)}/content")
                if len(content) > 1:
                    place = f"{place_of(response)}/content"
                    notes.append(Note(place, f"Only {_read_type(document, content)} is read, of several media types."))


def _read_type(document: dict[str, Json], content: dict[str, Json]) -> str:
    """The media type that the generated code reads."""
    ordered = sorted(content, key=lambda name: (_plain(name) != "application/json", name))
    json_types = [name for name in ordered if _is_json(document, name, as_object(content[name]))]
    return (json_types or ordered)[0]


def _one_content(document: dict[str, Json], content: dict[str, Json], place: str) -> dict[str, Json]:
    media_type = _read_type(document, content)
    media = as_object(content[media_type])
    if _is_json(document, media_type, media):
        return {"application/json": media}
    mark = {PLACE: as_object(media.get("schema")).get(PLACE, f"{place}/{escape(media_type)}")}
    if all(_plain(name).startswith("text/") for name in content):
        return {"text/plain": {"schema": {"type": "string", **mark}}}
    return {_BYTES: {"schema": {**_FILE, **mark}}}


def _is_json(document: dict[str, Json], media_type: str, media: dict[str, Json]) -> bool:
    if _plain(media_type) == "*/*":
        schema = media.get("schema")
        return is_object(schema) and not kinds_of(document, schema) & {"string", ANY}
    return media_use(media_type) is Use.JSON


def _plain(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()


def drop_equal_forms(document: dict[str, Json], notes: list[Note]) -> None:
    """Leaves out each form with the schema of the JSON body: the generated function could not tell the two apart."""
    for _path, _method, operation in operations(document):
        body = as_object(operation.get("requestBody"))
        content = as_object(body.get("content"))
        forms = equal_forms(document, content)
        for form in forms:
            del content[form]
        for kept in dict.fromkeys(forms.values()):
            meaning = f"Only {_plain(kept)} is sent, of several media types with the same schema."
            notes.append(Note(f"{place_of(body)}/content", meaning))


def equal_forms(document: dict[str, Json], content: dict[str, Json]) -> dict[str, str]:
    """The media type of each form with the schema of a JSON body, and the media type of that body.

    A form with a file says more than JSON can, and is not among them.
    """
    return {
        form: kept
        for kept in content
        if media_use(kept) is Use.JSON
        for form in content
        if media_use(form) & (Use.FORM | Use.MULTIPART) and _is_equal_form(document, content[form], content[kept])
    }


def _is_equal_form(document: dict[str, Json], form: Json, kept: Json) -> bool:
    schema = as_object(kept).get("schema")
    return is_object(schema) and _same(as_object(form).get("schema"), schema) and not _has_file(document, schema)


def _same(schema: Json, other: Json) -> bool:
    # In Python, `True == 1`.
    return json.dumps(unmarked(schema), sort_keys=True) == json.dumps(unmarked(other), sort_keys=True)


def _has_file(document: dict[str, Json], schema: Schema) -> bool:
    parts = [schema, *(resolve(document, {"$ref": reference}) for reference in reached(document, schema))]
    return any('"binary"' in json.dumps(part) for part in parts)


def adapt_bodies(document: dict[str, Json], notes: list[Note]) -> None:
    """Makes a file of each body of bytes, and texts of what a form cannot hold."""
    for _path, _method, operation in operations(document):
        body = as_object(operation.get("requestBody"))
        content = as_object(body.get("content"))
        for media_type, media in content.items():
            use = media_use(media_type)
            schema = as_object(media).get("schema")
            if use is Use.BYTES:
                media["schema"] = {**_FILE, PLACE: as_object(schema).get(PLACE, place_of(body))}
            elif use is Use.JSON and is_object(schema) and "null" in kinds_of(document, schema):
                media["schema"] = without_null(schema)
        if content:
            body["content"] = {_lower(name): media for name, media in content.items()}
        if len(content) > 1 and body.get("required"):
            # The generated function gives such a body a default in any case, but lacks an import if it is required.
            body["required"] = False
            meaning = "The function does not demand the body, because it has several media types."
            notes.append(Note(f"{place_of(body)}/required", meaning))
    for slot in slots(document):
        if (
            slot.use in (Use.MULTIPART, Use.FORM)
            and is_object(slot.schema.get("properties"))
            and _is_form(document, slot)
        ):
            _adapt_form(document, slot, notes)


def _lower(media_type: str) -> str:
    plain, *parameters = media_type.split(";")
    return ";".join([plain.strip().lower(), *parameters])


def binary_types(document: dict[str, Json]) -> dict[str, str]:
    """The setting `content_type_overrides` with which the generator sends other media types as bytes."""
    found: dict[str, str] = {}
    for _path, _method, operation in operations(document):
        for media_type in as_object(as_object(operation.get("requestBody")).get("content")):
            if media_use(media_type) is Use.BYTES:
                found[media_type] = _BYTES
    return found


def _is_form(document: dict[str, Json], slot: Slot) -> bool:
    """Whether a schema is the form itself, and not a part of it."""
    for _path, _method, operation in operations(document):
        for media_type, media in as_object(as_object(operation.get("requestBody")).get("content")).items():
            schema = as_object(media).get("schema")
            if media_use(media_type) is slot.use and is_object(schema):
                members = [schema, *as_list(schema.get("allOf"))]
                if any(resolve(document, member) is slot.schema or member is slot.schema for member in members):
                    return True
    return False


def _adapt_form(document: dict[str, Json], slot: Slot, notes: list[Note]) -> None:
    properties = as_object(slot.schema["properties"])
    for name in properties:
        properties[name] = _form_value(document, properties[name], slot.use, notes)
    if slot.use is Use.MULTIPART and slot.schema.get("additionalProperties", True) is True:
        slot.schema["additionalProperties"] = {"type": "string", PLACE: place_of(slot.schema)}


def _form_value(document: dict[str, Json], schema: Schema, use: Use, notes: list[Note]) -> Schema:
    """A property as a form can hold it: without null, and in a multipart form without booleans."""
    kinds = kinds_of(document, schema)
    if "null" in kinds:
        schema = without_null(schema)
    if use is Use.FORM:
        return schema
    if "array" in kinds and is_object(schema.get("items")):
        return {**schema, "items": _form_value(document, schema["items"], use, notes)}
    if not kinds & {"boolean", ANY}:
        return schema
    notes.append(Note(place_of(schema), "The type is `str`: the generated code writes other values as Python does."))
    text: Schema = {key: schema[key] for key in ("description", "title", PLACE) if key in schema}
    choice: Schema = {"enum": ["true", "false"]} if kinds - {"null"} == frozenset({"boolean"}) else {}
    return {**text, "type": "string", **choice}
