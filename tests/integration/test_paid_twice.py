"""A batch of creates that fail at random, with kills of the client in between, pays once for each video."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from meshapi_video_sandbox import running_sandbox
from tools.paid_twice import Outcome, run_batch, run_loop


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


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(2, Counter({"1": 2, "2": 1})),
        Outcome(2, Counter({"1": 2})),
        Outcome(2, Counter({"1": 1})),
        Outcome(2, Counter({"1": 1, "2": 1}), lost=1),
        Outcome(2, Counter({"1": 1, None: 1})),
    ],
    ids=["one too many", "one twice in place of another", "one missing", "one lost", "one of an unknown video"],
)
def test_the_count_is_exact_only_if_each_video_has_one_known_task(outcome: Outcome) -> None:
    assert Outcome(2, Counter({"1": 1, "2": 1})).is_exact
    assert not outcome.is_exact
