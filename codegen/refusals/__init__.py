"""Refuses what the generators would turn into wrong code without an error. Each refusal offers a remedy."""

from __future__ import annotations

from codegen.document import Json
from codegen.refusals.names import check_names


def check_document(document: dict[str, Json]) -> None:
    """Raises a `CodegenError` that names the first place that cannot be generated rightly, and says what to do."""
    check_names(document)
