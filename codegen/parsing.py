"""Parses YAML and JSON, within limits of size and depth. Every document and overlay is parsed here.

Aliases make a short YAML text as large as they like. The limits count each alias as a copy of its target.
"""

# ruamel.yaml declares almost no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import datetime
import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, MaxDepthExceededError
from ruamel.yaml.nodes import MappingNode, Node
from ruamel.yaml.scanner import Scanner

from codegen.document import Json, is_list, is_object
from codegen.errors import CodegenError

MAX_BYTES: Final = 2_000_000
"""How many bytes of a document are read, at most."""
# A document of 20,000 lines has fewer values, counting keys too. ruamel.yaml composes as many in about two seconds.
_MAX_VALUES: Final = 50_000
MAX_DEPTH: Final = 100
"""How many levels of nesting a document has, at most."""
# ruamel.yaml decodes a tag in a time that grows with the square of its length.
_MAX_TAG: Final = 1_000


def parse_mapping(text: str, source: object) -> dict[str, Json]:
    """Parses a YAML 1.2 text that holds a mapping. Errors show the name `source`."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Scanner, yaml.Composer = _Scanner, _Composer
    yaml.max_depth = MAX_DEPTH

    return _parsed(yaml.load, text, "YAML", source)


def parse_json(text: str, source: object) -> dict[str, Json]:
    """Parses a JSON text that holds an object. Errors show the name `source`."""
    # The YAML parser would read the two JSON escapes of one emoji as two broken characters.
    return _parsed(functools.partial(json.loads, object_pairs_hook=_unique), text, "JSON", source)


def read_mapping(path: Path) -> dict[str, Json]:
    """The mapping in a YAML file, or the object in a file whose name ends in `.json`."""
    try:
        text = read_bytes(path).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise CodegenError(f"{path} cannot be read: {error}") from error
    return parse_json(text, path) if path.suffix == ".json" else parse_mapping(text, path)


def read_bytes(path: Path) -> bytes:
    """The content of a file, or its beginning if the file is too large to be parsed. Raises `OSError`."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


class _TooLarge(Exception):
    """A document is larger than a person writes it. The message is the limit."""


def _parsed(parse: Callable[[str], object], text: str, kind: str, source: object) -> dict[str, Json]:
    """The result of `parse` as a JSON object."""
    try:
        _check_limit(len(text), MAX_BYTES, "characters")
        parsed = _Json().convert(parse(text))
    except _TooLarge as error:
        raise CodegenError(f"{source} is too large: it has more than {error}") from error
    # For a text that is not YAML, or is incomplete, ruamel.yaml may raise almost any exception.
    except Exception as error:
        deep = isinstance(error, RecursionError | MaxDepthExceededError)
        reason = f"it is nested more than {MAX_DEPTH} levels deep" if deep else str(error)
        raise CodegenError(
            f"{source} is not valid {kind}: {reason}".replace('"<unicode string>"', str(source))
        ) from error
    if not is_object(parsed):
        expected = "a mapping" if kind == "YAML" else "an object"
        raise CodegenError(f"{source} should have {expected} at its top, not {type(parsed).__name__}")
    return parsed


def _check_limit(number: int, limit: int, unit: str) -> None:
    if number > limit:
        raise _TooLarge(f"{limit:,} {unit}")


class _Scanner(Scanner):
    """Refuses brackets that are nested too deep, and long tags. The base class needs seconds for them."""

    def save_possible_simple_key(self) -> None:
        if self.flow_level > MAX_DEPTH:
            raise RecursionError
        super().save_possible_simple_key()

    def scan_tag_uri(self, name: object, start_mark: object) -> str:
        # Part of each tag, and of each directive that declares the beginning of tags.
        uri = str(super().scan_tag_uri(name, start_mark))
        _check_limit(len(uri), _MAX_TAG, "characters in a tag")
        return uri


class _Composer(Composer):
    """Refuses too many values, and aliases that unfold without end, before a value is built from them."""

    _count = 0

    def compose_node(self, parent: object, index: object) -> object:
        self._count += 1
        _check_limit(self._count, _MAX_VALUES, "values")
        return super().compose_node(parent, index)

    def compose_document(self) -> object:
        # YAML allows that an anchor is defined again.
        self.warn_double_anchors = False
        document: object = super().compose_document()
        if isinstance(document, Node):
            _Unfolded().measure(document)
        return document


class _Size(NamedTuple):
    """The size of a node in which each alias is replaced by its target."""

    values: int
    characters: int
    depth: int


class _Unfolded:
    """Measures nodes. Visits each node once, and not once for each alias that leads to it."""

    def __init__(self) -> None:
        self._sizes: dict[Node, _Size] = {}
        self._open: set[Node] = set()

    def measure(self, node: Node) -> _Size:
        if node in self._open:
            raise ValueError("an alias leads to a value that contains the alias")
        if node not in self._sizes:
            self._open.add(node)
            self._sizes[node] = self._measure(node)
            self._open.remove(node)
        return self._sizes[node]

    def _measure(self, node: Node) -> _Size:
        text, members = _content(node)
        sizes = list(map(self.measure, members))
        size = _Size(
            1 + sum(each.values for each in sizes),
            len(text) + sum(each.characters for each in sizes),
            1 + max((each.depth for each in sizes), default=0),
        )
        _check_limit(size.values, _MAX_VALUES, "values when its aliases are unfolded")
        _check_limit(size.characters, MAX_BYTES, "characters when its aliases are unfolded")
        if size.depth > MAX_DEPTH:
            raise RecursionError
        return size


def _content(node: Node) -> tuple[str, list[Node]]:
    """The text of a scalar, and the members of a mapping or a sequence."""
    value: object = node.value
    if not is_list(value):
        return str(value), []
    return "", [part for pair in value for part in pair] if isinstance(node, MappingNode) else value


class _Json:
    """Converts parsed values to JSON, and counts them."""

    def __init__(self) -> None:
        self._count = 0

    def convert(self, value: object, depth: int = 1) -> Json:
        """`value` as JSON: dates become strings, and so do keys such as `200:`, as OpenAPI demands."""
        self._count += 1
        _check_limit(self._count, _MAX_VALUES, "values")
        if depth > MAX_DEPTH:
            raise RecursionError
        if is_list(value):
            return [self.convert(item, depth + 1) for item in value]
        if is_object(value):
            return _unique([(_string_key(key), self.convert(item, depth + 1)) for key, item in value.items()])
        # YAML reads `version: 2026-01-02` as a date.
        if isinstance(value, datetime.date):
            return value.isoformat()
        if isinstance(value, str):
            # An escape can contain half of a surrogate pair, which cannot be written as UTF-8.
            value.encode()
        elif isinstance(value, int | float):
            if not abs(value) <= sys.float_info.max:
                raise ValueError("a number is infinite, is not a number, or has more than 300 digits")
        elif value is not None:
            raise TypeError(f"JSON has no value of the type {type(value).__name__}")
        return value


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """A JSON object without duplicate keys. The parser of the standard library would take the last of equal keys."""
    found: dict[str, Json] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"an object has the key {key!r} twice")
        found[key] = value
    return found


def _string_key(key: object) -> str:
    if isinstance(key, str):
        key.encode()
        return key
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    raise ValueError(f"the key {key!r} is not a string")
