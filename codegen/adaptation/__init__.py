"""Rewrites a document for the two generators, where they do not read it as its standard says.

Every rewriting keeps the meaning of the document, or leaves out a check that Python cannot make. What is left out is
a note in the report.
"""

from __future__ import annotations

from typing import NamedTuple

from codegen.document import Json


class Note(NamedTuple):
    """One thing that the generators do not read."""

    pointer: str
    """The place, as a JSON pointer in a URI fragment."""
    meaning: str
    """What is left out, and the reason, in one sentence."""


class Adapted(NamedTuple):
    """A document in the form that each generator reads rightly."""

    client: dict[str, Json]
    """For openapi-python-client."""
    wire: dict[str, Json]
    """For datamodel-code-generator."""
    notes: list[Note]


def adapt(document: dict[str, Json]) -> Adapted:
    """The forms of an overlaid document that the generators read."""
    return Adapted(document, document, [])
