"""The classes of change, and the place where changes are noted.

What is not understood is breaking: somebody has to read it.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable
from typing import Final, NamedTuple

from codegen.document import Json, is_object
from codegen.schemas import component_name, escape, same


class Level(enum.IntEnum):
    """How much a change asks of a caller."""

    COSMETIC = 0
    ADDITIVE = 1
    BREAKING = 2


class Change(NamedTuple):
    """One difference between two documents."""

    level: Level
    pointer: str
    """Its place, as a JSON pointer in a URI fragment: `#/info/title`."""
    meaning: str
    """What it means in Python, in one sentence."""


Handler = Callable[[Json, Json, str], None]
"""Compares an old and a new value, either of which may be None for nothing, at a place."""

_PROSE: Final = frozenset(
    {"description", "summary", "example", "examples", "externalDocs", "deprecated", "xml", "$comment"}
)
# The extensions that the generators read: they name the members of an enum.
_READ: Final = "x-enum"
_LONG: Final = 60


class Changes:
    """Collects the changes between two documents."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    def note(self, level: Level, pointer: str, meaning: str) -> None:
        """Adds a change."""
        self.changes.append(Change(level, pointer, meaning))

    def each(self, old: Json, new: Json, pointer: str, handlers: dict[str, Handler]) -> None:
        """Hands every key in which two objects differ to its handler; an unknown one is breaking."""
        if not is_object(old) or not is_object(new):
            if not same(old, new):
                self.not_understood(old, new, pointer)
            return
        for key in sorted(old.keys() | new.keys()):
            before, after = old.get(key), new.get(key)
            if (key in old) == (key in new) and same(before, after):
                continue
            place = f"{pointer}/{escape(key)}"
            if key in _PROSE or (key.startswith("x-") and not key.startswith(_READ)):
                self.note(Level.COSMETIC, place, f"Words only: the {key} changed.")
            else:
                handlers.get(key, self.not_understood)(before, after, place)

    def not_understood(self, old: Json, new: Json, pointer: str) -> None:
        """Notes a change that no rule here knows."""
        change = f"{short(old)} became {short(new)}"
        self.note(Level.BREAKING, pointer, f"This report does not know what it means that {change}: read it.")


def short(value: Json) -> str:
    """A value for a sentence."""
    if value is None:
        return "nothing"
    if is_object(value) and "$ref" in value:
        return component_name(value)
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"
