"""The tables and the processes of the benchmarks. Nothing is measured here."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import math
import sys
from collections import Counter

import pytest

from benchmarks import hints, many
from benchmarks.__main__ import FIGURES
from benchmarks.counter import Counted
from benchmarks.goals import Goal, goals_table, measured_value, rows_of_goals
from benchmarks.noise import Noise
from benchmarks.page import OVERVIEW, PAGE, README, overview, with_figures
from benchmarks.pictures import label_heights
from benchmarks.plan import Plan
from benchmarks.processes import ContenderFailed, Reply, hide_packages, running_child, running_server
from benchmarks.profiles import PROFILES
from benchmarks.server import EXAMPLE, OPENAI_EXAMPLE, CannedResponses, Connection
from benchmarks.tables import Column, Results, Series, in_rounds, replace_section, table

PATH = b"/v1/video/generations/"


class RecordingTransport(asyncio.Transport):
    """A transport that only records what is written."""

    def __init__(self, written: list[bytes]) -> None:
        super().__init__()
        self._written = written

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._written.append(bytes(data))


def example_results() -> Results:
    results = Results()
    for ours, theirs in ((2.0, 4.0), (30.0, 20.0), (3.0, 12.0)):
        results.record("ours", wall=ours)
        results.record("theirs", wall=theirs)
    return results


def test_each_round_has_every_contender_once_in_an_order_that_changes() -> None:
    order = list(in_rounds("abcd", 20))
    rounds = [order[start : start + 4] for start in range(0, 80, 4)]
    assert all(Counter(one) == Counter("abcd") for one in rounds)
    assert len({tuple(one) for one in rounds}) > 1
    assert order == list(in_rounds("abcd", 20))


def test_some_contenders_run_in_the_first_rounds_only() -> None:
    order = list(in_rounds("ab", 3, fewer="c", fewer_rounds=1))
    assert set(order[:3]) == set("abc")
    assert order[3:].count("c") == 0
    assert len(order) == 7


def test_a_ratio_is_the_median_of_the_ratios_within_rounds() -> None:
    # The second round was slow for both; the ratio of the medians would be 0.25.
    ratio = example_results().ratio("wall", "ours", "theirs")
    assert ratio.values == (0.5, 1.5, 0.25)
    assert ratio.median == 0.5


def test_a_round_in_which_one_of_them_failed_has_no_ratio() -> None:
    assert Series((1.0, None, 3.0, 4.0)).over(Series((2.0, 2.0, None, 0.0))).values == (0.5, None, None, None)


def test_a_cell_has_the_median_the_minimum_and_the_maximum() -> None:
    assert Series((3.0, None, 1.0, 2.0)).text("{:.1f}") == "2.0 (1.0..3.0)"
    assert Series((3.0,)).text() == "3.00"
    assert Series((None,)).text() == "-"
    assert math.isnan(Series().median)


def test_a_table_has_a_row_for_each_contender() -> None:
    columns = [Column("wall", "wall", "{:.0f}"), Column("over theirs", "wall", over="theirs")]
    assert table("contender", example_results(), ["ours", "theirs"], columns).splitlines() == [
        "| contender | wall | over theirs |",
        "| --- | ---: | ---: |",
        "| ours | 3 (2..30) | 0.50 (0.25..1.50) |",
        "| theirs | 12 (4..20) | 1.00 (1.00..1.00) |",
    ]


def test_the_row_of_a_contender_that_failed_has_its_error() -> None:
    results = example_results()
    results.record_failure("absent", "No module named 'peer' | sorry", "wall")
    assert table("contender", results, ["ours", "absent"], [Column("wall", "wall", "{:.0f}")]).splitlines() == [
        "| contender | wall |",
        "| --- | ---: |",
        "| ours | 3 (2..30) |",
        "| absent: *No module named 'peer' \\| sorry* | - |",
    ]


@pytest.mark.parametrize(
    ("goal", "result"),
    [
        (Goal("", Series((1.0, 1.3, 9.0)), at_most=1.3), "reached"),
        (Goal("", Series((1.0, 1.56, 9.0)), at_most=1.3), "20% above the goal"),
        (Goal("", Series((1.0, 1.301, 9.0)), at_most=1.3), "1% above the goal"),
        (Goal("", Series((0.1, 0.9, 0.95)), at_least=0.9), "reached"),
        (Goal("", Series((0.1, 0.45, 0.95)), at_least=0.9), "50% below the goal"),
        (Goal("", Series(()), at_least=0.9), "not measured"),
        (Goal("", Series((None, None)), at_most=0.9), "not measured"),
    ],
)
def test_the_result_of_a_goal_depends_on_the_median_alone(goal: Goal, result: str) -> None:
    assert goal.result == result


def test_the_row_of_a_goal_has_its_bound_the_measured_value_and_the_result() -> None:
    goals = [
        Goal("ours over theirs", Series((0.5,)), at_most=1.25),
        Goal("and back", Series((2000.0,)), at_least=4000, form="{:,.0f}"),
    ]
    assert goals_table(goals).splitlines()[2:] == [
        "| ours over theirs: at most 1.25 | 0.50 | **reached** |",
        "| and back: at least 4,000 | 2,000 | **50% below the goal** |",
    ]


def test_the_goals_of_several_tables_can_be_read_again() -> None:
    first, second = Goal("one", Series((1.0, 2.0, 3.0)), at_most=2), Goal("two", Series((4.0,)), at_most=2)
    text = f"before\n{goals_table([first])}\n\n| another | table |\n| --- | --- |\n\n{goals_table([second])}\n\nafter"
    assert rows_of_goals(text) == [first.row, second.row]
    assert measured_value(text, "one") == "2.00"
    with pytest.raises(ValueError, match="no goal that begins with 'three'"):
        measured_value(text, "three")


def test_the_overview_of_the_page_has_the_goals_of_its_figures() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert replace_section(page, OVERVIEW, overview(page)) == page


def test_the_readme_has_the_figures_of_the_page() -> None:
    readme = README.read_text(encoding="utf-8")
    assert with_figures(readme, PAGE.read_text(encoding="utf-8")) == readme


def test_the_figure_about_hints_has_two_goals_for_each_kind_of_task() -> None:
    rows = rows_of_goals(hints.measure(Plan()).text)
    assert ["polls" in row for row in rows] == [True, False, True, False]
    assert all("reached" in row for row in rows)


def test_a_section_is_replaced_and_all_other_text_stays() -> None:
    page = "before\n<!-- one: begin -->\nold\n<!-- one: end -->\nbetween\n<!-- two: begin -->\n<!-- two: end -->\nafter"
    once = replace_section(page, "one", "new \\1 text\n")
    assert once == page.replace("old\n", "\nnew \\1 text\n\n")
    assert replace_section(once, "one", "new \\1 text") == once


def test_a_page_without_the_markers_is_an_error() -> None:
    with pytest.raises(ValueError, match="the markers of 'one' once, and has them 0 times"):
        replace_section("<!-- one: begin -->\n", "one", "text")


def test_the_page_has_markers_for_each_figure_and_profile() -> None:
    page = PAGE.read_text(encoding="utf-8")
    names = [OVERVIEW, *(f"figure {number}" for number in FIGURES), *(f"profile {name}" for name in PROFILES)]
    for name in names:
        assert replace_section(page, name, "text") != page


def test_the_response_of_the_server_is_the_example_of_the_document() -> None:
    head, _, body = CannedResponses(polls=1).response_to(PATH + b"some-id").partition(b"\r\n\r\n")
    assert json.loads(body) == {**EXAMPLE, "id": "some-id"}
    assert b"\r\ncontent-length: %d" % len(body) in head


def test_a_request_with_a_body_gets_one_response_however_its_bytes_arrive() -> None:
    request = b'POST /v1/video/generations HTTP/1.1\r\nContent-Length: 14\r\n\r\n{"model": "x"}'
    poll = b"GET /v1/video/generations/some-id HTTP/1.1\r\n\r\n"
    for size in (1, 7, 1000):
        sent: list[bytes] = []
        connection = Connection(CannedResponses(polls=1), 0)
        connection.connection_made(RecordingTransport(sent))
        for message in (request, request, poll):
            for start in range(0, len(message), size):
                connection.data_received(message[start : start + size])
        created, also_created, polled = (json.loads(response.partition(b"\r\n\r\n")[2]) for response in sent)
        assert created == also_created == {"id": EXAMPLE["id"]}
        assert polled["id"] == "some-id"


def test_another_path_has_an_answer_of_the_other_api() -> None:
    body = CannedResponses(polls=1).response_to(b"/v1/videos/some-id").partition(b"\r\n\r\n")[2]
    assert json.loads(body) == {**OPENAI_EXAMPLE, "id": "some-id"}


def test_the_noise_is_known_after_some_samples() -> None:
    noise = Noise()
    assert not noise.text()
    for _ in range(3):
        noise.sample()
    assert noise.text().endswith("(3 samples)")


def test_labels_stand_where_the_lines_end_but_not_on_each_other() -> None:
    assert label_heights([0.2, 0.9, 0.5]) == [0.2, 0.9, 0.5]
    low, high, middle = label_heights([0.500, 0.502, 0.501])
    assert high == 0.502
    assert round(high - middle, 3) == round(middle - low, 3) == 0.045


def test_the_third_poll_finds_the_task_succeeded_and_the_count_starts_again() -> None:
    responses = CannedResponses(polls=3)
    statuses = [json.loads(responses.response_to(PATH + b"one").partition(b"\r\n\r\n")[2])["status"] for _ in range(4)]
    assert statuses == ["running", "running", "succeeded", "running"]


def test_a_child_replies_with_its_error_and_handles_the_next_request() -> None:
    with running_child("benchmarks.one_poll") as child:
        for name in ("unknown", "also unknown"):
            with pytest.raises(ContenderFailed, match=rf"^KeyError: '{name}'$"):
                child.call({"contender": name, "base_url": "", "polls": 1}, Reply, timeout=30)


@pytest.mark.parametrize("contender", [many.LIMIT, many.TRANSPORT, many.BASE])
def test_a_contender_without_a_peer_waits_for_its_tasks(contender: str) -> None:
    with running_server(polls=many.POLLS) as base_url, running_child("benchmarks.many") as child:
        counted = child.call(many.Waits(contender, base_url, tasks=3, spread=0.3, timeout=30), Counted, timeout=30)
    assert (counted.finished, counted.failed, counted.problem) == (3, 0, "")


def test_the_error_of_a_child_that_cannot_start_is_its_last_line() -> None:
    with (
        running_child("benchmarks.absent") as child,
        pytest.raises(ContenderFailed, match=r"No module named benchmarks\.absent"),
    ):
        child.call({}, Reply, timeout=30)


def test_a_hidden_package_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "modules", {**sys.modules})
    sys.modules.pop("wave", None)
    hide_packages("wave")
    assert importlib.util.find_spec("wave") is None
    with pytest.raises(ImportError):
        importlib.import_module("wave")
    with pytest.raises(ContenderFailed, match="json was imported already"):
        hide_packages("json")
