"""`AdaptivePolicy` learns the delays from finished tasks."""

from __future__ import annotations

import math
import random
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshapi_video import AdaptivePolicy, PollPolicy, VideoTaskResponse
from meshapi_video._polling.adaptive import learn
from meshapi_video._polling.state import PollState, evolve, poll_failed, poll_succeeded
from support.poll_states import CONSTANT_DELAY, NOW, new_wait, rate_limited

NO_JITTER = PollPolicy(jitter=0.0)


def task(number: int = 0, **fields: object) -> VideoTaskResponse:
    return VideoTaskResponse.from_dict({"id": f"t-{number}", "status": "running", **fields})


def policy_after(*durations: float, first: int = 0, **fields: object) -> AdaptivePolicy:
    """A policy that has observed tasks end at these ages, one after another."""
    policy = AdaptivePolicy(fallback=NO_JITTER)
    observe(policy, *durations, first=first, **fields)
    return policy


def observe(policy: AdaptivePolicy, *durations: float, first: int = 0, **fields: object) -> None:
    for number, duration in enumerate(durations, start=first):
        policy.observe(task(number, **fields), 0, duration, ended=True)


def around(age: float, n: int, spread: float = 0.2, seed: int = 1) -> list[float]:
    rand = random.Random(seed)  # noqa: S311 - the same numbers each time
    return [age * math.exp(rand.gauss(0, spread)) for _ in range(n)]


def poll_ages(policy: AdaptivePolicy | PollPolicy, until: float, of: VideoTaskResponse | None = None) -> list[float]:
    """The ages at which a task is polled."""
    ages = [0.0]
    while ages[-1] < until:
        ages.append(ages[-1] + policy.delay(ages[-1], 0.0, 0, of))
    return ages


def test_the_fallback_is_used_until_ten_finished_tasks_were_observed() -> None:
    policy = policy_after(*around(100, 9))
    assert poll_ages(policy, 500) == poll_ages(NO_JITTER, 500)
    observe(policy, 100, first=9)
    assert poll_ages(policy, 500) != poll_ages(NO_JITTER, 500)


def test_polls_are_rare_before_tasks_usually_end_and_frequent_when_they_do() -> None:
    ages = poll_ages(policy_after(*around(100, 50)), 200)
    assert sum(age < 60 for age in ages) <= 5
    assert min(b - a for a, b in pairwise(ages) if 80 < a < 120) < 5
    # More frequent where tasks end, and hardly more polls altogether.
    assert sum(80 <= age <= 120 for age in ages) >= 7
    assert sum(age <= 110 for age in ages) <= sum(age <= 110 for age in poll_ages(NO_JITTER, 110))


def test_a_task_that_takes_longer_than_all_others_is_polled_less_and_less_often() -> None:
    policy = policy_after(*around(100, 50))
    assert policy.delay(300, 0) < policy.delay(1000, 0) < policy.delay(10_000, 0)
    assert policy.delay(7 * 86_400, 0) > policy.delay(10_000, 0)


def test_a_higher_lag_weight_gives_more_polls_and_less_lag() -> None:
    for weight, most in ((1.0, 20.0), (4.0, 6.0)):
        policy = AdaptivePolicy(lag_weight=weight, fallback=NO_JITTER)
        observe(policy, *around(100, 50))
        assert policy.delay(100, 0) < most
    low, high = (AdaptivePolicy(lag_weight=weight, fallback=NO_JITTER) for weight in (1.0, 4.0))
    for policy in (low, high):
        observe(policy, *around(100, 50))
    assert low.delay(100, 0) == pytest.approx(2 * high.delay(100, 0), rel=0.2)


@given(
    durations=st.lists(st.floats(0, 1e6), min_size=10, max_size=30),
    age=st.floats(0, 1e7),
    rand=st.floats(0, 1),
    failures=st.integers(0, 100),
)
def test_the_delay_is_within_its_limits_whatever_was_observed(
    durations: list[float], age: float, rand: float, failures: int
) -> None:
    policy = AdaptivePolicy()
    observe(policy, *durations)
    delay = policy.delay(age, rand, failures)
    assert 0.9 <= delay <= max(1.7 * 8 + age / 16, 10)


def test_jitter_shortens_a_delay_so_that_many_waits_do_not_poll_together() -> None:
    policy = AdaptivePolicy(fallback=PollPolicy(jitter=0.5))
    observe(policy, *around(100, 50))
    delays = [policy.delay(100, rand) for rand in (0.0, 0.5, 1.0)]
    assert delays == sorted(delays, reverse=True)
    assert delays[2] == pytest.approx(delays[0] / 2, rel=0.2)


