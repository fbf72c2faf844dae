"""Reads the schemas of an OpenAPI document as JSON Schema, so that an independent validator can judge instances."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import jsonschema_rs

from codegen.document import Json, as_list, as_object, is_list, is_object
from codegen.openapi import Keys, discriminated
from codegen.verification.instances import Schema

_SCHEMAS: Final = "#/components/schemas/"
_DOCUMENT: Final = "urn:document"


def as_json_schema(document: Schema, *, nullable: bool = False) -> Schema:
    """A copy in which the schemas of OpenAPI 3.0, and the values of discriminators, are written as JSON Schema.

    OpenAPI 3.1 gives `nullable` no meaning, but some publishers still write it: `nullable` says whether it counts.
    """
    old = str(document.get("openapi", "")).startswith("3.0")
    rewritten: Schema = _rewritten(document, Keys.KEYWORDS, nullable=nullable or old)
    schemas = as_object(as_object(rewritten.get("components")).get("schemas"))
    for (target, name), values in tags_of(rewritten).items():
        schema = schemas.get(target.removeprefix(_SCHEMAS))
        declared = as_object(schema.get("properties")).get(name) if is_object(schema) else None
        if is_object(declared) and not declared.keys() & {"enum", "const", "$ref", "allOf"}:
            declared["enum"] = sorted(values)
        elif declared is None and is_object(schema) and "allOf" in schema:
            schema["allOf"] = [*schema["allOf"], {"properties": {name: {"enum": sorted(values)}}}]
    return rewritten


def tags_of(document: Schema) -> dict[tuple[str, str], set[str]]:
    """The values of discriminators, by the place of the schema that they select and the name of the property."""
    values: dict[tuple[str, str], set[str]] = {}
    for found in discriminated(document):
        for target, value in _values(found):
            values.setdefault((target, str(found["discriminator"].get("propertyName"))), set()).add(value)
    return values


class Judge:
    """Says which instances are valid by the schemas of a document that `as_json_schema` made."""

    def __init__(self, document: Schema) -> None:
        """The parts of the document are read once, because a document may have hundreds of schemas."""
        parts: Schema = {key: document[key] for key in ("paths", "components") if key in document}
        self._registry = jsonschema_rs.Registry([(_DOCUMENT, parts)])

    def validator(self, pointer: str, *, formats: bool) -> jsonschema_rs.Validator:
        """A validator for the schema at a place. Raises a `ValueError` if it is no JSON Schema."""
        # A reference is a URI, in which the braces of a path are not allowed.
        reference = _DOCUMENT + quote(pointer, safe="#/~!$&'()*+,;=:@-._")
        return jsonschema_rs.validator_for(
            {"$ref": reference}, validate_formats=formats, ignore_unknown_formats=True, registry=self._registry
        )


def _rewritten(value: Json, keys: Keys, *, nullable: bool) -> Json:
    if is_list(value):
        return [_rewritten(item, keys, nullable=nullable) for item in value]
    if not is_object(value):
        return value
    copy: Schema = {}
    for key, member in value.items():
        below = keys.below(key)
        copy[key] = member if below is None else _rewritten(member, below, nullable=nullable)
    if keys is not Keys.KEYWORDS:
        return copy
    for name, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if copy.get(name) is True and bound in copy:
            copy[name] = copy.pop(bound)
        elif isinstance(copy.get(name), bool):
            del copy[name]
    if nullable and copy.get("nullable") is True:
        return _nullable(copy)
    return copy


def _nullable(schema: Schema) -> Schema:
    rest = {key: value for key, value in schema.items() if key != "nullable"}
    if isinstance(rest.get("type"), str):
        rest["type"] = [rest["type"], "null"]
        if "enum" in rest and None not in rest["enum"]:
            rest["enum"] = [*rest["enum"], None]
        return rest
    return {"anyOf": [rest, {"type": "null"}]}


def _values(schema: Schema) -> list[tuple[str, str]]:
    """The schemas that a discriminator selects, each with the value that selects it."""
    mapping = as_object(schema["discriminator"].get("mapping"))
    mapped = [(str(to) if "/" in str(to) else f"{_SCHEMAS}{to}", value) for value, to in mapping.items()]
    for branch in [*as_list(schema.get("oneOf")), *as_list(schema.get("anyOf"))]:
        reference = str(branch.get("$ref")) if is_object(branch) and "$ref" in branch else None
        if reference is not None and reference not in [to for to, _ in mapped]:
            mapped.append((reference, reference.rpartition("/")[2]))
    return mapped
