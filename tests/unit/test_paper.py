"""The numbers on the page about many machines are those of the SDK's own schedules."""

from __future__ import annotations

import re

import pytest

from benchmarks.waiting.simulation import Cost, Durations, cost, delay_of, every
from meshapi_video import PollPolicy
from tools.fleet.paper import DEFAULT, LONG, PAGE, POLICIES, SHORT, TASKS, load, mean_seconds


@pytest.mark.parametrize("durations", [SHORT, LONG], ids=lambda durations: durations.name)
def test_tasks_that_are_polled_every_ten_seconds_need_a_tenth_of_their_number_in_polls_a_second(
    durations: Durations,
) -> None:
    each = load(durations, cost(every(10), durations, TASKS))
    # Besides the first poll, which is sent at once.
    assert each.rate == pytest.approx(1 / 10 + 1 / each.seconds, rel=1e-6)


def test_a_task_waits_until_the_poll_that_finds_its_end() -> None:
    assert load(SHORT, Cost(polls=3, lag=60)).seconds == mean_seconds(SHORT) + 60


@pytest.mark.parametrize("name", POLICIES)
def test_the_page_has_the_polls_of_each_schedule(name: str) -> None:
    (row,) = re.findall(rf"^\| {re.escape(name)} \| (.*) \| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    for cell, durations in zip(row, (SHORT, LONG), strict=True):
        each = load(durations, cost(delay_of(POLICIES[name]), durations, TASKS))
        assert cell == f"{each.polls:.1f}, {each.lag:.1f} s, {100_000 * each.rate:,.0f}"


def test_the_default_schedule_on_the_page_is_the_default_of_the_sdk() -> None:
    assert POLICIES[DEFAULT] == PollPolicy()
