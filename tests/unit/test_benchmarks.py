"""The tables and the processes of the benchmarks. Nothing is measured here."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from collections import Counter

import pytest

from benchmarks.page import PAGE
from benchmarks.processes import ContenderFailed, Reply, hide_packages, running_child
from benchmarks.server import EXAMPLE, CannedResponses
from benchmarks.tables import Claim, Column, Results, Series, in_rounds, replace_section, table, verdicts

PATH = b"/v1/video/generations/"


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
    assert Series((None,)).text() == "none"
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
        "| absent: *No module named 'peer' \\| sorry* | none |",
    ]


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        (Claim("", Series((1.0, 1.3, 9.0)), at_most=1.3), "met"),
        (Claim("", Series((1.0, 1.31, 9.0)), at_most=1.3), "not met"),
        (Claim("", Series((0.1, 0.9, 0.95)), at_least=0.9), "met"),
        (Claim("", Series((0.1, 0.89, 0.95)), at_least=0.9), "not met"),
        (Claim("", Series(()), at_least=0.9), "not measured"),
        (Claim("", Series((None, None)), at_most=0.9), "not measured"),
    ],
)
def test_a_claim_is_met_or_not_by_the_median_alone(claim: Claim, verdict: str) -> None:
    assert claim.verdict == verdict


def test_a_verdict_has_the_claim_with_its_bound_and_the_measured_value() -> None:
    claims = [
        Claim("ours over theirs", Series((0.5,)), at_most=1.25),
        Claim("and back", Series((2000.0,)), at_least=3000, form="{:,.0f}"),
    ]
    assert verdicts(claims).splitlines()[2:] == [
        "| ours over theirs: at most 1.25 | 0.50 | **met** |",
        "| and back: at least 3,000 | 2,000 | **not met** |",
    ]


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
    for name in (*(f"figure {number}" for number in range(1, 8)), "profile before", "profile after"):
        assert replace_section(page, name, "text") != page


def test_the_response_of_the_server_is_the_example_of_the_document() -> None:
    head, _, body = CannedResponses(polls=1).response_to(PATH + b"some-id").partition(b"\r\n\r\n")
    assert json.loads(body) == {**EXAMPLE, "id": "some-id"}
    assert b"\r\ncontent-length: %d" % len(body) in head


def test_the_third_poll_finds_the_task_succeeded_and_the_count_starts_again() -> None:
    responses = CannedResponses(polls=3)
    statuses = [json.loads(responses.response_to(PATH + b"one").partition(b"\r\n\r\n")[2])["status"] for _ in range(4)]
    assert statuses == ["running", "running", "succeeded", "running"]


def test_a_child_replies_with_its_error_and_handles_the_next_request() -> None:
    with running_child("benchmarks.one_poll") as child:
        for name in ("unknown", "also unknown"):
            with pytest.raises(ContenderFailed, match=rf"^KeyError: '{name}'$"):
                child.call({"contender": name, "base_url": "", "polls": 1}, Reply, timeout=30)


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
