"""Runs pytest as in a project that uses the SDK."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path


def run_tests(folder: Path, *before: str) -> subprocess.CompletedProcess[str]:
    """Runs the tests in a folder as those of a downstream project, which has pytest and no other plugin."""
    # Without a configuration file: nox puts temporary folders below this project's own one.
    options = ["-q", "-W", "error", "-p", "no:cacheprovider", "--rootdir", str(folder), "-c", os.devnull]
    others = {plugin.name for plugin in entry_points(group="pytest11")} - {"meshapi_video_sandbox"}
    options += [f"-pno:{name}" for name in sorted(others)]
    script = "\n".join(["import sys", *before, "import pytest", f"sys.exit(pytest.main({options!r}))"])
    return subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
