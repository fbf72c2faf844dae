"""Imports the SDK with other generated packages, each time in a process of its own.

One server process imports the third-party packages once. For each trial it forks a child, which imports the SDK. To
start a new Python for each trial would take twice as long.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any, NamedTuple

# The SDK imports these, if they are installed. Only the children import the packages of this project.
_THIRD_PARTY = ("aiohttp", "anyio", "attrs", "httpcore", "httpx", "msgspec", "trio")


class Trial(NamedTuple):
    """What a child should import and parse."""

    search_path: list[str]
    task: Any
    """A valid task, for the SDK to parse."""


class TrialServer:
    """Runs trials in forked processes."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={"PYTHONDONTWRITEBYTECODE": "1"},
        )

    def run(self, trial: Trial) -> str:
        """The traceback of a trial that failed; empty if the trial succeeded."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(trial) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the process for trials ended with {self._process.poll()}"
        failure: str = json.loads(line)
        return failure


def _serve() -> None:
    for package in _THIRD_PARTY:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(package)
    for line in sys.stdin:
        print(json.dumps(_fork(Trial(*json.loads(line)))), flush=True)  # noqa: T201 - the response to the test


def _fork(trial: Trial) -> str:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        # A child that ends in any other way would go on to serve.
        try:
            os.close(reader)
            _try(trial)
        except BaseException:  # noqa: BLE001 - the test shows it
            os.write(writer, traceback.format_exc().encode())
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        failure = pipe.read()
    _, status = os.waitpid(child, 0)
    return failure or (f"the trial ended with the wait status {status}" if status else "")


def _try(trial: Trial) -> None:
    sys.path[:0] = trial.search_path
    sdk = importlib.import_module("meshapi_video")
    for name in sdk.__all__:
        getattr(sdk, name)
    assert sdk.parse_task(json.dumps(trial.task)).to_dict() == trial.task


if __name__ == "__main__":
    # Python puts the folder of a script at the front of the search path. Its modules are not for the children.
    sys.path.remove(str(Path(__file__).parent))
    _serve()