def test_consecutive_failures_double_the_delay_of_an_adaptive_policy_too() -> None:
    policy = policy_after(*around(100, 50))
    delay = policy.delay(100, 0)
    assert policy.delay(100, 0, failures=1) == delay
    assert policy.delay(100, 0, failures=2) == min(2 * delay, 10)
    assert policy.delay(100, 0, failures=10_000) == 10
    assert policy.delay(1e6, 0, failures=5) == policy.delay(1e6, 0)


def test_tasks_that_have_not_ended_count_for_the_ages_at_which_they_were_observed() -> None:
    policy, with_survivors = policy_after(*[40.0] * 10), AdaptivePolicy(fallback=NO_JITTER)
    for number in range(40):
        with_survivors.observe(task(100 + number), 0, 80, ended=False)
    observe(with_survivors, *[40.0] * 10)
    # At this age a fifth of all tasks ended, and not all of them.
    assert with_survivors.delay(38, 0) > 1.5 * policy.delay(38, 0)


def test_tasks_whose_wait_started_late_do_not_count_for_younger_ages() -> None:
    policy, misled = policy_after(*around(40, 60)), policy_after(*around(40, 60))
    before = policy.delay(40, 0)
    for number in range(60):
        policy.observe(task(100 + number), 80, 90, ended=True)
        misled.observe(task(100 + number), 0, 90, ended=True)
    assert policy.delay(40, 0) < 1.2 * before < misled.delay(40, 0)


def test_kinds_of_tasks_are_distinguished_by_model_resolution_and_duration() -> None:
    policy = AdaptivePolicy(fallback=NO_JITTER)
    observe(policy, *around(30, 20), model="a", resolution="720p", duration=5)
    observe(policy, *around(300, 20), first=20, model="a", resolution="1080p", duration=5)
    observe(policy, *around(3000, 20), first=40, model="b")

    short = task(model="a", resolution="720p", duration=5)
    long = task(model="a", resolution="1080p", duration=5)
    assert policy.delay(30, 0, 0, short) < 4
    assert policy.delay(30, 0, 0, long) > 14
    assert policy.delay(300, 0, 0, long) < 15
    assert policy.delay(300, 0, 0, task(model="b", resolution="720p")) > 30
    # No such task was observed, so the next larger kind decides.
    assert poll_ages(policy, 100, task(model="a", resolution="720p", duration=10)) == poll_ages(
        policy, 100, task(model="a", resolution="720p")
    )
    assert poll_ages(policy, 100, task(model="c")) == poll_ages(policy, 100)


def test_the_policy_forgets_everything_when_tasks_suddenly_take_less_time() -> None:
    policy = policy_after(*around(2700, 100, 0.8))
    policy.delay(0, 0)
    observe(policy, *around(75, 6), first=100)
    assert policy.completed <= 3
    assert poll_ages(policy, 100) == poll_ages(NO_JITTER, 100)


def test_the_policy_forgets_everything_when_tasks_suddenly_take_more_time_even_before_one_ends() -> None:
    policy = policy_after(*around(75, 100))
    policy.delay(0, 0)
    for number in range(5):
        policy.observe(task(100 + number), 0, 600, ended=False)
    assert policy.completed == 0


def test_the_policy_forgets_nothing_because_tasks_differ() -> None:
    policy = AdaptivePolicy(fallback=NO_JITTER)
    for number, duration in enumerate(around(75, 400, 0.6)):
        policy.delay(0, 0)
        observe(policy, duration, first=number)
    assert policy.completed == 400


def test_old_observations_count_less_and_less() -> None:
    policy = policy_after(*around(60, 300))
    before = policy.delay(55, 0)
    observe(policy, *around(120, 600, seed=2), first=300)
    assert policy.delay(55, 0) > 1.5 * before


def test_fifty_thousand_finished_tasks_overflow_nothing() -> None:
    policy = AdaptivePolicy(fallback=NO_JITTER)
    for number, duration in enumerate(around(100, 100) * 500):
        policy.observe(task(number), 0, duration, ended=True)
    assert policy.completed == 50_000
    assert policy.delay(100, 0) == pytest.approx(policy_after(*around(100, 100) * 10).delay(100, 0), rel=0.1)


def test_only_the_newest_kinds_are_kept() -> None:
    policy = AdaptivePolicy(fallback=NO_JITTER)
    for kind in range(300):
        observe(policy, *around(100, 10), first=10 * kind, model=f"m-{kind}")
    assert policy.to_json().count('"kind"') <= 256
    assert policy.delay(100, 0, 0, task(model="m-299")) != policy.delay(100, 0)
    assert policy.delay(100, 0, 0, task(model="m-0")) == policy.delay(100, 0)
    observe(policy, *around(100, 10), first=10_000, model="m-0")
    assert policy.to_json().count('"kind"') <= 256


