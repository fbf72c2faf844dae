"""Merges documents that each publish a part of one API, and writes the result as YAML.

The publisher has one page per operation. Each page repeats the components that its operation uses.
`merge` splits every document into pieces (operations, components, top-level fields) and joins the
pieces of all documents. Two pieces that differ at the same place are an error. Equal input gives
equal bytes.
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
from codegen.openapi import METHODS, escape

Place = tuple[str, ...]

# Documents are merged below these keys; a piece lies this many keys deep. Every other top-level field is one piece.
_PIECE_DEPTHS = {"paths": 3, "webhooks": 3, "components": 3}
# The order on the published page.
_TOP_LEVEL_ORDER = ("openapi", "info", "paths", "servers", "components")


def merge(documents: Sequence[tuple[str, dict[str, Json]]]) -> dict[str, Json]:
    """Merges documents, each given with the name of its source, that agree wherever they overlap.

    If two documents differ only in the order of keys, the first one decides: sort the documents first.
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
    """Writes a JSON value as YAML in the style of the published page, and keeps the order of keys."""
    # ruamel.yaml declares no types for several of these calls.
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # it is declared as None
    yaml.default_flow_style = False
    # With folded lines, a change of one word would change several lines in a diff.
    yaml.width = 2**31
    yaml.indent(mapping=2, sequence=4, offset=2)  # pyright: ignore[reportUnknownMemberType]
    stream = io.StringIO()
    yaml.dump(value, stream)  # pyright: ignore[reportUnknownMemberType]
    # ruamel.yaml writes an end marker after a top-level scalar. Error messages should not show it.
    return re.sub(r"^\.\.\.\n\Z", "", stream.getvalue(), flags=re.MULTILINE)


class _Representer(SafeRepresenter):
    """Writes a repeated value in full each time: published pages have no anchors."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the base class passes it
        return True

    def string(self, data: str) -> ScalarNode:
        # YAML keeps its unusual line breaks in double quotes only; elsewhere they become plain ones.
        style = '"' if re.search("[\r\x85\u2028\u2029]", data) else "|" if "\n" in data else None
        node: ScalarNode = self.represent_scalar("tag:yaml.org,2002:str", data, style=style)  # pyright: ignore[reportUnknownMemberType]
        return node


_Representer.add_representer(str, _Representer.string)  # pyright: ignore[reportUnknownMemberType]


def _pieces(value: Json, place: Place = ()) -> Iterator[tuple[Place, Json]]:
    """The pieces of a document (operations, components, top-level fields), each with its place."""
    depth = _PIECE_DEPTHS.get(place[0], 1) if place else 1
    extension = bool(place) and place[-1].startswith("x-")
    if len(place) == depth or extension or not value or not is_object(value):
        yield place, value
        return
    for key, part in value.items():
        yield from _pieces(part, (*place, key))


def _shared_with(document: dict[str, Json], place: Place) -> bool:
    """Whether `document` would change its meaning if it got the piece at `place`, which it does not have."""
    if place[0] not in _PIECE_DEPTHS:
        return True
    # The parameters and the servers of a path apply to each of its operations.
    is_path_field = place[0] != "components" and len(place) == 3 and place[2] not in METHODS
    return is_path_field and place[1] in document.get(place[0], {})


def _canonical(piece: Json) -> str:
    """A text that is equal for equal JSON only. In Python, `1`, `1.0` and `True` are equal too."""
    return json.dumps(piece, sort_keys=True, default=repr)


def _assemble(pieces: dict[Place, Json]) -> dict[str, Json]:
    merged: dict[str, Json] = {}
    for place in sorted(pieces, key=_rank):
        parent = merged
        for key in place[:-1]:
            parent = parent.setdefault(key, {})
        parent[place[-1]] = copy.deepcopy(pieces[place])
    return merged


def _rank(place: Place) -> tuple[int, Place]:
    return (_TOP_LEVEL_ORDER.index(place[0]) if place[0] in _TOP_LEVEL_ORDER else len(_TOP_LEVEL_ORDER), place)


def _disagreement(place: Place, one: tuple[str, str], other: tuple[str, str]) -> CodegenError:
    pointer = "".join(f"/{escape(key)}" for key in place)
    shown = "\n".join(f"In {source}:\n\n{textwrap.indent(text, '    ')}" for source, text in (one, other))
    return CodegenError(
        f"#{pointer} is defined differently in two sources.\n\n{shown}\n"
        "Download both again: one may be older than the other. If they still differ, the publisher "
        "contradicts itself: leave one of the two out, and report the contradiction to the publisher."
    )
