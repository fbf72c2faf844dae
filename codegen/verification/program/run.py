"""Runs a task, and forbids generated code the network and other processes."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, TextIO

from .imports import import_all
from .output import Output
from .trials import Trials

_FORBIDDEN = frozenset(
    {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.getnameinfo"}
    | {"socket.gethostbyname", "socket.gethostbyaddr"}
    | {"subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.exec", "os.posix_spawn"}
    | {"os.spawn", "os.startfile"}
)
_forbidding = False


def run(task: dict[str, Any], file: TextIO) -> None:
    """Tries out the code that a task names, reports its faults, and ends the process."""
    os.dup2(2, 1)
    output = Output(file, task["timeout"])
    sys.path.insert(0, task["folder"])
    # The generated packages import these. What they do while they are imported is allowed.
    for name in ("attrs", "httpx", "msgspec"):
        importlib.import_module(name)
    sys.addaudithook(_forbid)
    globals()["_forbidding"] = True
    if not import_all((task["client"], task["wire"]), output):
        Trials(task, output).run()
    output.write("end")
    # Threads and `atexit` functions of generated code do not keep the process alive.
    os._exit(0)


def _forbid(event: str, _arguments: object) -> None:
    if _forbidding and event in _FORBIDDEN:
        raise RuntimeError(f"generated code must not use {event}")
