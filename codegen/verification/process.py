"""Runs the program that imports and tries out generated code: in a process of its own, with a limit of time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

PROGRAM: Final = Path(__file__).with_name("program.py")
TIMEOUT = 60.0
"""Seconds for all trials together."""


class Fault(NamedTuple):
    """One fault that the program reports."""

    step: int | str
    """The number of a trial, or the name of a module or of a wire type."""
    reason: str


def run_trials(task: dict[str, Any]) -> list[Fault]:
    """The faults of the generated code in `task["folder"]`."""
    task = {**task, "timeout": TIMEOUT}
    # -I: neither the environment nor the current folder has a say. -B: no byte code beside the generated files.
    command = [sys.executable, "-I", "-B", str(PROGRAM)]
    # Generated code gets no secret of the environment. Windows cannot start without SYSTEMROOT.
    environment = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    try:
        done = subprocess.run(
            command,
            input=json.dumps(task).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT,
            env=environment,
            check=False,
        )
        output, ended = done.stdout, f"ends the process with the exit code {done.returncode}"
    except subprocess.TimeoutExpired as error:
        output, ended = error.stdout or b"", f"does not end within {TIMEOUT:.0f} s"
    return faults_in(output, ended)


def faults_in(output: bytes, ended: str) -> list[Fault]:
    """The faults that the program wrote. `ended` says how it ended, if it did not come to its end."""
    lines = [json.loads(line) for line in output.decode().splitlines() if line.endswith("]")]
    faults = [Fault(step, reason) for kind, *words in lines if kind == "fault" for step, reason in [words]]
    if not lines or lines[-1] != ["end"]:
        begun = [line[1] for line in lines if line[0] == "begin"]
        faults.append(Fault(begun[-1] if begun else "", ended))
    return faults
