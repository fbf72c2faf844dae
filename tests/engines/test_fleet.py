"""Promises of the harness: it sees each lost task, goes on after an interruption, and writes the table of the page."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

import tools.fleet.__main__ as harness
from tools.fleet.run import Plan, Result
from tools.fleet.table import BEGIN, END, NOTES, load, save, table, write

RUN = ["--fault", "worker", "--repeat", "1", "--tasks", "6"]
QUICK = ["--ends-within", "1", "--poll-delay", "0.3"]

RESULT = Result(
    plan=Plan("plain", "worker"),
    engine="plain processes",
    ended=50,
    calls=51,
    last_delay=0.5,
    longest_delay=1.5,
    polls=250,
    cpu=0.25,
    workers=3,
    stop_seconds=0.0,
    seconds=12.0,
)


def result_of(plan: Plan) -> Result:
    return replace(RESULT, plan=plan, ended=plan.tasks)


@pytest.fixture
def no_run(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """The plans that the harness would run. No task is lost."""
    plans = list[Plan]()

    def run_apart(plan: Plan) -> Result:
        plans.append(plan)
        return result_of(plan)

    monkeypatch.setattr(harness, "run_apart", run_apart)
    return plans


def test_no_task_is_lost_if_a_new_worker_takes_over_the_tasks_of_the_killed_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    arguments = ["--engine", "tests.engines.plain_engine:PlainEngine", *RUN, *QUICK, "--results", str(results)]
    assert harness.main(arguments) == 0
    (result,) = load(results)
    assert (result.ended, result.lost, result.workers) == (6, 0, 3)
    assert result.calls >= 6
    assert result.polls >= 6
    assert result.cpu > 0
    assert 0 < result.last_delay <= result.longest_delay
    assert "| plain processes | SIGKILL of a worker | 1 | 6 of 6 |" in capsys.readouterr().out


def test_a_lost_task_is_seen_and_the_exit_code_is_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert harness.main(["--engine", "tests.engines.plain_engine:LosingEngine", *RUN, *QUICK, "--give-up", "1"]) == 1
    output = capsys.readouterr()
    # On a slow machine, the other worker may not be done within the short time to give up.
    lost = re.search(r": ([3-6]) LOST, ([0-3]) of 6 ended, ", output.out)
    assert lost is not None
    assert f"| {lost[2]} of 6 |" in output.out
    assert f"the logs are in {tmp_path}/fleet-" in output.err


def test_a_run_that_fails_is_reported_and_the_exit_code_is_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "MissingServer: Redis is not installed")

    monkeypatch.setattr(subprocess, "run", fail)
    assert harness.main(["--engine", "plain", *RUN]) == 1
    assert "plain, worker, run 1 FAILED: MissingServer: Redis is not installed" in capsys.readouterr().out


def test_a_second_start_with_the_same_results_runs_only_what_is_missing(tmp_path: Path, no_run: list[Plan]) -> None:
    arguments = ["--engine", "plain", "--fault", "worker", "--results", str(tmp_path / "results")]
    assert harness.main([*arguments, "--repeat", "2"]) == 0
    assert harness.main([*arguments, "--repeat", "3"]) == 0
    assert [plan.number for plan in no_run] == [1, 2, 3]
    assert load(tmp_path / "results") == [result_of(plan) for plan in no_run]


def test_the_large_run_has_ten_thousand_tasks_and_is_not_repeated(no_run: list[Plan]) -> None:
    assert harness.main(["--engine", "plain", "--fault", "many", "--fault", "worker"]) == 0
    assert sorted(plan.tasks for plan in no_run) == [*[50] * 10, 10_000]


def test_a_row_adds_the_repeats_of_a_fault(tmp_path: Path) -> None:
    second = replace(RESULT, plan=replace(RESULT.plan, number=2), calls=50, last_delay=0.7, polls=150, cpu=0.15)
    save(RESULT, tmp_path / "results")
    save(second, tmp_path / "results")
    *_, row = table(load(tmp_path / "results")).splitlines()
    assert row == (
        "| plain processes | SIGKILL of a worker | 2 | 100 of 100 | 101 "
        "| 0.6 s, at most 0.7 s | 1.5 s, at most 1.5 s | 1.00 ms |"
    )


def test_only_the_text_between_the_markers_of_the_page_is_replaced(tmp_path: Path) -> None:
    page, results = tmp_path / "page.md", tmp_path / "results"
    save(RESULT, results)
    page.write_text(f"Before.\n\n{BEGIN}\nold\n{END}\n\nAfter.\n", "utf-8")
    assert harness.main(["--results", str(results), "--table-only", "--write", "--page", str(page)]) == 0
    assert page.read_text("utf-8") == f"Before.\n\n{BEGIN}\n\n{table([RESULT])}{NOTES}\n{END}\n\nAfter.\n"


def test_a_page_without_markers_is_not_changed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Text.", "utf-8")
    with pytest.raises(ValueError, match=rf"page.md has no lines {BEGIN} and {END}"):
        write("table", page)
    assert page.read_text("utf-8") == "Text."


def test_lost_tasks_of_an_earlier_start_are_not_forgotten(tmp_path: Path) -> None:
    save(replace(RESULT, ended=49), tmp_path / "results")
    assert harness.main(["--results", str(tmp_path / "results"), "--table-only"]) == 1
