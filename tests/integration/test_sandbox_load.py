"""The sandbox under load, and killed at random moments: short runs of `nox -s load` and `nox -s crash`."""

from __future__ import annotations

from pathlib import Path

from tools.crash_sandbox import Crash
from tools.load_sandbox import Load


def test_under_load_every_response_is_what_the_database_has(tmp_path: Path) -> None:
    load = Load(clients=10, tasks=20, longest=0.2)
    load.run(rounds=1, db=tmp_path / "tasks.db")
    assert len(load.observed) == 20


def test_a_kill_at_any_moment_loses_no_terminal_status(tmp_path: Path) -> None:
    crash = Crash(seed=5)
    crash.run(kills=2, folder=tmp_path)
    assert crash.kills == 2
    assert crash.terminal
