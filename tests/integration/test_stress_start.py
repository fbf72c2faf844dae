"""`nox -s stress` fails for a process that crashes, has a wrong result, or cannot be started."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import pytest

from tools.stress_start import GOOD, Stress

# The process runs this in place of the scenarios of the session.
PROGRAM = """
import os, sys
if sys.argv[1] == "crash":
    os.abort()
if sys.argv[1] == "wrong":
    sys.exit("received 1")
"""


@pytest.fixture(autouse=True)
def _program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "first_calls.py").write_text(PROGRAM, encoding="utf-8")
    # Python finds the module that `-m` names in the current folder.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tools.stress_start.os.cpu_count", lambda: 1)


@pytest.mark.parametrize(("scenario", "end"), [("crash", "SIGABRT"), ("wrong", "wrong")])
def test_a_process_that_ends_badly_fails_the_session(scenario: str, end: str) -> None:
    stress = Stress()
    stress.run(1, ["good", scenario])
    assert stress.ends == {"good": Counter({GOOD: 1}), scenario: Counter({end: 1})}
    assert not stress.is_good
    assert f"ended with {end}:\n{scenario}: " in str(stress)


def test_processes_that_end_well_pass_the_session() -> None:
    stress = Stress()
    stress.run(2, ["good"])
    assert stress.is_good


def test_a_process_that_cannot_be_started_fails_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    stress = Stress()
    monkeypatch.setattr("tools.stress_start.busy_loop", nullcontext)
    monkeypatch.setattr(sys, "executable", "/missing/python")
    with pytest.raises(FileNotFoundError):
        stress.run(1, ["good"])
    assert not stress.is_good


def test_a_session_without_processes_fails() -> None:
    assert not Stress().is_good
    stress = Stress({"good": Counter()}, processes=1)
    assert not stress.is_good
