"""The sandbox under load and under the axe: small versions of `nox -s load` and `nox -s crash`."""

from __future__ import annotations

from pathlib import Path

from support.crash import Crash
from support.load import Load


def test_under_load_every_answer_is_what_the_database_says(tmp_path: Path) -> None:
    load = Load(clients=10, tasks=20, lasting=0.2)
    load.run(rounds=1, db=tmp_path / "tasks.db")
    assert len(load.watched) == 20


def test_killing_it_at_any_moment_loses_no_end(tmp_path: Path) -> None:
    crash = Crash(seed=5)
    crash.run(kills=2, folder=tmp_path)
    assert crash.kills == 2
    assert crash.ends
