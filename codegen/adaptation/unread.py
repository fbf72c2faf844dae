"""Drops the parts of a document that openapi-python-client checks, although it makes no code of them.

A mistake in such a part, for example in the name of a license, is then no reason to refuse the document.
"""

from __future__ import annotations

from typing import Final

from codegen.adaptation.places import PLACE, operations, slots
from codegen.document import Json, as_list, as_object, is_object
from codegen.openapi import METHODS

_DOCUMENT: Final = ("openapi", "info", "paths", "components")
_OPERATION: Final = ("operationId", "tags", "summary", "description", "deprecated", "security")
_REQUEST: Final = ("parameters", "requestBody", "responses")


def drop_unread(document: dict[str, Json]) -> None:
    """Keeps what becomes code, and what is refused later. Parameters, responses and bodies are in the operations."""
    _keep(document, _DOCUMENT)
    info = as_object(document.get("info"))
    document["info"] = {key: str(info.get(key, "")) for key in ("title", "version")}
    document["components"] = {"schemas": as_object(as_object(document.get("components")).get("schemas"))}
    for item in as_object(document.get("paths")).values():
        _keep(as_object(item), METHODS)
    for _path, _method, operation in operations(document):
        _keep(operation, (*_OPERATION, *_REQUEST))
        # The generator demands both keys.
        for response in as_object(operation.setdefault("responses", {})).values():
            _keep(response, ("content",))
            response["description"] = ""
            _keep_media(response, "schema")
        for parameter in as_list(operation.get("parameters")):
            parameter.pop("examples", None)
            _keep_media(parameter, "schema")
        _keep_media(as_object(operation.get("requestBody")), "schema", "encoding")
    for slot in slots(document):
        for key in ("xml", "externalDocs"):
            slot.schema.pop(key, None)


def _keep_media(holder: dict[str, Json], *keys: str) -> None:
    for media in as_object(holder.get("content")).values():
        _keep(media, keys)


def _keep(value: Json, keys: tuple[str, ...]) -> None:
    for key in [*value] if is_object(value) else ():
        if key not in (*keys, PLACE):
            del value[key]
