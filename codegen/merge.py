"""Merges documents that publish one API in parts, and writes YAML that is the same every time.

The publisher gives each operation a page of its own and repeats there the components that it
uses. A document is taken apart into pieces (an operation, a component, a header field), the
pieces of all documents are put together again, and two that disagree are an error.
"""

from __future__ import annotations

import copy
import io
import json
import re
import textwrap
from collections.abc import Iterator, Sequence

from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import SafeRepresenter

from codegen.document import Json, is_object
from codegen.errors import CodegenError
from codegen.schemas import METHODS, escape

Place = tuple[str, ...]

# Where documents may differ, and how long the place of a piece is there. All else is a header field.
_UNITED = {"paths": 3, "webhooks": 3, "components": 3}
# As the published page has them.
_TOP = ("openapi", "info", "paths", "servers", "components")


def merge(documents: Sequence[tuple[str, dict[str, Json]]]) -> dict[str, Json]:
    """One document of several, each with the name of its source, that agree wherever they overlap.

    Where two differ in the order of keys alone, the first is taken: sort them beforehand.
    """
    merged: dict[Place, tuple[str, Json]] = {}
    for source, document in documents:
        for place, piece in _pieces(document):
            known_source, known = merged.setdefault(place, (source, piece))
            if _canonical(known) != _canonical(piece):
                raise _disagreement(place, (known_source, dump(known)), (source, dump(piece)))
    for source, document in documents:
        pieces = dict(_pieces(document))
        for place, (known_source, known) in merged.items():
            if place not in pieces and _shared_with(document, place):
                raise _disagreement(place, (known_source, dump(known)), (source, "(nothing)\n"))
    return _assemble({place: piece for place, (_, piece) in merged.items()})


def dump(value: Json) -> str:
    """A JSON value as YAML in the published page's style, with its keys in their order."""
    # ruamel.yaml declares no types for much of what follows.
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # it is declared as None
    yaml.default_flow_style = False
    # Folded lines would make the diff of a one-word change longer than the change.
    yaml.width = 2**31
    yaml.indent(mapping=2, sequence=4, offset=2)  # pyright: ignore[reportUnknownMemberType]
    stream = io.StringIO()
    yaml.dump(value, stream)  # pyright: ignore[reportUnknownMemberType]
    # The mark of an end, which follows a scalar at the top, belongs in no message.
    return re.sub(r"^\.\.\.\n\Z", "", stream.getvalue(), flags=re.MULTILINE)


class _Representer(SafeRepresenter):
    """Writes each value out where it stands: published pages have no anchors."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the base class says what comes in
        return True

    def string(self, data: str) -> ScalarNode:
        # The other line breaks of YAML become plain ones anywhere but in double quotes.
        style = '"' if re.search("[\r\x85\u2028\u2029]", data) else "|" if "\n" in data else None
        node: ScalarNode = self.represent_scalar("tag:yaml.org,2002:str", data, style=style)  # pyright: ignore[reportUnknownMemberType]
        return node


_Representer.add_representer(str, _Representer.string)  # pyright: ignore[reportUnknownMemberType]


def _pieces(value: Json, place: Place = ()) -> Iterator[tuple[Place, Json]]:
    """What a document consists of: operations, components, header fields, each with its place."""
    length = _UNITED.get(place[0], 1) if place else 1
    extension = bool(place) and place[-1].startswith("x-")
    if len(place) == length or extension or not value or not is_object(value):
        yield place, value
        return
    for key, part in value.items():
        yield from _pieces(part, (*place, key))


def _shared_with(document: dict[str, Json], place: Place) -> bool:
    """Whether the piece at `place`, which `document` lacks, would change what `document` says."""
    if place[0] not in _UNITED:
        return True
    # The parameters or servers of a path are those of each of its operations.
    of_a_path = place[0] != "components" and len(place) == 3 and place[2] not in METHODS
    return of_a_path and place[1] in document.get(place[0], {})


def _canonical(piece: Json) -> str:
    """Equal for equal JSON only: to Python, `1`, `1.0` and `True` are equal too."""
    return json.dumps(piece, sort_keys=True, default=repr)


def _assemble(pieces: dict[Place, Json]) -> dict[str, Json]:
    whole: dict[str, Json] = {}
    for place in sorted(pieces, key=_rank):
        within = whole
        for key in place[:-1]:
            within = within.setdefault(key, {})
        within[place[-1]] = copy.deepcopy(pieces[place])
    return whole


def _rank(place: Place) -> tuple[int, Place]:
    return (_TOP.index(place[0]) if place[0] in _TOP else len(_TOP), place)


def _disagreement(place: Place, one: tuple[str, str], other: tuple[str, str]) -> CodegenError:
    pointer = "".join(f"/{escape(key)}" for key in place)
    shown = "\n".join(f"In {source}:\n\n{textwrap.indent(text, '    ')}" for source, text in (one, other))
    return CodegenError(
        f"#{pointer} is defined differently in two sources.\n\n{shown}\n"
        "Get both again, for one may be older than the other. If they still disagree, the publisher "
        "contradicts itself: leave one of the two out, and report it there."
    )
