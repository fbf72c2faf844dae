"""Runs mypy over the generated packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

from codegen.document import ROOT
from codegen.errors import CodegenError

CACHE: Final = ROOT / ".cache" / "verification"
"""With a warm cache, mypy needs a tenth of the time. Several processes may use it: it is a database."""
_TIMEOUT: Final = 300.0


class TypeFault(NamedTuple):
    """One error that mypy reports."""

    path: str
    line: int
    message: str


def type_faults(folder: Path, packages: list[str], cache: Path = CACHE) -> list[TypeFault]:
    """The errors of `mypy --strict` in packages of a folder."""
    done = _run(folder, packages, cache)
    # Exit codes above 1 are failures of mypy itself: a broken cache, for example, or one that another process uses.
    if done.returncode > 1:
        done = _run(folder, packages, Path(os.devnull))
    if done.returncode > 1:
        raise CodegenError(f"mypy stopped with exit code {done.returncode}:\n{done.stdout}{done.stderr}")
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return [TypeFault(one["file"], one["line"], one["message"]) for one in found if one["severity"] == "error"]


def _run(folder: Path, packages: list[str], cache: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--output=json", "--cache-dir", str(cache)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MYPY", "PYTHON"))}
    try:
        return subprocess.run(
            [*command, *packages],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CodegenError(f"mypy did not end within {_TIMEOUT:.0f} s") from error
