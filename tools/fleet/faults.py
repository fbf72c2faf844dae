"""What happens to a fleet in the middle of its waits."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Final

from tools.fleet.engine import STOP_TIMEOUT
from tools.fleet.fleet import Fleet

SANDBOX_OUTAGE: Final = 1.0
"""Seconds for which nothing listens on the sandbox's port, besides the time of its start."""


def nothing(_: Fleet) -> None:
    """No fault."""


def kill_child(fleet: Fleet) -> None:
    """Kills a child process of the first worker."""
    assert fleet.workers[0].children(), "the workers of this engine have no child processes"
    os.kill(fleet.rand.choice(fleet.workers[0].children()), signal.SIGKILL)


def kill_worker(fleet: Fleet) -> None:
    """Kills the first worker with its children, and starts a new one."""
    fleet.workers[0].kill()
    fleet.workers[0] = fleet.start_worker()


def deploy(fleet: Fleet) -> None:
    """Stops each worker with SIGTERM, and starts a new one in its place."""
    for place, worker in enumerate(fleet.workers):
        try:
            seconds = worker.stop()
        except subprocess.TimeoutExpired:
            worker.kill()
            seconds = STOP_TIMEOUT
        fleet.stop_seconds = max(fleet.stop_seconds, seconds)
        fleet.workers[place] = fleet.start_worker()


def restart_broker(fleet: Fleet) -> None:
    """Restarts the engine's server."""
    fleet.engine.server.restart()


def restart_sandbox(fleet: Fleet) -> None:
    """Restarts the sandbox."""
    fleet.sandbox.stop()
    time.sleep(SANDBOX_OUTAGE)
    fleet.sandbox.start()


FAULTS: Final[dict[str, tuple[str, Callable[[Fleet], None]]]] = {
    "none": ("none", nothing),
    "child": ("SIGKILL of a child", kill_child),
    "worker": ("SIGKILL of a worker", kill_worker),
    "deploy": ("SIGTERM of both workers (a deploy)", deploy),
    "broker": ("broker restarted", restart_broker),
    "sandbox": ("sandbox restarted", restart_sandbox),
    "many": ("none, ten thousand tasks", nothing),
}
"""The text for the table, and the function, by the name on the command line."""
