"""Rewrites a document for the two generators, where they do not read it as its standard says.

Every rewriting keeps the meaning of the document, or leaves out a check that Python cannot make. What is left out is
a note in the report.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import NamedTuple

from codegen.adaptation.all_of import normalize_all_of
from codegen.adaptation.bodies import drop_equal_forms
from codegen.adaptation.choices import part_texts
from codegen.adaptation.client import client_form
from codegen.adaptation.discriminators import narrow_tags
from codegen.adaptation.normal import Note, normalize
from codegen.adaptation.places import marked, slots, unmarked
from codegen.adaptation.references import inline_partial_references
from codegen.adaptation.unread import drop_unread
from codegen.adaptation.wire import wire_form
from codegen.client_names import settings_file
from codegen.document import Json
from codegen.openapi import inline_components

__all__ = ["Adapted", "Note", "adapt"]


class Adapted(NamedTuple):
    """A document in the form that each generator reads rightly."""

    client: dict[str, Json]
    """For openapi-python-client."""
    wire: dict[str, Json]
    """For datamodel-code-generator."""
    notes: list[Note]


def adapt(document: dict[str, Json]) -> Adapted:
    """The forms of an overlaid document that the generators read."""
    client, wire, notes = marked_forms(document)
    return Adapted(unmarked(client), unmarked(wire), [*notes])


def marked_forms(document: dict[str, Json]) -> Adapted:
    """The same forms, in which each part still names its place in the document. They must not be changed."""
    return _marked_forms(json.dumps(document), settings_file())


# Refusals, generation, verification and report ask for the forms of the same document, one after another. The settings
# name the classes, so another file of settings makes other forms.
@functools.lru_cache(maxsize=4)
def _marked_forms(document: str, _settings: Path) -> Adapted:
    notes: list[Note] = []
    normal = inline_components(marked(json.loads(document)))
    inline_partial_references(normal)
    drop_unread(normal)
    drop_equal_forms(normal, notes)
    for slot in slots(normal):
        normalize(slot, notes)
    for slot in slots(normal):
        normalize_all_of(normal, slot, notes)
    for slot in slots(normal):
        part_texts(normal, slot, notes)
    narrow_tags(normal)
    wire = wire_form(normal, notes)
    return Adapted(client_form(normal, notes), wire, sorted(set(notes)))
