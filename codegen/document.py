"""Reads YAML documents, and names the places where this checkout keeps its own."""

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

# A parsed JSON value has no narrower type than this that every caller could use.
Json = Any


def is_object(value: object) -> TypeGuard[dict[str, Json]]:
    """Whether a parsed value is a JSON object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Json]]:
    """Whether a parsed value is a JSON list."""
    return isinstance(value, list)


def as_object(value: Json) -> dict[str, Json]:
    """`value` if it is a JSON object, an empty one for None, and a `CodegenError` for anything else."""
    if value is None:
        return {}
    if not is_object(value):
        raise CodegenError(f"the document should have an object where it has {value!r}")
    return value


def as_list(value: Json) -> list[Json]:
    """`value` if it is a JSON list, an empty one for None, and a `CodegenError` for anything else."""
    if value is None:
        return []
    if not is_list(value):
        raise CodegenError(f"the document should have a list where it has {value!r}")
    return value


def as_json(value: Json) -> Json:
    """A value of YAML as JSON has it: with `200:`, as many write, as the string that OpenAPI says it is."""
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
    raise ValueError(f"the key {key!r} is no string")


def parse_mapping(text: str, source: object) -> dict[str, Json]:
    """The mapping that a YAML 1.2 (or JSON) text holds; `source` names it in errors."""
    try:
        # ruamel.yaml declares no types for its streams.
        parsed: object = YAML(typ="safe", pure=True).load(text)  # pyright: ignore[reportUnknownMemberType]
        parsed = as_json(parsed)
    # ruamel.yaml, too, leaves with these on some texts that are not YAML, or that have no end.
    except (YAMLError, ValueError, LookupError, RecursionError) as error:
        reason = "it is nested too deep, or within itself" if isinstance(error, RecursionError) else error
        raise CodegenError(f"{source} is not YAML that can be used: {reason}") from error
    if not is_object(parsed):
        kind = type(parsed).__name__
        raise CodegenError(f"{source} should hold a mapping at its top, not {kind}")
    return parsed


def read_mapping(path: Path) -> dict[str, Json]:
    """The mapping in a YAML file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CodegenError(f"{path} cannot be read: {error}") from error
    return parse_mapping(text, path)
