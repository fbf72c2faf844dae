"""Refuses references that lead to nothing that a generator can read."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.document import Json
from codegen.errors import CodegenError
from codegen.openapi import check_reference, placed_references
from codegen.refusals.refusal import Refusal, nearest_removal


def check_references(document: dict[str, Json]) -> Iterator[Refusal]:
    """Each reference that has no target, leads to itself, or leads into an example."""
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
