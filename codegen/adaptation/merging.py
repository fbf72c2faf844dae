"""Joins schemas whose values must match all of them: `allOf`, written as one schema."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import jsonschema_rs

from codegen.adaptation.normal import ANNOTATIONS, Note, set_types, types_of_schema
from codegen.adaptation.places import PLACE, Schema
from codegen.document import Json, as_list, as_object, is_object
from codegen.openapi import resolve

_CHOICES: Final = ("oneOf", "anyOf")
_MOST_MEMBERS: Final = 32
# A second group of the same pattern would get another number, or the same name twice.
_REFERS_TO_A_GROUP: Final = re.compile(r"\\[1-9k]|\(\?<[A-Za-z_]")


def is_nothing(schema: Schema) -> bool:
    """Whether no value matches a schema."""
    return is_object(schema.get("not")) and not schema["not"].keys() - {PLACE}


def _place(schema: Schema) -> str:
    """The place of a part. A document that is only read, and not adapted, has no marks."""
    return str(schema.get(PLACE, "#"))


def _nothing(place: str) -> Schema:
    """The schema of no value. The part at `place` excludes the last values."""
    return {"not": {PLACE: place}, PLACE: place}


@dataclass(frozen=True)
class Merger:
    """Joins the schemas of a normalized document."""

    document: dict[str, Json]
    notes: list[Note]

    def joined(self, schema: Schema, parts: list[Schema], keyword: str = "allOf") -> Schema:
        """A schema that has the meaning of these parts, which are below a keyword of it, and of its other keywords."""
        place = _place(schema)
        merged: Schema = {}
        for part in parts:
            merged = self.merge(merged, self.flat(part))
        merged = self.merge(merged, {key: value for key, value in schema.items() if key != "allOf"})
        if merged.get("not") == {PLACE: place}:
            merged["not"] = {PLACE: f"{place}/{keyword}"}
        return {**merged, PLACE: place}

    def flat(self, part: Schema, above: frozenset[str] = frozenset()) -> Schema:
        """A schema in place of a reference to it, without `allOf`."""
        place = _place(part)
        merged: Schema = {}
        if "$ref" in part and part["$ref"] not in above:
            target = as_object(resolve(self.document, part))
            # A note names the reference: without it, the check stays in the other schema.
            copied = {key: value for key, value in target.items() if key not in ANNOTATIONS | {"discriminator"}}
            merged = self.flat({**copy.deepcopy(copied), PLACE: place}, above | {str(part["$ref"])})
        flat = {key: value for key, value in part.items() if key != "$ref"}
        for inner in as_list(flat.get("allOf")):
            merged = self.merge(merged, self.flat(inner, above))
        return self.merge(merged, {key: value for key, value in flat.items() if key != "allOf"})

    def merge(self, one: Schema, other: Schema, above: frozenset[str] = frozenset()) -> Schema:
        """A schema whose values match both. What cannot be joined is left out of `other`, with a note."""
        ours, theirs = _rules(one), _rules(other)
        if not ours or not theirs or ours == theirs:
            return {**one, **other}
        if "$ref" in ours and "$ref" in theirs:
            both = " ".join(sorted([str(ours["$ref"]), str(theirs["$ref"])]))
            if both in above:
                return self._left_out(one, other, "Two schemas within themselves cannot be joined: not checked.")
            above = above | {both}
        one, other = _with_numbers(self.flat(one)), _with_numbers(self.flat(other))
        for side in (one, other):
            if is_nothing(side):
                return side if side["not"] != {PLACE: f"{_place(side)}/not"} else _nothing(_place(side))
        if any(choice in side for choice in _CHOICES for side in (one, other)):
            return self._choice(one, other, above)
        names = list({**as_object(one.get("properties")), **as_object(other.get("properties"))})
        one, other = self._opened(one, names), self._opened(other, names)
        merged = {**one, **other}
        for keyword in sorted(_rules(one).keys() & _rules(other).keys()):
            self._join(merged, keyword, one, other, above)
        return _with_values(merged, one, other)

    def _join(self, merged: Schema, keyword: str, one: Schema, other: Schema, above: frozenset[str]) -> None:
        if one[keyword] == other[keyword] or keyword in ("type", "enum", "const"):
            return
        if keyword == "properties":
            ours, theirs = one[keyword], other[keyword]
            both = {name: self._inner(ours[name], theirs[name], above) for name in theirs if name in ours}
            merged[keyword] = {**ours, **theirs, **both}
            return
        if keyword in ("items", "additionalProperties"):
            merged[keyword] = self._inner(one[keyword], other[keyword], above)
            return
        joined = _JOINED[keyword](one[keyword], other[keyword]) if keyword in _JOINED else None
        merged[keyword] = one[keyword] if joined is None else joined
        if joined is None:
            meaning = f"This cannot be joined with the {keyword} of another part of allOf: not checked."
            self.notes.append(Note(f"{_place(other)}/{keyword}", meaning))

    def _opened(self, part: Schema, names: Iterable[str]) -> Schema:
        """A part of an object, without what it says about further properties: other parts declare some of them."""
        further, own = part.get("additionalProperties", True), as_object(part.get("properties"))
        others = [name for name in names if name not in own]
        is_open = further is True or (is_object(further) and not _rules(further))
        if is_open or (further is False and not others) or not (own or others):
            return part
        meaning = "The further properties of this part of allOf are not checked, because the schema declares others."
        self.notes.append(Note(f"{_place(part)}/additionalProperties", meaning))
        declared = {} if further is False else dict.fromkeys(others, further)
        return {**part, "additionalProperties": True, "properties": {**own, **declared}}

    def _inner(self, one: Json, other: Json, above: frozenset[str]) -> Json:
        if one is False or other is False:
            return False
        return (one if other is True else other) if True in (one, other) else self.merge(one, other, above)

    def _choice(self, one: Schema, other: Schema, above: frozenset[str]) -> Schema:
        """The members of both choices that have common values."""
        sides = [[side[choice] for choice in _CHOICES if choice in side] for side in (one, other)]
        if any(len(choices) > 1 for choices in sides):
            return self._left_out(one, other, "Two choices cannot be joined with other parts of allOf: not checked.")
        first, second = ({k: v for k, v in side.items() if k not in _CHOICES} for side in (one, other))
        rest = self.merge(first, second, above)
        if is_nothing(rest):
            return rest
        anything: list[Json] = [{}]
        lists = [as_list(choices[0]) if choices else anything for choices in sides]
        rules, annotations = _rules(rest), {key: value for key, value in rest.items() if key in ANNOTATIONS}
        choice = "anyOf" if "anyOf" in one or "anyOf" in other else "oneOf"
        if not rules and anything in lists:
            return {**one, **other}
        if len(lists[0]) * len(lists[1]) > _MOST_MEMBERS:
            return self._left_out(one, other, "So large choices cannot be joined: not checked.")
        members = [
            self.merge(self.merge(first, second, above), {**rules, PLACE: _place(rest)}, above)
            for first in lists[0]
            for second in lists[1]
        ]
        members = [member for member in members if not is_nothing(member)]
        if len(members) < 2:
            return {**members[0], **annotations} if members else _nothing(_place(other))
        return {**annotations, choice: members}

    def _left_out(self, one: Schema, other: Schema, meaning: str) -> Schema:
        self.notes.extend(Note(f"{_place(other)}/{keyword}", meaning) for keyword in sorted(_rules(other)))
        return one


def _rules(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key not in ANNOTATIONS}


def _with_values(merged: Schema, one: Schema, other: Schema) -> Schema:
    """The schema with the types and the values of both sides, or the schema of no value."""
    place = _place(other)
    if "type" in one and "type" in other:
        kinds = [kind for kind in _kinds(one) if kind in _kinds(other)]
        if not kinds:
            return _nothing(place)
        set_types(merged, [kind for kind in kinds if kind != "integer" or "number" not in kinds])
    lists = [_values(side) for side in (one, other)]
    known = [values for values in lists if values is not None]
    if not known:
        return merged
    values = [value for value in known[0] if value in known[-1] and _matches(merged, value)]
    if not values:
        return _nothing(place)
    for keyword in ("enum", "const", *CONSTRAINTS):
        merged.pop(keyword, None)
    if len(values) < len(known[0]):
        merged.pop("x-enum-varnames", None)
    if "const" in one or "const" in other:
        return {**merged, "const": values[0]}
    return {**merged, "enum": values}


def _kinds(schema: Schema) -> list[str]:
    """The types of a schema. A number may be an integer."""
    kinds = types_of_schema(schema)
    return list(dict.fromkeys([*kinds, "integer"])) if "number" in kinds else kinds


def _with_numbers(schema: Schema) -> Schema:
    """The schema with its exclusive bounds written as in OpenAPI 3.1: `exclusiveMinimum: true` says nothing alone."""
    changed = dict(schema)
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(changed.get(exclusive), bool) and changed.pop(exclusive) and bound in changed:
            changed[exclusive] = changed.pop(bound)
    return changed


def _values(schema: Schema) -> list[Json] | None:
    return [schema["const"]] if "const" in schema else as_list(schema["enum"]) if "enum" in schema else None


def _matches(schema: Schema, value: Json) -> bool:
    """Whether a value of an enum matches the other keywords."""
    rules = {key: rule for key, rule in schema.items() if key in ("type", *CONSTRAINTS)}
    try:
        return jsonschema_rs.validator_for(rules).is_valid(value)
    except (jsonschema_rs.ValidationError, ValueError):
        return True


def _patterns(one: Json, other: Json) -> Json:
    """One pattern that finds both. None if there is none."""
    if _REFERS_TO_A_GROUP.search(f"{one}{other}"):
        return None
    return f"^(?=[\\s\\S]*(?:{one}))(?=[\\s\\S]*(?:{other}))"


def _multiple(one: Json, other: Json) -> Json:
    """The least common multiple."""
    first, second = (Fraction(Decimal(str(each))) for each in (one, other))
    numerator = math.lcm(first.numerator * second.denominator, second.numerator * first.denominator)
    multiple = Fraction(numerator, first.denominator * second.denominator)
    return multiple.numerator if multiple.denominator == 1 else float(multiple)


def _union(one: Json, other: Json) -> Json:
    return list(dict.fromkeys([*one, *other]))


_LOW: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_HIGH: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_JOINED: Final[dict[str, Callable[[Json, Json], Any]]] = {
    **dict.fromkeys(_LOW, max),
    **dict.fromkeys(_HIGH, min),
    "multipleOf": _multiple,
    "pattern": _patterns,
    "required": _union,
    "uniqueItems": lambda one, other: bool(one or other),
}
CONSTRAINTS: Final = (
    *("minimum", "exclusiveMinimum", "minLength", "maximum", "exclusiveMaximum", "maxLength"),
    *("multipleOf", "pattern", "minItems", "maxItems", "minProperties", "maxProperties", "uniqueItems"),
)
"""Keywords that say something about the values of one type only."""
