"""What is made of the benchmarks' figures. None of them is measured here."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from collections import Counter

import pytest

from benchmarks.page import PAGE
from benchmarks.processes import Answer, Failed, child, without
from benchmarks.server import EXAMPLE, Canned
from benchmarks.tables import Claim, Column, Results, Series, in_rounds, put, table, verdicts

PATH = b"/v1/video/generations/"


def results() -> Results:
    found = Results()
    for ours, theirs in ((2.0, 4.0), (30.0, 20.0), (3.0, 12.0)):
        found.take("ours", wall=ours)
        found.take("theirs", wall=theirs)
    return found


def test_each_round_has_every_contender_once_and_not_always_in_the_same_order() -> None:
    order = list(in_rounds("abcd", 20))
    rounds = [order[start : start + 4] for start in range(0, 80, 4)]
    assert all(Counter(one) == Counter("abcd") for one in rounds)
    assert len({tuple(one) for one in rounds}) > 1
    assert order == list(in_rounds("abcd", 20))


def test_a_ratio_is_the_median_of_the_ratios_within_rounds() -> None:
    # The second round was slow for both; the ratio of the medians would be 0.25.
    ratio = results().ratio("wall", "ours", "theirs")
    assert ratio.values == (0.5, 1.5, 0.25)
    assert ratio.median == 0.5


def test_a_round_in_which_one_of_them_failed_has_no_ratio() -> None:
    assert Series((1.0, None, 3.0, 4.0)).over(Series((2.0, 2.0, None, 0.0))).values == (0.5, None, None, None)


def test_a_cell_has_the_median_the_least_and_the_most() -> None:
    assert Series((3.0, None, 1.0, 2.0)).text("{:.1f}") == "2.0 (1.0..3.0)"
    assert Series((3.0,)).text() == "3.00"
    assert Series((None,)).text() == "none"
    assert math.isnan(Series().median)


def test_a_table_has_a_row_for_each_contender() -> None:
    columns = [Column("wall", "wall", "{:.0f}"), Column("over theirs", "wall", over="theirs")]
    assert table("who", results(), ["ours", "theirs"], columns).splitlines() == [
        "| who | wall | over theirs |",
        "| --- | ---: | ---: |",
        "| ours | 3 (2..30) | 0.50 (0.25..1.50) |",
        "| theirs | 12 (4..20) | 1.00 (1.00..1.00) |",
    ]


def test_one_that_failed_or_is_absent_says_so_in_its_row() -> None:
    found = results()
    found.fail("absent", "No module named 'peer' | sorry", "wall")
    assert table("who", found, ["ours", "absent"], [Column("wall", "wall", "{:.0f}")]).splitlines() == [
        "| who | wall |",
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


def test_a_verdict_says_what_was_claimed_and_what_was_measured() -> None:
    claims = [
        Claim("ours over theirs", Series((0.5,)), at_most=1.25),
        Claim("and back", Series((2000.0,)), at_least=3000, form="{:,.0f}"),
    ]
    assert verdicts(claims).splitlines()[2:] == [
        "| ours over theirs: at most 1.25 | 0.50 | **met** |",
        "| and back: at least 3,000 | 2,000 | **not met** |",
    ]


def test_what_a_person_wrote_stays_on_the_page() -> None:
    page = "before\n<!-- one: begin -->\nold\n<!-- one: end -->\nbetween\n<!-- two: begin -->\n<!-- two: end -->\nafter"
    once = put(page, "one", "new \\1 text\n")
    assert once == page.replace("old\n", "\nnew \\1 text\n\n")
    assert put(once, "one", "new \\1 text") == once


def test_a_page_without_the_markers_is_an_error() -> None:
    with pytest.raises(ValueError, match="the markers of 'one' once, and has them 0 times"):
        put("<!-- one: begin -->\n", "one", "text")


def test_the_page_has_a_place_for_each_figure_and_profile() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name in (*(f"figure {number}" for number in range(1, 8)), "profile before", "profile after"):
        assert put(page, name, "text") != page


def test_the_canned_server_answers_with_the_example_of_the_document() -> None:
    head, _, body = Canned(looks=1).answer(PATH + b"some-id").partition(b"\r\n\r\n")
    assert json.loads(body) == {**EXAMPLE, "id": "some-id"}
    assert b"\r\ncontent-length: %d" % len(body) in head


def test_its_third_look_at_a_task_sees_the_end_and_none_after_it_counts_with_it() -> None:
    canned = Canned(looks=3)
    seen = [json.loads(canned.answer(PATH + b"one").partition(b"\r\n\r\n")[2])["status"] for _ in range(4)]
    assert seen == ["running", "running", "succeeded", "running"]


def test_a_child_says_what_it_fails_with_and_takes_the_next_question() -> None:
    with child("benchmarks.one_look") as one:
        for name in ("nobody", "somebody"):
            with pytest.raises(Failed, match=rf"^KeyError: '{name}'$"):
                one.ask({"contender": name, "base_url": "", "looks": 1}, Answer, within=30)


def test_a_child_that_cannot_start_says_why() -> None:
    with child("benchmarks.absent") as one, pytest.raises(Failed, match=r"No module named benchmarks\.absent"):
        one.ask({}, Answer, within=30)


def test_a_package_can_be_made_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "modules", {**sys.modules})
    sys.modules.pop("wave", None)
    without("wave")
    assert importlib.util.find_spec("wave") is None
    with pytest.raises(ImportError):
        importlib.import_module("wave")
    with pytest.raises(Failed, match="json was imported already"):
        without("json")
