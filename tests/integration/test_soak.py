"""A short run of `nox -s soak`, and its checks: each finds what it is there to find."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tools.chaos import FAULTS
from tools.soak import ENDLESS_LIFE, Ledger, Sample, Soak, level_problems

URL = "http://127.0.0.1/videos/a.mp4"


def test_a_short_run_finds_nothing_wrong(tmp_path: Path) -> None:
    soak = Soak("blocking", days=0.05, seed=3, speed=1500, waiting=20, uptime=3, faults=frozenset(FAULTS))
    soak.run(tmp_path)
    assert soak.problems == []
    assert soak.tasks == sum(soak.results.values()) > 0
    assert soak.chaos.polls > 0
    assert soak.chaos.faults.total() > 0
    assert soak.failed_polls > 0
    assert soak.chaos.kills + soak.chaos.stops > 0


def _check(folder: Path, record: Callable[[Ledger], None]) -> list[str]:
    """What the ledger finds in a sandbox that has a video, a task that never ends and a task that it got wrong."""
    sandbox = folder / "tasks.db"
    with closing(sqlite3.connect(sandbox, isolation_level=None)) as database:
        database.execute("CREATE TABLE tasks (id, response, status, progress)")
        database.execute("CREATE TABLE plans (task_id, plan)")
        content = json.dumps({"content": {"video_url": URL}})
        database.execute("INSERT INTO tasks VALUES ('video', ?, 'succeeded', 2)", (content,))
        database.execute("""INSERT INTO plans VALUES ('video', '{"created_at": 0}')""")
        database.execute("INSERT INTO tasks VALUES ('endless', '{}', 'running', 1)")
        plan = json.dumps({"created_at": 100, "fields": {"execution_expires_after": ENDLESS_LIFE}})
        database.execute("INSERT INTO plans VALUES ('endless', ?)", (plan,))
    with closing(Ledger(folder / "ledger.db")) as ledger:
        for task_id in ("video", "endless"):
            ledger.add_task(task_id)
        record(ledger)
        return [problem.partition(",")[0] for problem in ledger.problems(sandbox, {"video": "NotFoundError"})]


def _record_right_results(ledger: Ledger) -> None:
    ledger.add_result("video", 10, "succeeded", URL)
    ledger.add_result("endless", 100 + ENDLESS_LIFE + 300, "WaitTimeout")


def test_right_results_are_no_problem(tmp_path: Path) -> None:
    assert _check(tmp_path, _record_right_results) == []


def test_an_injected_permanent_error_is_no_problem(tmp_path: Path) -> None:
    def record(ledger: Ledger) -> None:
        ledger.add_result("video", 10, "NotFoundError")
        ledger.add_result("endless", 100 + ENDLESS_LIFE + 300, "WaitTimeout")

    assert _check(tmp_path, record) == []


def test_a_lost_result_is_found(tmp_path: Path) -> None:
    assert _check(tmp_path, lambda ledger: ledger.add_result("video", 10, "succeeded", URL)) == [
        "1 tasks without a result"
    ]


def test_a_result_given_twice_is_found(tmp_path: Path) -> None:
    def record(ledger: Ledger) -> None:
        _record_right_results(ledger)
        ledger.add_result("video", 11, "succeeded", URL)

    assert _check(tmp_path, record) == ["1 tasks with more than one result"]


def test_a_task_that_the_sandbox_lost_is_found(tmp_path: Path) -> None:
    def record(ledger: Ledger) -> None:
        _record_right_results(ledger)
        ledger.add_task("lost")
        ledger.add_result("lost", 10, "NotFoundError")

    assert _check(tmp_path, record) == ["1 tasks that the sandbox lost"]


@pytest.mark.parametrize(
    ("status", "url"),
    [
        ("succeeded", "http://127.0.0.1/videos/b.mp4"),
        ("failed", None),
        ("InvalidResponse", None),
        ("WaitTimeout", None),
    ],
)
def test_a_result_that_the_sandbox_does_not_have_is_found(tmp_path: Path, status: str, url: str | None) -> None:
    def record(ledger: Ledger) -> None:
        ledger.add_result("video", 100 + ENDLESS_LIFE + 300, status, url)
        ledger.add_result("endless", 100 + ENDLESS_LIFE + 300, "WaitTimeout")

    assert _check(tmp_path, record) == ["1 results that are not what the sandbox has"]


def test_a_timeout_before_the_expiry_is_found(tmp_path: Path) -> None:
    def record(ledger: Ledger) -> None:
        ledger.add_result("video", 10, "succeeded", URL)
        ledger.add_result("endless", 100 + ENDLESS_LIFE, "WaitTimeout")

    assert _check(tmp_path, record) == ["1 results that are not what the sandbox has"]


BEFORE = Sample(hours=0, memory=60.0, objects=90_000, threads=2, descriptors=12)
LEVEL = Sample(hours=1, memory=80.0, objects=100_000, threads=18, descriptors=20)


def _samples(last: Sample = LEVEL, after: Sample = BEFORE) -> list[Sample]:
    """The samples of a run with this figure in its last quarter."""
    return [BEFORE, *[LEVEL] * 12, *[last] * 4, after]


@pytest.mark.parametrize(
    "last", [LEVEL, replace(LEVEL, memory=85.0, objects=105_000, threads=19, descriptors=24)], ids=str
)
def test_level_figures_are_no_problem(last: Sample) -> None:
    assert level_problems(_samples(last)) == []


@pytest.mark.parametrize(
    ("last", "problem"),
    [
        (replace(LEVEL, memory=91.0), "memory grew from 80 to 91"),
        (replace(LEVEL, objects=111_000), "objects grew from 100000 to 111000"),
        (replace(LEVEL, threads=21), "threads grew from 18 to 21"),
        (replace(LEVEL, descriptors=29), "descriptors grew from 20 to 29"),
    ],
)
def test_a_figure_that_grows_is_found(last: Sample, problem: str) -> None:
    assert level_problems(_samples(last)) == [problem]


def test_a_thread_and_a_descriptor_that_outlive_the_client_are_found() -> None:
    assert level_problems(_samples(after=replace(BEFORE, threads=3, descriptors=13))) == [
        "threads after the end: 3, and 2 before the start",
        "descriptors after the end: 13, and 12 before the start",
    ]
