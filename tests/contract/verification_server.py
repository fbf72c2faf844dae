"""Tries out generated code in forked processes: a stand-in for `codegen.verification.process`, for many documents.

One server process imports the third-party packages once, and forks a child for each task. To start a new Python for
each of ninety documents would take 25 seconds more.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import runpy
import subprocess
import sys
from typing import Any

_THIRD_PARTY = ("attrs", "httpx", "msgspec")


@functools.cache
def server() -> subprocess.Popen[bytes]:
    """The server of this process. It ends when this process closes its standard input."""
    return subprocess.Popen(
        [sys.executable, "-I", "-B", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}
    )


def run_trials(task: dict[str, Any]) -> list[Any]:
    """As `codegen.verification.process.run_trials`."""
    # The server runs this file without the project.
    process = importlib.import_module("codegen.verification.process")
    pipes = server()
    assert pipes.stdin is not None
    assert pipes.stdout is not None
    task = {**task, "timeout": process.TIMEOUT}
    pipes.stdin.write(json.dumps([str(process.PROGRAM), task]).encode() + b"\n")
    pipes.stdin.flush()
    size = int(pipes.stdout.readline())
    faults: list[Any] = process.faults_in(pipes.stdout.read(size), "ends the process")
    return faults


def _serve() -> None:
    for name in _THIRD_PARTY:
        importlib.import_module(name)
    for line in sys.stdin:
        path, task = json.loads(line)
        output = _forked(path, task)
        sys.stdout.buffer.write(f"{len(output)}\n".encode() + output)
        sys.stdout.buffer.flush()


def _forked(path: str, task: dict[str, Any]) -> bytes:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        # A child that ends in any other way would go on to serve.
        try:
            os.close(reader)
            runpy.run_path(path)["run"](task, os.fdopen(writer, "w", encoding="utf-8"))
        finally:
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        output = pipe.read()
    os.waitpid(child, 0)
    return output


if __name__ == "__main__":
    _serve()
