"""A fork of httpx with the name httpx2: the real one if it is installed, or else a copy of httpx."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import httpx


@contextmanager
def forked_httpx() -> Generator[ModuleType]:
    """Imports the fork. A copy is gone afterwards."""
    if importlib.util.find_spec("httpx2") is not None:
        yield importlib.import_module("httpx2")
        return
    folder = Path(httpx.__file__).parent
    spec = importlib.util.spec_from_file_location(
        "httpx2", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    copy = sys.modules["httpx2"] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(copy)
        for name in copy.__all__:
            # httpx writes its own name into its classes.
            if getattr(vars(copy)[name], "__module__", None) == "httpx":
                vars(copy)[name].__module__ = "httpx2"
        yield copy
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "httpx2"]:
            del sys.modules[name]
