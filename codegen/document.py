"""Reads YAML documents, and names the places where this checkout keeps its own."""

from __future__ import annotations

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

# A parsed JSON value has no narrower type than this that every caller could use.
Json = Any


def is_object(value: object) -> TypeGuard[dict[str, Json]]:
    """Whether a parsed value is a JSON object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Json]]:
    """Whether a parsed value is a JSON list."""
    return isinstance(value, list)


def parse_mapping(text: str, source: object) -> dict[str, Json]:
    """The mapping that a YAML 1.2 (or JSON) text holds; `source` names it in errors."""
    try:
        # ruamel.yaml declares no types for its streams.
        parsed: object = YAML(typ="safe", pure=True).load(text)  # pyright: ignore[reportUnknownMemberType]
    except YAMLError as error:
        raise CodegenError(f"{source} is not YAML: {error}") from error
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
