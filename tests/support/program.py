"""Runs the sandbox as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

from meshapi_video_sandbox import Sandbox

PROGRAM = (sys.executable, "-m", "meshapi_video_sandbox", "--port", "0", "--upstream-port", "0")


@contextmanager
def program(*command: str) -> Generator[tuple[subprocess.Popen[str], Sandbox]]:
    """Runs the command until the block ends."""
    with subprocess.Popen[str](command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = next((line for line in process.stdout if line.startswith("  export ")), "")
        try:
            assert line, process.stderr.read()
            settings = dict(setting.split("=") for setting in line.split()[1:])
            yield process, Sandbox(settings["MESHAPI_BASE_URL"], settings["MESHAPI_API_KEY"])
        finally:
            process.kill()
