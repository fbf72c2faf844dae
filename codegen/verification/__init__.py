"""Verifies generated code before it replaces the committed code: it imports, type-checks and decodes."""

from __future__ import annotations

from pathlib import Path


def verify(generated: Path) -> None:
    """Raises a `CodegenError` that names the schema, the property and the reason, if generated code is wrong."""
