"""Generates code from any OpenAPI document, and imports it beside the committed code."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from codegen.document import SUPPLEMENT, Json
from codegen.merge import dump
from codegen.regenerate import CLIENT, generate


def generate_from(document: dict[str, Json] | Path, folder: Path, *, supplement: bool = True) -> Path:
    """Generates both packages from a published document (before the overlays); returns the folder that holds them."""
    if not isinstance(document, Path):
        path = folder / "openapi.yaml"
        path.write_text(dump(document), encoding="utf-8")
        document = path
    generate(folder / "generated", document, supplement=SUPPLEMENT if supplement else None)
    return folder / "generated"


@contextmanager
def imported_as(name: str, generated: Path, package: str = CLIENT) -> Generator[ModuleType]:
    """Imports a generated package under another name, so that the committed package stays imported too.

    This works because generated modules import each other by relative names. While the context is open,
    `importlib.import_module(f"{name}.api.video.create_video_generation")` imports a module of the package.
    """
    folder = generated / package
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        for loaded in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
            del sys.modules[loaded]
