"""The request that a document demands for the arguments of an operation, as an independent reading of its rules."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any, Final
from urllib.parse import quote

from codegen.document import Json, as_list, as_object, is_list, is_object
from codegen.openapi import METHODS, escape, reached
from codegen.verification.instances import Schema, value_at

_DELIMITERS: Final = {"spaceDelimited": " ", "pipeDelimited": "|"}
# OpenAPI demands that tools ignore a header parameter with one of these names.
_IGNORED: Final = frozenset({"accept", "content-type", "authorization"})


def parameters_of(document: Schema, pointer: str) -> Iterator[tuple[str, Schema]]:
    """The parameters of an operation, each with its place. Those of the path come after its own."""
    path, _, _ = pointer.rpartition("/")
    seen: set[tuple[str, str]] = set()
    for place in (pointer, path):
        owner = as_object(value_at(document, place))
        for index, value in enumerate(as_list(owner.get("parameters"))):
            where, parameter = located(document, f"{place}/parameters/{index}", value)
            key = str(parameter.get("in")), str(parameter.get("name"))
            if key in seen or (key[0] == "header" and key[1].lower() in _IGNORED):
                continue
            seen.add(key)
            yield where, parameter


def located(document: Schema, pointer: str, value: Json) -> tuple[str, Schema]:
    """A value and its place; if the value is a reference, its target and the target's place."""
    seen: set[str] = set()
    while is_object(value) and "$ref" in value and value["$ref"] not in seen:
        pointer = str(value["$ref"])
        seen.add(pointer)
        value = value_at(document, pointer)
    return pointer, as_object(value)


def sent(parameter: Schema, value: Json) -> list[tuple[str, str]] | None:
    """The names and the texts that a value of a parameter is sent as. None if no rule says it."""
    name, place = str(parameter["name"]), parameter["in"]
    style = parameter.get("style", "form" if place in {"query", "cookie"} else "simple")
    explode = parameter.get("explode", style == "form")
    members: list[tuple[str, Json]] = (
        list(value.items())
        if is_object(value)
        else [(name, item) for item in value]
        if is_list(value)
        else [(name, value)]
    )
    texts = [(key, _text(item)) for key, item in members]
    pairs = [(key, text) for key, text in texts if text is not None]
    if not pairs or len(pairs) < len(texts) or style not in {"form", "simple", "deepObject", *_DELIMITERS}:
        return None
    if not is_object(value) and not is_list(value):
        return pairs
    if style == "deepObject":
        return [(f"{name}[{key}]", text) for key, text in pairs] if is_object(value) else None
    if style == "form" and explode:
        return pairs if place == "query" else None
    delimiter = _DELIMITERS.get(style, ",")
    if is_object(value):
        return [(name, delimiter.join(f"{key}{'=' if explode else delimiter}{text}" for key, text in pairs))]
    return [(name, delimiter.join(text for _, text in pairs))]


def form(value: Json) -> list[tuple[str, str]] | None:
    """The names and the texts that an object is sent as in a form. None if no rule says it."""
    if not is_object(value):
        return None
    pairs: list[tuple[str, str]] = []
    for name, member in value.items():
        for item in member if is_list(member) else [member]:
            text = _text(item)
            if text is None:
                return None
            pairs.append((name, text))
    return pairs


def parts_of(form: Schema, files: Collection[str], encoding: Schema) -> list[dict[str, Any]]:
    """The parts that an object is sent as in a multipart form, each with the media types that it may have."""
    parts: list[dict[str, Any]] = []
    for name, member in form.items():
        allowed = str(as_object(encoding.get(name)).get("contentType", ""))
        types = [each.partition(";")[0].strip().lower() for each in allowed.split(",") if each]
        for item in member if is_list(member) else [member]:
            if name in files:
                # The caller gives the media type of a file.
                parts.append({"name": name, "text": item, "is_file": True})
            elif is_object(item) or is_list(item):
                parts.append({"name": name, "json": item, "types": types or ["application/json"]})
            else:
                text = item if isinstance(item, str) else json.dumps(item)
                parts.append({"name": name, "text": text, "types": types or ["text/plain"]})
    return parts


def path_of(template: str, texts: dict[str, str]) -> str:
    """A path with its parameters filled in."""
    for name, text in texts.items():
        template = template.replace(f"{{{name}}}", quote(text, safe=""))
    return template


def _text(value: Json) -> str | None:
    if isinstance(value, str):
        return value or None
    return None if value is None or is_object(value) or is_list(value) else json.dumps(value)


def media_types(content: Json) -> Iterator[tuple[str, str, Any]]:
    """The media types of a body: each with its key as part of a pointer, and its schema."""
    for name, media in as_object(content).items():
        yield name.partition(";")[0].strip().lower(), escape(name), as_object(media).get("schema")


def is_json(media_type: str) -> bool:
    """Whether a body of a media type is JSON."""
    return media_type == "application/json" or media_type.endswith("+json")


def only_in_forms(document: Schema) -> set[str]:
    """The components that occur in forms, and nowhere in JSON: their files are no JSON values."""
    forms: list[Json] = []
    others: list[Json] = []
    for path in as_object(document.get("paths")).values():
        for method, operation in as_object(path).items():
            if method not in METHODS:
                continue
            _, body = located(document, "", as_object(operation).get("requestBody"))
            for media_type, media in as_object(body.get("content")).items():
                (others if is_json(media_type.partition(";")[0].strip().lower()) else forms).append(media)
            others.append({**as_object(operation), "requestBody": {}})
    return {*reached(document, *forms)} - {*reached(document, *others)}
