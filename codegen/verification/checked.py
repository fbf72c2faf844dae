"""The part of a document that the generated code has to check: all but what a note of the report leaves out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from codegen.adaptation import Note
from codegen.adaptation.choices import TYPED
from codegen.document import Json, as_list, as_object, is_list, is_object
from codegen.openapi import Keys
from codegen.verification.instances import EndlessError, Schema, resolved, value_at
from codegen.verification.json_schema import as_json_schema

# Without the one keyword, the other would say something of more values.
_FURTHER: Final = {"prefixItems": "items", "patternProperties": "additionalProperties"}


def checked_part(document: Schema, notes: Iterable[Note]) -> Schema:
    """The document as JSON Schema, without each check that a note names.

    A format without a type is a remark in every document. `nullable` counts in OpenAPI 3.1, too.
    """
    checked = copy.deepcopy(document)
    for note in notes:
        _leave_out(checked, note.pointer)
    formatted: Schema = _rewritten(as_json_schema(checked, nullable=True), Keys.KEYWORDS, _without_remark)
    return formatted


def with_overlaps(schema: Schema) -> Schema:
    """A copy in which a value may match several members of `oneOf`: the generated code does not count them."""
    overlapping: Schema = _rewritten(schema, Keys.KEYWORDS, _as_any_of)
    return overlapping


def _leave_out(document: Schema, pointer: str) -> None:
    """Drops the keyword, or what a schema demands, at a place."""
    above, _, last = pointer.rpartition("/")
    name = last.replace("~1", "/").replace("~0", "~")
    try:
        holder = value_at(document, above)
    except EndlessError:
        return
    if is_list(holder) and name.isdigit() and int(name) < len(holder):
        holder[int(name)] = {}
    elif is_object(holder) and _holds_names(above):
        if name in holder:
            holder[name] = {}
    elif is_object(holder):
        try:
            declared = as_object(resolved(document, holder).get("properties"))
        except EndlessError:
            return
        _drop(document, holder, name, declared.keys(), frozenset())


def _holds_names(pointer: str) -> bool:
    keys: Keys = Keys.KEYWORDS
    for part in pointer.split("/")[1:]:
        keys = keys.below(part) or Keys.KEYWORDS
    return keys is not Keys.KEYWORDS


def _drop(document: Schema, schema: Schema, keyword: str, declared: AbstractSet[str], above: frozenset[str]) -> None:
    """Drops a keyword from a schema and its parts. Another schema, of which it is made, keeps the keyword."""
    dropped = schema.pop(keyword, None)
    if keyword == "required" and is_list(dropped):
        # Only what is declared is demanded.
        schema["required"] = [name for name in dropped if name in declared]
    if keyword in _FURTHER:
        schema.pop(_FURTHER[keyword], None)
    reference = schema.get("$ref")
    if reference is not None and reference not in above:
        try:
            target = value_at(document, str(reference))
        except EndlessError:
            return
        if is_object(target):
            del schema["$ref"]
            schema["allOf"] = [*as_list(schema.get("allOf")), copy.deepcopy(target)]
            above = above | {str(reference)}
    for part in as_list(schema.get("allOf")):
        if is_object(part):
            _drop(document, part, keyword, declared, above)


def _rewritten(value: Json, keys: Keys, rewrite: Callable[[Schema], None]) -> Json:
    """A copy in which each object of keywords is rewritten."""
    if is_list(value):
        return [_rewritten(item, keys, rewrite) for item in value]
    if not is_object(value):
        return value
    copied: Schema = {}
    for key, member in value.items():
        below = keys.below(key)
        copied[key] = member if below is None else _rewritten(member, below, rewrite)
    if keys is Keys.KEYWORDS:
        rewrite(copied)
    return copied


def _without_remark(schema: Schema) -> None:
    if schema.get("format") not in TYPED:
        schema.pop("format", None)


def _as_any_of(schema: Schema) -> None:
    if is_list(schema.get("oneOf")):
        schema["allOf"] = [*as_list(schema.get("allOf")), {"anyOf": schema.pop("oneOf")}]
