"""Runs mypy over the generated packages."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

from codegen.document import ROOT
from codegen.errors import CodegenError

CACHE: Final = ROOT / ".cache" / "verification" / f"mypy-{version('mypy')}-{sys.version_info[0]}.{sys.version_info[1]}"
"""What mypy knows of the standard library and of other packages. With it, mypy needs a tenth of the time."""
_TIMEOUT: Final = 300.0


class TypeFault(NamedTuple):
    """One error that mypy reports."""

    path: str
    line: int
    message: str


def type_faults(folder: Path, packages: list[str], known: Path = CACHE) -> list[TypeFault]:
    """The errors of `mypy --strict` in packages of a folder.

    Each run has its own copy of the cache: with one cache, processes that run at the same time get wrong results.
    """
    with tempfile.TemporaryDirectory() as scratch:
        cache = Path(scratch, "cache")
        if known.is_dir():
            shutil.copytree(known, cache)
        done = _run(folder, packages, cache)
        if done.returncode > 1:
            # mypy itself failed. The cache may be broken.
            done = _run(folder, packages, Path(os.devnull))
        elif not known.exists():
            _publish(cache, known)
    if done.returncode > 1:
        raise CodegenError(f"mypy stopped with exit code {done.returncode}:\n{done.stdout}{done.stderr}")
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return [TypeFault(one["file"], one["line"], one["message"]) for one in found if one["severity"] == "error"]


def _publish(cache: Path, known: Path) -> None:
    """Keeps a cache for later runs. Another process may do the same at this moment."""
    # Without a cache, everything works, only slower.
    with contextlib.suppress(OSError):
        known.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=known.parent) as scratch:
            shutil.copytree(cache, Path(scratch, "copy")).rename(known)


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