def test_a_model_is_kept_when_a_new_kind_of_this_model_exceeds_the_limit() -> None:
    policy = AdaptivePolicy(fallback=NO_JITTER)
    observe(policy, *around(100, 10), model="first")
    for number in range(254):
        observe(policy, *around(100, 1), first=10 * number + 100, model=f"m-{number}")
    observe(policy, *around(100, 1), first=9000, model="first", resolution="720p", duration=5)
    assert policy.to_json().count('"kind"') == 256
    assert AdaptivePolicy.from_json(policy.to_json()).to_json() == policy.to_json()
    assert policy.delay(100, 0, 0, task(model="first")) == policy_after(*around(100, 10), *around(100, 1)).delay(100, 0)


def test_the_end_of_a_task_counts_once_even_if_several_waits_receive_it() -> None:
    policy = AdaptivePolicy()
    for number in (1, 1, 2, 1):
        observe(policy, 100, first=number)
    assert policy.completed == 2
    observe(policy, *[100.0] * 1000, first=3)
    observe(policy, 100, first=1)
    assert policy.completed == 1003


def test_many_threads_can_use_one_policy() -> None:
    policy = AdaptivePolicy()

    def use(first: int) -> None:
        for number, duration in enumerate(around(100, 200), start=first):
            policy.delay(duration, 0, 0, task(number, model="m"))
            policy.observe(task(number, model="m"), 0, duration, ended=True)

    threads = [threading.Thread(target=use, args=(1000 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert policy.completed == 800
    assert repr(policy) == "<AdaptivePolicy with 800 completed tasks>"


@pytest.mark.parametrize("wrong", [0, -1, math.inf, math.nan])
def test_a_lag_weight_that_is_not_a_positive_number_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="lag_weight should be a finite number greater than 0"):
        AdaptivePolicy(lag_weight=wrong)


@pytest.mark.parametrize(("since", "until"), [(-1, 5), (5, 4), (0, math.inf), (math.nan, 1), (0, math.nan)])
def test_ages_that_are_not_finite_or_in_the_wrong_order_are_refused(since: float, until: float) -> None:
    with pytest.raises(ValueError, match="since and until should be finite ages with 0 <= since <= until"):
        AdaptivePolicy().observe(task(), since, until, ended=True)


# Polls.


def state_of_running_task(policy: AdaptivePolicy | PollPolicy, **fields: object) -> PollState:
    """A wait that received its task as running, ten seconds old, at `NOW`."""
    return evolve(poll_succeeded(new_wait(policy=CONSTANT_DELAY), running(**fields), 10, NOW, 0), policy=policy)


def running(**fields: object) -> VideoTaskResponse:
    return VideoTaskResponse.from_dict({"id": "t", "status": "running", **fields})


def finished(**fields: object) -> VideoTaskResponse:
    return running(**{"status": "succeeded", "content": {"video_url": "https://cdn.example/v.mp4"}, **fields})


class RecordingPolicy(AdaptivePolicy):
    """Records the reports of the clients."""

    def __init__(self) -> None:
        super().__init__()
        self.observed: list[tuple[float, float, bool]] = []

    def observe(self, task: VideoTaskResponse, since: float, until: float, *, ended: bool) -> None:
        super().observe(task, since, until, ended=ended)
        self.observed.append((since, until, ended))


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        pytest.param(running(), (10, 30, False), id="running"),
        pytest.param(finished(), (10, 20, True), id="ended at an unknown time"),
        pytest.param(finished(created_at=1000, updated_at=1027), (10, 27, True), id="ended at a stated time"),
        pytest.param(finished(created_at=1000, updated_at=1500), (10, 20, True), id="ended, and changed later"),
        pytest.param(finished(created_at=1000, updated_at=1001), (10, 20, True), id="ended, and changed before"),
        pytest.param(running(status="failed"), (10, 20, True), id="failed"),
    ],
)
def test_each_poll_reports_between_which_ages_the_task_ran(
    response: VideoTaskResponse, expected: tuple[float, float, bool]
) -> None:
    policy = RecordingPolicy()
    state = state_of_running_task(policy)
    learn(state, poll_succeeded(state, response, None, NOW + 20, 0), NOW + 20)
    assert policy.observed == [expected]


