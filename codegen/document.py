"""The paths of the documents in this checkout, and the types of their values."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeGuard

from codegen.errors import CodegenError

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "openapi.yaml"
LOCK = ROOT / "openapi.lock.yml"
OVERLAY = ROOT / "overlays" / "openapi.overlay.yaml"
SUPPLEMENT = ROOT / "overlays" / "supplement.overlay.yaml"
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
