"""Tells what the adapted forms of a document say at a place: the checks of the wire package, and the formats.

A keyword that no generated code reads is in neither form. The document says more than the forms.
"""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cached_property

from codegen.adaptation import Adapted, marked_forms
from codegen.adaptation.places import PLACE, Schema, place_of, slots, unmarked
from codegen.document import Json, as_list


class Checks:
    """The adapted forms of one document. They are made at the first question: most comparisons need none."""

    def __init__(self, document: dict[str, Json]) -> None:
        self._document = document

    def values(self, place: str, keyword: str) -> set[str] | None:
        """The values that a keyword has in the wire package; None if no class of the package is made of the place.

        A schema in an operation has no class there. A part of an `allOf` can be in several classes.
        """
        if place.startswith("#/paths/"):
            return set()
        found = self._wire.get(place)
        return None if found is None else {json.dumps(unmarked(each.get(keyword)), sort_keys=True) for each in found}

    def demands(self, place: str, names: set[Json]) -> bool:
        """Whether the wire package may demand one of these properties."""
        found = self._wire.get(place)
        return found is None or any(names & {*as_list(each.get("required"))} for each in found)

    def has_format(self, place: str) -> bool:
        """Whether the client package may have a type for the format at a place."""
        found = self._client.get(place)
        return found is None or any("format" in each for each in found)

    @cached_property
    def _forms(self) -> Adapted:
        return marked_forms(self._document)

    @cached_property
    def _wire(self) -> dict[str, list[Schema]]:
        return _by_place(self._forms.wire)

    @cached_property
    def _client(self) -> dict[str, list[Schema]]:
        return _by_place(self._forms.client)


def _by_place(form: dict[str, Json]) -> dict[str, list[Schema]]:
    found: defaultdict[str, list[Schema]] = defaultdict(list)
    for slot in slots(form):
        if PLACE in slot.schema:
            found[place_of(slot.schema)].append(slot.schema)
    return dict(found)
