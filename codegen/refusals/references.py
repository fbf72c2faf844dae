"""Refuses references that lead to nothing that a generator can read, and chains of references that are too long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from codegen.adaptation.places import SCHEMAS
from codegen.adaptation.references import UnfoldingError
from codegen.document import Json, as_list, as_object, is_object
from codegen.errors import CodegenError
from codegen.openapi import check_reference, escape, placed_references
from codegen.refusals.refusal import Refusal, nearest_removal

_LONGEST: Final = 30
# A generator makes one type of a schema and of the schemas below these keys.
_SAME_TYPE: Final = ("allOf", "anyOf", "oneOf", "prefixItems")


def check_references(document: dict[str, Json]) -> Iterator[Refusal]:
    """Each reference that has no target, leads to itself, or leads into an example; and chains that are too long."""
    problems: dict[str, str] = {}
    for place, reference in placed_references(document, "#"):
        if reference not in problems:
            try:
                check_reference(document, reference)
                problems[reference] = ""
            except CodegenError as error:
                problems[reference] = str(error)
        if problems[reference]:
            yield nearest_removal(document, place, problems[reference])
            # Its remedy may remove the places of others.
            return
    yield from _check_chains(document)


def unfolding(document: dict[str, Json], error: UnfoldingError) -> Refusal:
    """A refusal for references to parts of schemas."""
    places = [place for place, reference in placed_references(document, "#") if reference == error.reference]
    return nearest_removal(document, places[0], f"{error.problem} ({error.reference})")


def _check_chains(document: dict[str, Json]) -> Iterator[Refusal]:
    """Types that are made from too many components, of which each refers to the next: the generators recurse."""
    for place, length in _lengths(_direct(document)).items():
        # With each of these places removed, no chain is too long: such a place still ends a chain.
        if length > 1 and length % (_LONGEST - 1) == 1:
            problem = f"this is a chain of {_LONGEST} or more components that refer to one another without properties"
            yield nearest_removal(document, place, problem)


def endless(document: dict[str, Json]) -> Refusal:
    """A refusal for a document for which Python's stack was too short: the first type that is made from itself."""
    direct = _direct(document)
    for place in direct:
        found, waiting = set[str](), [*direct[place]]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += direct.get(name, ())
        if place in found:
            return nearest_removal(document, place, "the type of this schema is made from the schema itself")
    problem = "these schemas refer to one another, or are nested, too deep for the generators"
    return Refusal("#/components/schemas", problem, "Leave out the page that brings them, or remove references.")


def _direct(document: dict[str, Json]) -> dict[str, list[str]]:
    """For each component, the references that the generators follow to make its type."""
    schemas = as_object(as_object(document.get("components")).get("schemas"))
    return {f"{SCHEMAS}{escape(name)}": list(dict.fromkeys(_same_type(schema))) for name, schema in schemas.items()}


def _same_type(schema: Json) -> Iterator[str]:
    """The references in a schema, but not below its properties."""
    waiting = [schema]
    while waiting:
        schema = waiting.pop()
        if is_object(schema):
            if "$ref" in schema:
                yield str(schema["$ref"])
            waiting += [schema.get("items"), *(each for key in _SAME_TYPE for each in as_list(schema.get(key)))]


def _lengths(direct: dict[str, list[str]]) -> dict[str, int]:
    """The length of the longest chain that begins at each name. A circle ends where it began."""
    lengths: dict[str, int] = {}
    for start, first in direct.items():
        # In place of recursion: a chain may be longer than Python's stack.
        path = {start: iter(first)}
        while path:
            name = next(reversed(path))
            below = next((each for each in path[name] if each not in lengths and each not in path), None)
            if below is not None:
                path[below] = iter(direct.get(below, ()))
                continue
            lengths[name] = 1 + max((lengths.get(each, 0) for each in direct.get(name, ())), default=0)
            del path[name]
    return lengths
