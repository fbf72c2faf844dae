"""The promises of docs/waiting-costs.md, checked with a small and seeded part of `nox -s simulate`."""

from __future__ import annotations

import math

import pytest

from benchmarks.waiting import optimum
from benchmarks.waiting.promises import CHANGES, LAG_WEIGHT, after_change, after_learning
from benchmarks.waiting.simulation import (
    CALLBACK_DELAY,
    FEWEST_POLLS,
    FLEX,
    GAMMA,
    LOST,
    PEERS,
    RARE,
    STANDARD,
    WEIBULL,
    Cost,
    Delay,
    Durations,
    cost,
    cost_with_callbacks,
    default_cost,
    delay_of,
    every,
)
from meshapi_video import AdaptivePolicy, PollPolicy

TASKS = {STANDARD: 600, FLEX: 120}
TIERS = pytest.mark.parametrize("durations", [STANDARD, FLEX], ids=lambda durations: durations.name)


def optimal_lag(durations: Durations, polls: float) -> float:
    """The optimum's lag with so many polls: near the optimum, lag is inversely proportional to polls."""
    ages = optimum.schedule(durations, LAG_WEIGHT)

    def delay(age: float, _polls: int, _rand: float) -> float:
        return next((later for later in ages if later > age + 1e-6), 2 * age) - age

    optimal = cost(delay, durations, 600)
    return optimal.lag * (optimal.polls - 1.5) / (polls - 1.5)


@TIERS
@pytest.mark.parametrize("peer", PEERS)
def test_no_default_of_a_peer_has_both_fewer_polls_and_less_lag(durations: Durations, peer: str) -> None:
    ours, theirs = default_cost(durations, TASKS[durations]), cost(PEERS[peer], durations, TASKS[durations])
    assert ours.polls < theirs.polls or ours.lag < theirs.lag


@TIERS
def test_the_default_is_on_the_line_through_the_peers(durations: Durations) -> None:
    n = {STANDARD: 6000, FLEX: 2000}[durations]
    ours = default_cost(durations, n)
    seldom, often = (cost(every(seconds), durations, n) for seconds in (30, 6))
    fraction = math.log(ours.lag / often.lag) / math.log(seldom.lag / often.lag)
    line = often.polls * math.pow(seldom.polls / often.polls, fraction)
    # The default is so near to the line that the random numbers decide on which side it is.
    assert ours.polls <= 1.02 * line


@pytest.mark.parametrize("durations", [STANDARD, WEIBULL, GAMMA], ids=lambda durations: durations.name)
def test_after_fifty_tasks_the_lag_is_near_the_optimum(durations: Durations) -> None:
    learned = after_learning(durations, runs=20, tasks=100)
    assert learned.lag <= 1.2 * optimal_lag(durations, learned.polls)


@pytest.mark.parametrize(("before", "now"), CHANGES, ids=lambda durations: durations.name)
def test_after_a_sudden_change_no_task_costs_much_more_than_with_the_default(before: Durations, now: Durations) -> None:
    change = after_change(before, now, runs=16, after=5)
    assert max(map(change.ratio, change.by_task)) <= 1.6


@TIERS
def test_with_callbacks_a_poll_a_minute_has_half_the_polls_and_half_the_lag_of_the_default(
    durations: Durations,
) -> None:
    default, rare = default_cost(durations, 600), cost_with_callbacks(RARE, durations, 600, LOST)
    assert rare.polls < default.polls / 2
    assert rare.lag < default.lag / 2


@TIERS
def test_with_callbacks_about_ended_tasks_few_tasks_are_polled_more_than_twice(durations: Durations) -> None:
    policy, n = FEWEST_POLLS[durations], 600
    ours, some_lost = (cost_with_callbacks(policy, durations, n, lost, ended_only=True) for lost in (0, LOST))
    assert ours.polls <= 2.2
    assert ours.lag <= 0.3
    # A lost callback costs time, and no poll.
    assert some_lost.polls == pytest.approx(ours.polls, abs=0.02)


def test_if_every_callback_arrives_the_lag_is_the_delay_of_the_callback() -> None:
    minute = Durations("a minute", lambda age: float(age >= 60), 60)
    # The polls: at once, a second later for the first callback, at 6.2 s, and at 60.2 s.
    ours = cost_with_callbacks(RARE, minute, 3, lost=0)
    assert (ours.polls, ours.lag) == pytest.approx((4, CALLBACK_DELAY))
    # The polls: at once, shortly before a minute, and at 60.2 s.
    ours = cost_with_callbacks(RARE, minute, 3, lost=0, ended_only=True)
    assert (ours.polls, ours.lag) == pytest.approx((3, CALLBACK_DELAY))


def test_if_no_callback_arrives_the_cost_is_that_of_the_schedule() -> None:
    policy = PollPolicy(jitter=0)
    ours, schedule = cost_with_callbacks(policy, STANDARD, 600, lost=1), cost(delay_of(policy), STANDARD, 600)
    assert (ours.polls, ours.lag) == pytest.approx((schedule.polls, schedule.lag))


def test_the_simulation_gives_the_costs_that_a_calculation_by_hand_gives() -> None:
    minute = Durations("a minute", lambda age: float(age >= 60), 60)
    delays: dict[str, Delay] = {"7 s": every(7), "100 s": every(100)}
    costs: dict[str, Cost] = {name: cost(delay, minute, 3) for name, delay in delays.items()}
    assert [(c.polls, round(c.lag, 6)) for c in costs.values()] == [(10, 3), (2, 40)]


def test_a_policy_that_has_learned_nothing_costs_the_same_as_the_default() -> None:
    minute = Durations("a minute", lambda age: float(age >= 60), 60)
    assert cost(delay_of(AdaptivePolicy()), minute, 3) == cost(delay_of(PollPolicy()), minute, 3)