def test_a_failed_poll_reports_nothing_and_the_next_poll_reports_the_whole_time() -> None:
    policy = RecordingPolicy()
    state = state_of_running_task(policy)
    after = poll_failed(state, rate_limited(None), NOW + 20, 0)
    learn(state, after, NOW + 20)
    assert policy.observed == []
    learn(after, poll_succeeded(after, running(), None, NOW + 50, 0), NOW + 50)
    assert policy.observed == [(10, 60, False)]


def test_a_task_that_ended_before_the_first_poll_is_not_reported() -> None:
    policy = RecordingPolicy()
    state = evolve(new_wait(policy=CONSTANT_DELAY), policy=policy)
    learn(state, poll_succeeded(state, finished(created_at=0, updated_at=30), 5000, NOW, 0), NOW)
    assert policy.observed == []


def test_a_policy_that_does_not_learn_gets_no_reports() -> None:
    state = state_of_running_task(CONSTANT_DELAY)
    learn(state, poll_succeeded(state, finished(), None, NOW + 20, 0), NOW + 20)


# Files.


def test_observations_can_be_saved_and_loaded(tmp_path: Path) -> None:
    path = tmp_path / "learned.json"
    policy = AdaptivePolicy(fallback=NO_JITTER)
    observe(policy, *around(30, 20), model="a", resolution="720p", duration=5)
    observe(policy, *around(300, 40), first=20, model="b")
    policy.save(path)
    policy.save(path)
    loaded = AdaptivePolicy.load(path, fallback=NO_JITTER)
    assert loaded.completed == 60
    for of in (None, task(model="a", resolution="720p", duration=5), task(model="b")):
        assert poll_ages(loaded, 500, of) == pytest.approx(poll_ages(policy, 500, of), rel=0.01)
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_size < 20_000


def test_without_a_file_the_policy_has_no_observations(tmp_path: Path) -> None:
    assert AdaptivePolicy.load(tmp_path / "none.json").completed == 0
    assert list(tmp_path.iterdir()) == []


def test_a_save_replaces_no_link(tmp_path: Path) -> None:
    path = tmp_path / "learned.json"
    path.symlink_to("elsewhere")
    with pytest.raises(OSError, match="is a symbolic link, and only a regular file is replaced"):
        AdaptivePolicy().save(path)
    assert path.is_symlink()
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "learned.json"
    policy_after(*around(30, 20)).save(path)
    before = path.read_bytes()
    policy = AdaptivePolicy()

    def full(_policy: AdaptivePolicy) -> str:
        raise OSError("the disk is full")

    monkeypatch.setattr(AdaptivePolicy, "to_json", full)
    with pytest.raises(OSError, match="the disk is full"):
        policy.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def file_text(
    completed: object = 10,
    at_risk: object = "[1]",
    events: object = "[1]",
    kind: str = "[]",
    version: object = 1,
) -> str:
    record = f'"kind": {kind}, "completed": {completed}, "at_risk": {at_risk}, "events": {events}'
    return f'{{"version": {version}, "kinds": [{{{record}}}]}}'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Input data was truncated"),
        ("[]", "Expected `object`, got `array`"),
        ("{}", "missing required field `version`"),
        (file_text(version=2), "it has version 2; this release reads version 1"),
        ('{"version": 1}', "missing required field `kinds`"),
        (file_text(completed='"ten"'), r"Expected `int`, got `str` - at `\$.kinds\[0\].completed`"),
        (file_text(completed=-1), r"`int` >= 0 - at `\$.kinds\[0\].completed`"),
        (file_text(at_risk="[1, -1]"), r"`float` >= 0.0 - at `\$.kinds\[0\].at_risk\[1\]`"),
        (file_text(events=[0.0] * 300), r"length <= 267 - at `\$.kinds\[0\].events`"),
        (file_text(kind="[1, 2, 3, 4]"), r"length <= 3 - at `\$.kinds\[0\].kind`"),
        (file_text(events="[0]"), r"10 tasks of the kind \[\] ended, but at no age"),
        (file_text()[:-1] + ', "more": 1}', "unknown field `more`"),
    ],
)
def test_a_file_with_other_contents_is_refused_with_the_place_of_the_mistake(
    text: str, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"not the JSON that AdaptivePolicy.to_json wrote: .*{reason}"):
        AdaptivePolicy.from_json(text)
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"other\.json: not the JSON"):
        AdaptivePolicy.load(path)


def test_the_smallest_file_can_be_read() -> None:
    assert AdaptivePolicy.from_json(file_text()).completed == 10
    assert AdaptivePolicy.from_json(AdaptivePolicy().to_json().encode()).completed == 0
