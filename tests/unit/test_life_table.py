"""The statistics of the durations of tasks, against calculations by hand."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from meshapi_video._polling.life_table import (
    BINS,
    PRIOR_HAZARD,
    LifeTable,
    PollPlan,
    _smooth,
    _smoothing_reach,
    cumulative_hazard,
    span_between,
)

EDGE = math.exp(0.05)
"""The first edge of the logarithmic scale. Up to this age the scale is linear."""
DAY = 86_400.0


def position(age: float) -> float:
    return age / EDGE if age < EDGE else math.log(age) / 0.05


def age_at(position: float) -> float:
    return position * EDGE if position < 1 else math.exp(0.05 * position)


def steps(sums: list[float]) -> list[float]:
    return [b - a for a, b in pairwise(sums)]


def counts(values: dict[int, float]) -> list[float]:
    return [values.get(i, 0.0) for i in range(BINS)]


# The scale.


@pytest.mark.parametrize("age", [0, 0.5, 1, EDGE, 1.07, 2, 100, DAY, 6.8 * DAY])
def test_an_age_is_a_position_on_a_logarithmic_scale_that_begins_linearly(age: float) -> None:
    first, into_first, last, into_last = span_between(age / 2, age)
    assert (first + into_first, last + into_last) == pytest.approx((position(age / 2), position(age)))


@pytest.mark.parametrize("age", [math.exp(0.05 * BINS), 8 * DAY, 1e9])
def test_an_age_of_seven_days_and_more_is_at_the_end_of_the_last_bin(age: float) -> None:
    first, into_first, last, into_last = span_between(0, age)
    assert (first, into_first, last) == (0, 0.0, BINS - 1)
    assert into_last == pytest.approx(1)


def test_the_hazard_between_two_ages_is_in_proportion_to_the_parts_of_their_bins() -> None:
    sums = [float(i**2) for i in range(BINS + 1)]
    assert cumulative_hazard(sums, (3, 0.25, 7, 0.5)) == pytest.approx((49 + 15 * 0.5) - (9 + 7 * 0.25))
    assert cumulative_hazard(sums, (3, 0.25, 3, 0.75)) == pytest.approx(7 * 0.5)


@pytest.mark.parametrize("start", [0, 0.25, 0.9, 1.5, 100, 266.25])
def test_the_next_poll_is_due_where_the_plan_has_as_many_polls_more(start: float) -> None:
    uniform = [float(i) for i in range(BINS + 1)]
    plan = PollPlan(uniform, uniform, uniform)
    for polls in (0.01, 0.3, 0.6):
        assert plan.next_age(age_at(start), polls) == pytest.approx(age_at(start + polls))
    assert plan.next_age(age_at(start), 300) == math.inf


# Observations.


def observed(since: float, until: float, *, ends: int = 0, table: LifeTable | None = None) -> LifeTable:
    """A table of tasks that ran between two positions of the scale."""
    table = table or LifeTable()
    span = span_between(age_at(since), age_at(until))
    for _ in range(max(ends, 1)):
        table.observe(span)
        if ends:
            table.observe_end(span)
    return table


def test_a_task_is_at_risk_in_each_bin_for_the_part_of_it_that_it_was_observed() -> None:
    at_risk, events = observed(10.25, 12.5).counts()
    assert at_risk == pytest.approx(counts({10: 0.75, 11: 1, 12: 0.5}))
    assert not any(events)


def test_an_end_is_an_event_in_its_bin_and_counts_less_after_200_more() -> None:
    table = observed(0, 50.5, ends=1)
    assert table.counts()[1] == pytest.approx(counts({50: 1}), rel=0.01)
    observed(0, 80.5, ends=200, table=table)
    assert table.counts()[1][50] == pytest.approx(1 / math.e, rel=0.01)
    assert table.completed == 201


def test_any_number_of_ends_overflows_nothing() -> None:
    table = LifeTable()
    table._weight = 1e301
    at_risk, events = observed(0, 50.5, ends=4000, table=table).counts()
    assert sum(events) == pytest.approx(200, rel=0.01)
    assert at_risk[10] == pytest.approx(200, rel=0.01)


# Plans.


def plan_after(at_risk: dict[int, float], events: dict[int, float], lag_weight: float = 1.0) -> PollPlan:
    return LifeTable.from_counts(counts(at_risk), counts(events), 10).plan(lag_weight)


def polls_in_bin(i: int, hazard: float, lag_weight: float) -> float:
    """The integral of the density of polls over a bin."""
    a, b = math.exp(0.05 * i), math.exp(0.05 * (i + 1))
    ages = [a + (b - a) * (k + 0.5) / 1000 for k in range(1000)]
    return sum(math.sqrt(lag_weight * hazard / (0.05 * age) / 2) * (b - a) / 1000 for age in ages)


@pytest.mark.parametrize("lag_weight", [1.0, 4.0])
def test_the_density_of_polls_follows_the_hazard(lag_weight: float) -> None:
    # Ten tasks run from bin 20 on; four of them end in bin 60, and six in the next. The median is in the next.
    at_risk = dict.fromkeys(range(20, 61), 10.0) | {61: 6.0}
    polls = steps(list(plan_after(at_risk, {60: 4.0, 61: 6.0}, lag_weight).polls))
    assert not any(polls[:60])
    assert polls[60] == pytest.approx(polls_in_bin(60, 0.4, lag_weight), rel=0.001)
    # From the median on, one imaginary task is at risk too.
    assert polls[61] == pytest.approx(polls_in_bin(61, (6 + 0.05) / 7, lag_weight), rel=0.001)
    assert polls[200] == pytest.approx(polls_in_bin(200, 0.05, lag_weight), rel=0.001)


def test_the_estimates_of_the_hazard_differ_where_little_is_known() -> None:
    plan = plan_after({10: 0.5, 11: 1.0, 12: 1.5, 60: 10.0}, {60: 4.0})
    lowest, highest = steps(list(plan.lowest)), steps(list(plan.highest))
    assert (lowest[60], highest[60]) == pytest.approx((4 / 11, 4 / 10 + PRIOR_HAZARD))
    assert highest[9:13] == pytest.approx([1, 1, PRIOR_HAZARD, PRIOR_HAZARD])
    assert 0 < PRIOR_HAZARD < 0.001


# Smoothing.


@pytest.mark.parametrize("reach", [0, 1, 5])
def test_smoothing_moves_nothing_and_is_as_wide_as_a_normal_distribution(reach: int) -> None:
    smooth = _smooth(counts({100: 2.0}), reach)
    assert sum(smooth) == pytest.approx(2)
    assert sum(i * n for i, n in enumerate(smooth)) / 2 == pytest.approx(100)
    # The variance of three averages over 2·r + 1 bins.
    assert sum((i - 100) ** 2 * n for i, n in enumerate(smooth)) / 2 == pytest.approx(reach * (reach + 1))
    assert len(smooth) == BINS
    assert min(smooth) == 0.0


def test_at_the_first_bin_the_part_of_an_average_below_zero_is_lost() -> None:
    expected = smooth = counts({0: 1.0, 1: 3.0})
    for _ in range(3):
        expected = [sum(expected[max(i - 2, 0) : i + 3]) / 5 for i in range(BINS)]
    assert _smooth(smooth, 2) == pytest.approx(expected)


@pytest.mark.parametrize(("deviation", "n"), [(3, 10), (10, 10), (20, 100), (20, 1000), (40, 10)])
def test_the_reach_of_smoothing_follows_silvermans_rule(deviation: float, n: float) -> None:
    # Half of the events on each side.
    reach = _smoothing_reach(counts({130 - int(deviation): n / 2, 130 + int(deviation): n / 2}))
    width = 0.9 * deviation * n**-0.2
    assert reach == min(range(100), key=lambda r: abs(math.sqrt(r * (r + 1)) - width))


def test_a_plan_assumes_ends_also_between_the_ages_at_which_tasks_ended() -> None:
    at_risk = dict.fromkeys(range(61), 20.0) | dict.fromkeys(range(61, 81), 10.0)
    plan = plan_after(at_risk, {60: 10.0, 80: 10.0})
    for sums in (plan.polls, plan.lowest, plan.highest):
        assert steps(list(sums))[55] > PRIOR_HAZARD
