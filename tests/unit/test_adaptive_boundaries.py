"""`AdaptivePolicy` at the boundaries of its rules: limits of a delay, detection of a change, files."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from pathlib import Path

import pytest

from meshapi_video import AdaptivePolicy, PollPolicy, VideoTaskResponse
from meshapi_video._polling.adaptive import _Group, learn
from meshapi_video._polling.life_table import BINS, PollPlan
from meshapi_video._polling.state import evolve, poll_succeeded
from support.poll_states import CONSTANT_DELAY, NOW, new_wait

NO_JITTER = PollPolicy(jitter=0.0)


def task(number: int = 0, **fields: object) -> VideoTaskResponse:
    return VideoTaskResponse.from_dict({"id": f"t-{number}", "status": "running", **fields})


def around(age: float, n: int, spread: float = 0.2) -> list[float]:
    rand = random.Random(1)  # noqa: S311 - the same numbers each time
    return [age * math.exp(rand.gauss(0, spread)) for _ in range(n)]


def observe(policy: AdaptivePolicy, durations: list[float], first: int = 0, **fields: object) -> None:
    for number, duration in enumerate(durations, start=first):
        policy.observe(task(number, **fields), 0, duration, ended=True)


# The limits of a delay.


@pytest.mark.parametrize("initial_delay", [4.0, 8.0])
def test_a_delay_is_at_least_an_eighth_of_the_initial_delay_of_the_fallback(initial_delay: float) -> None:
    policy = AdaptivePolicy(lag_weight=1e9, fallback=PollPolicy(initial_delay=initial_delay, jitter=0.0))
    observe(policy, [100.0] * 10)
    assert policy.delay(99, 0) == initial_delay / 8


@pytest.mark.parametrize(("age", "delay"), [(-5, 13.6), (0, 13.6), (0.8, 13.65), (1600, 113.6)])
def test_a_delay_is_at_most_1_7_times_the_initial_delay_plus_a_sixteenth_of_the_age(age: float, delay: float) -> None:
    policy = AdaptivePolicy(lag_weight=1e-9, fallback=NO_JITTER)
    observe(policy, around(10_000, 10))
    assert policy.delay(age, 0) == pytest.approx(delay)


def test_a_new_plan_is_made_after_an_eighth_more_tasks_and_after_fifty_more_at_most() -> None:
    policy, made, plan = AdaptivePolicy(fallback=NO_JITTER), list[int](), None
    for number, duration in enumerate(around(100, 600), start=1):
        policy.observe(task(number), 0, duration, ended=True)
        policy.delay(0, 0)
        if (newest := policy._groups[()].plan) is not plan:
            plan = newest
            made.append(number)
    assert made[0] == 10
    for before, after in pairwise(made):
        assert min(before / 8, 50) - 1 < after - before <= max(min(before / 8, 50), 1)


# A change.


def test_the_evidence_for_a_change_is_a_likelihood_ratio_and_never_below_zero() -> None:
    # Two hazards that differ: where little is known, the evidence for more ends counts from the higher one.
    sums = {hazard: [hazard * i for i in range(BINS + 1)] for hazard in (0.01, 0.02)}
    group, gain = _Group(plan=PollPlan(sums[0.01], sums[0.01], sums[0.02])), math.log(12)
    ten_bins, hundred_bins = (20, 0.0, 30, 0.0), (20, 0.0, 120, 0.0)
    observations = [
        (ten_bins, gain, gain - 11 * 0.2, 0),
        (ten_bins, gain, 2 * (gain - 11 * 0.2), 0),
        (hundred_bins, 0, 0, 11 / 12),
        (hundred_bins, 0, 0, 2 * 11 / 12),
        (ten_bins, gain, gain - 11 * 0.2, 0),
    ]
    assert group.more_likely == group.less_likely == 0
    for span, evidence, more_likely, less_likely in observations:
        group.observe(span, evidence)
        assert group.more_likely == pytest.approx(more_likely)
        assert group.less_likely == pytest.approx(less_likely)


def test_after_a_change_the_evidence_begins_anew() -> None:
    nothing_ends = [0.0] * (BINS + 1)
    group = _Group(plan=PollPlan(nothing_ends, nothing_ends, nothing_ends))
    for completed in (1, 2, 3):
        group.observe((20, 0.0, 30, 0.0), math.log(12))
        assert group.table.completed == completed
        assert group.plan is not None
    # Four ends have an evidence of 9.9, and 9 is enough.
    group.observe((20, 0.0, 30, 0.0), math.log(12))
    assert group.plan is None
    assert group.table.completed == 1
    assert group.more_likely == group.less_likely == 0


def test_a_running_task_is_observed_until_it_ends() -> None:
    policy = AdaptivePolicy()
    for age in (10, 20):
        policy.observe(task(), age - 10, age, ended=False)
    policy.observe(task(), 20, 25, ended=True)
    assert policy.completed == 1


def test_the_number_of_kinds_is_limited_also_when_a_task_adds_several() -> None:
    policy = AdaptivePolicy()
    for kind in range(100):
        observe(policy, [100.0], first=kind, model=f"m-{kind}", resolution="720p", duration=5)
    assert policy.to_json().count('"kind"') == 256
    assert policy.completed == 100


# The end of a task.


@pytest.mark.parametrize(
    ("times", "ended_at"),
    [
        ({"created_at": 1000}, 20),
        ({"updated_at": 1027}, 20),
        ({"updated_at": 27}, 20),
        ({"created_at": 1000, "updated_at": 1010}, 10),
        ({"created_at": 1000, "updated_at": 1030}, 30),
        ({"created_at": 1000, "updated_at": 1031}, 20),
    ],
)
def test_the_end_is_at_the_stated_time_between_two_polls_and_otherwise_in_the_middle(
    times: dict[str, object], ended_at: float
) -> None:
    class Recording(AdaptivePolicy):
        def observe(self, task: VideoTaskResponse, since: float, until: float, *, ended: bool) -> None:
            super().observe(task, since, until, ended=ended)
            observed.append((since, until, ended))

    observed = list[tuple[float, float, bool]]()
    running = VideoTaskResponse.from_dict({"id": "t", "status": "running"})
    before = evolve(poll_succeeded(new_wait(policy=CONSTANT_DELAY), running, 10, NOW, 0), policy=Recording())
    failed = VideoTaskResponse.from_dict({"id": "t", "status": "failed", **times})
    learn(before, poll_succeeded(before, failed, None, NOW + 20, 0), NOW + 20)
    assert observed == [(10, ended_at, True)]


# Files.


def test_a_policy_that_is_read_again_has_the_settings_that_are_passed(tmp_path: Path) -> None:
    learned = AdaptivePolicy(lag_weight=10, fallback=NO_JITTER)
    observe(learned, around(100, 50))
    path = tmp_path / "learned.json"
    learned.save(str(path))
    loaded = AdaptivePolicy.load(path, lag_weight=10, fallback=NO_JITTER)
    parsed = AdaptivePolicy.from_json(learned.to_json(), lag_weight=10, fallback=NO_JITTER)
    for policy in (loaded, parsed):
        assert policy.delay(90, 1) == pytest.approx(learned.delay(90, 1), rel=0.01)
    default = AdaptivePolicy()
    observe(default, around(100, 50))
    assert AdaptivePolicy.from_json(learned.to_json()).delay(90, 1) == pytest.approx(default.delay(90, 1), rel=0.01)
    new = AdaptivePolicy.load(tmp_path / "none.json", lag_weight=1e9, fallback=PollPolicy(initial_delay=4.0, jitter=0))
    observe(new, [100.0] * 10)
    assert new.delay(99, 1) == 0.5


def test_a_text_that_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not the JSON that AdaptivePolicy\.to_json wrote"):
        AdaptivePolicy.from_json('{"version": 1, "kinds": ' + "[" * 100_000)


def test_the_new_file_is_written_beside_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def list_and_remove(_policy: AdaptivePolicy) -> str:
        for file in tmp_path.iterdir():
            names.append(file.name)
            file.unlink()
        raise OSError("the disk is full")

    names = list[str]()
    monkeypatch.setattr(AdaptivePolicy, "to_json", list_and_remove)
    # Not the error of the file that is gone.
    with pytest.raises(OSError, match="the disk is full"):
        AdaptivePolicy().save(tmp_path / "learned.json")
    assert len(names) == 1
    assert names[0].startswith(".learned.json.")
