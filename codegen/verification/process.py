"""Runs the program that imports and tries out generated code: in a process of its own, with a limit of time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

PROGRAM: Final = Path(__file__).with_name("program") / "__main__.py"
TIMEOUT = 10.0
"""Seconds for one step: the import of one module, one decoder, or one trial. A large document has thousands of them."""
# `faulthandler` writes this line when a step hangs.
_HANGS: Final = re.compile(r"Timeout \([0-9:.]+\)!$")


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
    # The program itself ends if a step hangs, even if this process was killed before.
    done = subprocess.run(
        command,
        input=json.dumps(task).encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        check=False,
    )
    return faults_in(done.stdout, f"ends the process with the exit code {done.returncode}")


def faults_in(output: bytes, ended: str) -> list[Fault]:
    """The faults that the program wrote. `ended` says how it ended, if it did not come to its end."""
    # The end of the process may cut the last line.
    lines = output.decode().split("\n")[:-1]
    messages = [json.loads(line) for line in lines if line.startswith("[") and line.endswith("]")]
    faults = [Fault(step, reason) for kind, *words in messages if kind == "fault" for step, reason in [words]]
    if messages[-1:] != [["end"]]:
        begun = [message[1] for message in messages if message[0] == "begin"]
        hangs = any(_HANGS.search(line) for line in lines if not line.endswith("]"))
        faults.append(Fault(begun[-1] if begun else "", f"does not end within {TIMEOUT:.0f} s" if hangs else ended))
    return faults
