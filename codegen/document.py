"""Reads YAML documents. Holds the paths of the documents in this checkout."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any, TypeGuard

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from codegen.errors import CodegenError

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "openapi.yaml"
LOCK = ROOT / "openapi.lock.yml"
OVERLAY = ROOT / "overlays" / "openapi.overlay.yaml"
GENERATOR_CONFIG = ROOT / "generator-config.yml"
GENERATED = ROOT / "generated"
RELEASED = ROOT / "released" / "openapi.json"

# A parsed JSON value can have any shape. No narrower type would fit every caller.
Json = Any


def is_object(value: object) -> TypeGuard[dict[str, Json]]:
    """Whether a parsed value is a JSON object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Json]]:
    """Whether a parsed value is a JSON list."""
    return isinstance(value, list)


def as_object(value: Json) -> dict[str, Json]:
    """`value` if it is a JSON object, and an empty object for None. Raises a `CodegenError` for anything else."""
    if value is None:
        return {}
    if not is_object(value):
        raise CodegenError(f"the document should have an object in place of {value!r}")
    return value


def as_list(value: Json) -> list[Json]:
    """`value` if it is a JSON list, and an empty list for None. Raises a `CodegenError` for anything else."""
    if value is None:
        return []
    if not is_list(value):
        raise CodegenError(f"the document should have a list in place of {value!r}")
    return value


def as_json(value: Json) -> Json:
    """A YAML value as JSON: dates become strings, and so do keys such as `200:`, as OpenAPI demands."""
    if is_list(value):
        return [as_json(item) for item in value]
    if is_object(value):
        return {_string_key(key): as_json(item) for key, item in value.items()}
    # YAML reads `version: 2026-01-02` as a date.
    return value.isoformat() if isinstance(value, datetime.date) else value


def _string_key(key: object) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    raise ValueError(f"the key {key!r} is not a string")


def parse_mapping(text: str, source: object) -> dict[str, Json]:
    """Parses a YAML 1.2 (or JSON) text that holds a mapping. Errors show the name `source`."""
    try:
        # ruamel.yaml declares no types for its streams.
        parsed: object = YAML(typ="safe", pure=True).load(text)  # pyright: ignore[reportUnknownMemberType]
        parsed = as_json(parsed)
    # On some texts that are not YAML, or are incomplete, ruamel.yaml raises one of the other three errors.
    except (YAMLError, ValueError, LookupError, RecursionError) as error:
        reason = "it is nested too deeply or contains itself" if isinstance(error, RecursionError) else error
        raise CodegenError(f"{source} is not valid YAML: {reason}") from error
    if not is_object(parsed):
        kind = type(parsed).__name__
        raise CodegenError(f"{source} should have a mapping at its top, not {kind}")
    return parsed


def read_mapping(path: Path) -> dict[str, Json]:
    """The mapping in a YAML file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CodegenError(f"{path} cannot be read: {error}") from error
    return parse_mapping(text, path)
