"""How severe a change is, and the base class of the comparisons that collect changes.

A change that no rule covers is breaking: a person has to read it.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable
from typing import Final, NamedTuple

from codegen.document import Json, is_object
from codegen.openapi import component_name, escape, same


class Severity(enum.IntEnum):
    """How severe a change is for callers of the SDK."""

    COSMETIC = 0
    ADDITIVE = 1
    BREAKING = 2


class Change(NamedTuple):
    """One difference between two documents."""

    severity: Severity
    pointer: str
    """The place, as a JSON pointer in a URI fragment: `#/info/title`."""
    meaning: str
    """What the change means in Python, in one sentence."""


class ApiChange(NamedTuple):
    """One change that may break code that imports the packages."""

    path: str
    """The dotted name under which users import it."""
    meaning: str


Handler = Callable[[Json, Json, str], None]
"""Compares an old and a new value at a place. None stands for a value that is absent."""

DOCUMENTATION: Final = frozenset(
    {"description", "summary", "example", "examples", "externalDocs", "deprecated", "xml", "$comment"}
)
_MAX_VALUE_LENGTH: Final = 60


class Comparison:
    """Collects the changes between two documents."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    def add(self, severity: Severity, pointer: str, meaning: str) -> None:
        """Adds a change."""
        self.changes.append(Change(severity, pointer, meaning))

    def add_unknown(self, old: Json, new: Json, pointer: str) -> None:
        """Adds a change that no rule covers."""
        change = f"{format_value(old)} became {format_value(new)}"
        self.add(Severity.BREAKING, pointer, f"No rule of this report covers the change, so read it: {change}.")

    def compare_keys(self, old: Json, new: Json, pointer: str, handlers: dict[str, Handler]) -> None:
        """Calls the handler of every key whose values differ. A key without a handler is breaking."""
        if not is_object(old) or not is_object(new):
            if not same(old, new):
                self.add_unknown(old, new, pointer)
            return
        for key in sorted(old.keys() | new.keys()):
            before, after = old.get(key), new.get(key)
            if (key in old) == (key in new) and same(before, after):
                continue
            place = f"{pointer}/{escape(key)}"
            if key in DOCUMENTATION:
                self.add(Severity.COSMETIC, place, f"Documentation only: `{key}` changed.")
            else:
                handlers.get(key, self.add_unknown)(before, after, place)


def format_value(value: Json) -> str:
    """A value as a sentence shows it: the name of a referenced component, or JSON that is cut if it is long."""
    if value is None:
        return "nothing"
    if is_object(value) and "$ref" in value:
        return component_name(value)
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_VALUE_LENGTH else f"{text[:_MAX_VALUE_LENGTH]}…"
