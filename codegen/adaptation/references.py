"""Replaces references that lead to a part of a schema: the generators know whole components only."""

from __future__ import annotations

import copy
import re
from typing import Final

from codegen.adaptation.places import SCHEMAS
from codegen.document import Json, as_object, is_list, is_object
from codegen.errors import CodegenError
from codegen.openapi import Keys, resolve

_COMPONENT: Final = re.compile(f"{SCHEMAS}[^/]+")
_MOST: Final = 10_000
# Each of these copies is inside of another one.
_MOST_LEVELS: Final = 20


class UnfoldingError(CodegenError):
    """References to parts of schemas that cannot be replaced by copies."""

    def __init__(self, reference: str, problem: str) -> None:
        super().__init__(f"{reference}: {problem}")
        self.reference, self.problem = reference, problem


class Inlining:
    """Copies what such references lead to. The copies keep the marks of the original."""

    def __init__(self, document: dict[str, Json]) -> None:
        self._document = document
        self._count = 0

    def run(self) -> None:
        """Rewrites the document."""
        for part in ("paths", "components"):
            if part in self._document:
                keys = Keys.KINDS if part == "components" else Keys.KEYWORDS
                self._document[part] = self._inlined(self._document[part], keys, ())

    def _inlined(self, value: Json, keys: Keys, above: tuple[str, ...]) -> Json:
        if is_list(value):
            return [self._inlined(item, Keys.KEYWORDS, above) for item in value]
        if not is_object(value):
            return value
        reference = value.get("$ref")
        if keys is Keys.KEYWORDS and isinstance(reference, str) and self._is_partial(reference):
            self._count += 1
            if reference in above:
                raise UnfoldingError(
                    reference, "the reference leads to a part of a schema, and that part contains the reference again"
                )
            if self._count > _MOST or len(above) == _MOST_LEVELS:
                raise UnfoldingError(reference, "too many references lead to parts of schemas that have references")
            return self._inlined(copy.deepcopy(resolve(self._document, value)), Keys.KEYWORDS, (*above, reference))
        found: dict[str, Json] = {}
        for key, member in value.items():
            below = keys.below(key)
            found[key] = member if below is None else self._inlined(member, below, above)
        return found

    def _is_partial(self, reference: str) -> bool:
        return "/schema" in reference and not _COMPONENT.fullmatch(reference)


def inline_partial_references(document: dict[str, Json]) -> None:
    """Replaces each reference to a part of a schema by a copy of the part."""
    Inlining(document).run()
    for schema in as_object(as_object(document.get("components")).get("schemas")).values():
        for keyword in ("$defs", "definitions"):
            if is_object(schema):
                schema.pop(keyword, None)
