"""Starts the program. It loads this package by its path: the project is not on the path of the fresh process."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any, Final, TextIO

_NAME: Final = "verification_program"


def run(task: dict[str, Any], file: TextIO) -> None:
    """Tries out the code that a task names, reports its faults, and ends the process."""
    spec = importlib.util.spec_from_file_location(_NAME, Path(__file__).with_name("__init__.py"))
    assert spec is not None  # noqa: S101 - for type checkers
    sys.modules[_NAME] = importlib.util.module_from_spec(spec)
    importlib.import_module(f"{_NAME}.run").run(task, file)


if __name__ == "__main__":
    run(json.load(sys.stdin), os.fdopen(os.dup(1), "w", encoding="utf-8"))
