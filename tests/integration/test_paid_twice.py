"""A batch of creates that fail at random, with kills of the client in between, pays once for each video."""

from __future__ import annotations

from pathlib import Path

from meshapi_video_sandbox import running_sandbox
from tools.paid_twice import run_batch, run_loop


def test_a_batch_pays_once_for_each_video_and_loses_none(tmp_path: Path) -> None:
    with running_sandbox() as sandbox:
        outcome = run_batch(sandbox, tmp_path, videos=20, seed=3)
    assert outcome.is_exact, outcome
    assert outcome.tasks.total() == 20
    assert outcome.kills > 0


def test_a_loop_that_retries_pays_twice_so_that_the_faults_are_real() -> None:
    with running_sandbox() as sandbox:
        outcome = run_loop(sandbox, videos=20, seed=3)
    assert outcome.paid_twice > 0
    assert outcome.tasks.total() == 20 + outcome.lost
