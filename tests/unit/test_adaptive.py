"""What an adaptive policy makes of the tasks that it sees end."""

from __future__ import annotations

import math
import random
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from meshapi_video import AdaptivePolicy, PollPolicy, VideoTaskResponse
from meshapi_video._adaptive import learn
from meshapi_video._polling import Poll, answered, missed
from support.polls import NOW, STEADY, too_many, waiting

STILL = PollPolicy(jitter=0.0)


def task(number: int = 0, **fields: object) -> VideoTaskResponse:
    return VideoTaskResponse.from_dict({"id": f"t-{number}", "status": "running", **fields})


def knowing(*durations: float, of: int = 0, **fields: object) -> AdaptivePolicy:
    """A policy that has seen tasks end at these ages, one after another."""
    policy = AdaptivePolicy(fallback=STILL)
    see(policy, *durations, of=of, **fields)
    return policy


def see(policy: AdaptivePolicy, *durations: float, of: int = 0, **fields: object) -> None:
    for number, duration in enumerate(durations, start=of):
        policy.saw(task(number, **fields), 0, duration, ended=True)


def around(age: float, n: int, spread: float = 0.2, seed: int = 1) -> list[float]:
    chance = random.Random(seed)  # noqa: S311 - the same each time
    return [age * math.exp(chance.gauss(0, spread)) for _ in range(n)]


def looks(policy: AdaptivePolicy | PollPolicy, until: float, asked: VideoTaskResponse | None = None) -> list[float]:
    """The ages at which a task is looked at."""
    ages = [0.0]
    while ages[-1] < until:
        ages.append(ages[-1] + policy.delay(ages[-1], 0.0, 0, asked))
    return ages


def test_until_ten_tasks_were_seen_to_end_it_is_its_fallback() -> None:
    policy = knowing(*around(100, 9))
    assert looks(policy, 500) == looks(STILL, 500)
    see(policy, 100, of=9)
    assert looks(policy, 500) != looks(STILL, 500)


def test_it_looks_seldom_before_tasks_end_and_often_when_they_do() -> None:
    ages = looks(knowing(*around(100, 50)), 200)
    assert sum(age < 60 for age in ages) <= 5
    assert min(b - a for a, b in pairwise(ages) if 80 < a < 120) < 5
    # Closer where it matters, for hardly more in all.
    assert sum(80 <= age <= 120 for age in ages) >= 7
    assert sum(age <= 110 for age in ages) <= sum(age <= 110 for age in looks(STILL, 110))


def test_a_task_that_outlives_all_others_is_looked_at_less_and_less() -> None:
    policy = knowing(*around(100, 50))
    assert policy.delay(300, 0) < policy.delay(1000, 0) < policy.delay(10_000, 0)
    assert policy.delay(7 * 86_400, 0) > policy.delay(10_000, 0)


def test_a_second_that_is_worth_more_brings_more_looks_and_less_lag() -> None:
    for weight, most in ((1.0, 20.0), (4.0, 6.0)):
        policy = AdaptivePolicy(lag_weight=weight, fallback=STILL)
        see(policy, *around(100, 50))
        assert policy.delay(100, 0) < most
    careless, careful = (AdaptivePolicy(lag_weight=weight, fallback=STILL) for weight in (1.0, 4.0))
    for policy in (careless, careful):
        see(policy, *around(100, 50))
    assert careless.delay(100, 0) == pytest.approx(2 * careful.delay(100, 0), rel=0.2)


@given(
    durations=st.lists(st.floats(0, 1e6), min_size=10, max_size=30),
    age=st.floats(0, 1e7),
    chance=st.floats(0, 1),
    misses=st.integers(0, 100),
)
def test_whatever_it_learned_no_look_comes_too_soon_or_too_late(
    durations: list[float], age: float, chance: float, misses: int
) -> None:
    policy = AdaptivePolicy()
    see(policy, *durations)
    delay = policy.delay(age, chance, misses)
    assert 0.9 <= delay <= max(1.7 * 8 + age / 16, 10)


def test_chance_shortens_a_delay_so_that_many_waits_drift_apart() -> None:
    policy = AdaptivePolicy(fallback=PollPolicy(jitter=0.5))
    see(policy, *around(100, 50))
    delays = [policy.delay(100, chance) for chance in (0.0, 0.5, 1.0)]
    assert delays == sorted(delays, reverse=True)
    assert delays[2] == pytest.approx(delays[0] / 2, rel=0.2)


def test_misses_in_a_row_double_its_delays_too() -> None:
    policy = knowing(*around(100, 50))
    delay = policy.delay(100, 0)
    assert policy.delay(100, 0, misses=1) == delay
    assert policy.delay(100, 0, misses=2) == min(2 * delay, 10)
    assert policy.delay(100, 0, misses=10_000) == 10
    assert policy.delay(1e6, 0, misses=5) == policy.delay(1e6, 0)


def test_tasks_that_are_still_under_way_count_for_the_ages_that_they_have_passed() -> None:
    policy, with_survivors = knowing(*[40.0] * 10), AdaptivePolicy(fallback=STILL)
    for number in range(40):
        with_survivors.saw(task(100 + number), 0, 80, ended=False)
    see(with_survivors, *[40.0] * 10)
    # A fifth of them ended there, rather than all.
    assert with_survivors.delay(38, 0) > 1.5 * policy.delay(38, 0)


def test_tasks_that_were_met_late_say_nothing_of_younger_ones() -> None:
    policy, misled = knowing(*around(40, 60)), knowing(*around(40, 60))
    before = policy.delay(40, 0)
    for number in range(60):
        policy.saw(task(100 + number), 80, 90, ended=True)
        misled.saw(task(100 + number), 0, 90, ended=True)
    assert policy.delay(40, 0) < 1.2 * before < misled.delay(40, 0)


def test_kinds_are_told_apart_by_model_resolution_and_duration() -> None:
    policy = AdaptivePolicy(fallback=STILL)
    see(policy, *around(30, 20), model="a", resolution="720p", duration=5)
    see(policy, *around(300, 20), of=20, model="a", resolution="1080p", duration=5)
    see(policy, *around(3000, 20), of=40, model="b")

    short = task(model="a", resolution="720p", duration=5)
    long = task(model="a", resolution="1080p", duration=5)
    assert policy.delay(30, 0, 0, short) < 4
    assert policy.delay(30, 0, 0, long) > 14
    assert policy.delay(300, 0, 0, long) < 15
    assert policy.delay(300, 0, 0, task(model="b", resolution="720p")) > 30
    # Nobody knows how long those take, but how long all like them do.
    assert looks(policy, 100, task(model="a", resolution="720p", duration=10)) == looks(
        policy, 100, task(model="a", resolution="720p")
    )
    assert looks(policy, 100, task(model="c")) == looks(policy, 100)


def test_when_tasks_suddenly_take_less_time_it_starts_anew() -> None:
    policy = knowing(*around(2700, 100, 0.8))
    policy.delay(0, 0)
    see(policy, *around(75, 6), of=100)
    assert policy.ends <= 3
    assert looks(policy, 100) == looks(STILL, 100)


def test_when_tasks_suddenly_take_more_time_it_starts_anew_before_any_of_them_ends() -> None:
    policy = knowing(*around(75, 100))
    policy.delay(0, 0)
    for number in range(5):
        policy.saw(task(100 + number), 0, 600, ended=False)
    assert policy.ends == 0


def test_it_does_not_start_anew_because_tasks_differ() -> None:
    policy = AdaptivePolicy(fallback=STILL)
    for number, duration in enumerate(around(75, 400, 0.6)):
        policy.delay(0, 0)
        see(policy, duration, of=number)
    assert policy.ends == 400


def test_what_was_long_ago_counts_less_and_less() -> None:
    policy = knowing(*around(60, 300))
    once = policy.delay(55, 0)
    see(policy, *around(120, 600, seed=2), of=300)
    assert policy.delay(55, 0) > 1.5 * once


def test_a_hundred_thousand_ends_overflow_nothing() -> None:
    policy = AdaptivePolicy(fallback=STILL)
    for number, duration in enumerate(around(100, 100) * 500):
        policy.saw(task(number), 0, duration, ended=True)
    assert policy.ends == 50_000
    assert policy.delay(100, 0) == pytest.approx(knowing(*around(100, 100) * 10).delay(100, 0), rel=0.1)


def test_of_very_many_kinds_the_latest_are_known() -> None:
    policy = AdaptivePolicy(fallback=STILL)
    for kind in range(300):
        see(policy, *around(100, 10), of=10 * kind, model=f"m-{kind}")
    assert policy.to_json().count('"of"') <= 256
    assert policy.delay(100, 0, 0, task(model="m-299")) != policy.delay(100, 0)
    assert policy.delay(100, 0, 0, task(model="m-0")) == policy.delay(100, 0)
    see(policy, *around(100, 10), of=10_000, model="m-0")
    assert policy.to_json().count('"of"') <= 256


def test_what_is_known_of_a_model_is_kept_when_another_of_its_kinds_is_one_too_many() -> None:
    policy = AdaptivePolicy(fallback=STILL)
    see(policy, *around(100, 10), model="first")
    for number in range(254):
        see(policy, *around(100, 1), of=10 * number + 100, model=f"m-{number}")
    see(policy, *around(100, 1), of=9000, model="first", resolution="720p", duration=5)
    assert policy.to_json().count('"of"') == 256
    assert AdaptivePolicy.from_json(policy.to_json()).to_json() == policy.to_json()
    assert policy.delay(100, 0, 0, task(model="first")) == knowing(*around(100, 10), *around(100, 1)).delay(100, 0)


def test_the_end_of_a_task_counts_once_however_many_waits_see_it() -> None:
    policy = AdaptivePolicy()
    for number in (1, 1, 2, 1):
        see(policy, 100, of=number)
    assert policy.ends == 2
    see(policy, *[100.0] * 1000, of=3)
    see(policy, 100, of=1)
    assert policy.ends == 1003


def test_many_threads_can_use_it_at_once() -> None:
    policy = AdaptivePolicy()

    def use(first: int) -> None:
        for number, duration in enumerate(around(100, 200), start=first):
            policy.delay(duration, 0, 0, task(number, model="m"))
            policy.saw(task(number, model="m"), 0, duration, ended=True)

    threads = [threading.Thread(target=use, args=(1000 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert policy.ends == 800
    assert repr(policy) == "<AdaptivePolicy that has seen 800 tasks end>"


@pytest.mark.parametrize("wrong", [0, -1, math.inf, math.nan])
def test_a_lag_that_is_worth_nothing_or_everything_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="lag_weight should be a number more than zero"):
        AdaptivePolicy(lag_weight=wrong)


@pytest.mark.parametrize(("since", "until"), [(-1, 5), (5, 4), (0, math.inf), (math.nan, 1), (0, math.nan)])
def test_ages_that_go_backwards_are_refused(since: float, until: float) -> None:
    with pytest.raises(ValueError, match="a task cannot have been under way"):
        AdaptivePolicy().saw(task(), since, until, ended=True)


# What follows is about looks.


def begun(policy: AdaptivePolicy | PollPolicy, **fields: object) -> Poll:
    """A wait that has found its task under way, ten seconds old, at `NOW`."""
    return evolve(answered(waiting(policy=STEADY), running(**fields), 10, NOW, 0), policy=policy)


def running(**fields: object) -> VideoTaskResponse:
    return VideoTaskResponse.from_dict({"id": "t", "status": "running", **fields})


def over(**fields: object) -> VideoTaskResponse:
    return running(**{"status": "succeeded", "content": {"video_url": "https://cdn.example/v.mp4"}, **fields})


class Witness(AdaptivePolicy):
    """Writes down what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[float, float, bool]] = []

    def saw(self, task: VideoTaskResponse, since: float, until: float, *, ended: bool) -> None:
        super().saw(task, since, until, ended=ended)
        self.told.append((since, until, ended))


@pytest.mark.parametrize(
    ("found", "told"),
    [
        pytest.param(running(), (10, 30, False), id="under way"),
        pytest.param(over(), (10, 20, True), id="over, nobody knows since when"),
        pytest.param(over(created_at=1000, updated_at=1027), (10, 27, True), id="over, and since when"),
        pytest.param(over(created_at=1000, updated_at=1500), (10, 20, True), id="over, and changed later"),
        pytest.param(over(created_at=1000, updated_at=1001), (10, 20, True), id="over, and changed before"),
        pytest.param(running(status="failed"), (10, 20, True), id="failed"),
    ],
)
def test_each_look_tells_how_long_the_task_was_under_way(
    found: VideoTaskResponse, told: tuple[float, float, bool]
) -> None:
    policy = Witness()
    poll = begun(policy)
    learn(poll, answered(poll, found, None, NOW + 20, 0), NOW + 20)
    assert policy.told == [told]


def test_a_look_that_missed_tells_nothing_and_the_next_one_tells_of_both() -> None:
    policy = Witness()
    poll = begun(policy)
    after = missed(poll, too_many(None), NOW + 20, 0)
    learn(poll, after, NOW + 20)
    assert policy.told == []
    learn(after, answered(after, running(), None, NOW + 50, 0), NOW + 50)
    assert policy.told == [(10, 60, False)]


def test_a_task_that_the_first_look_finds_over_tells_nothing() -> None:
    policy = Witness()
    poll = evolve(waiting(policy=STEADY), policy=policy)
    learn(poll, answered(poll, over(created_at=0, updated_at=30), 5000, NOW, 0), NOW)
    assert policy.told == []


def test_a_policy_that_does_not_learn_is_told_nothing() -> None:
    poll = begun(STEADY)
    learn(poll, answered(poll, over(), None, NOW + 20, 0), NOW + 20)


# What follows is about files.


def test_what_it_learned_can_be_saved_and_loaded(tmp_path: Path) -> None:
    path = tmp_path / "learned.json"
    policy = AdaptivePolicy(fallback=STILL)
    see(policy, *around(30, 20), model="a", resolution="720p", duration=5)
    see(policy, *around(300, 40), of=20, model="b")
    policy.save(path)
    policy.save(path)
    loaded = AdaptivePolicy.load(path, fallback=STILL)
    assert loaded.ends == 60
    for asked in (None, task(model="a", resolution="720p", duration=5), task(model="b")):
        assert looks(loaded, 500, asked) == pytest.approx(looks(policy, 500, asked), rel=0.01)
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_size < 20_000


def test_where_there_is_no_file_it_knows_nothing_yet(tmp_path: Path) -> None:
    assert AdaptivePolicy.load(tmp_path / "none.json").ends == 0
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "learned.json"
    knowing(*around(30, 20)).save(path)
    before = path.read_bytes()
    policy = AdaptivePolicy()

    def full(_policy: AdaptivePolicy) -> str:
        raise OSError("the disk is full")

    monkeypatch.setattr(AdaptivePolicy, "to_json", full)
    with pytest.raises(OSError, match="the disk is full"):
        policy.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def file(ends: object = 10, there: object = "[1]", ended: object = "[1]", of: str = "[]", version: object = 1) -> str:
    return f'{{"version": {version}, "kinds": [{{"of": {of}, "ends": {ends}, "there": {there}, "ended": {ended}}}]}}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Input data was truncated"),
        ("[]", "Expected `object`, got `array`"),
        ("{}", "missing required field `version`"),
        (file(version=2), "it is of version 2, and this release reads version 1"),
        ('{"version": 1}', "missing required field `kinds`"),
        (file(ends='"ten"'), r"Expected `int`, got `str` - at `\$.kinds\[0\].ends`"),
        (file(ends=-1), r"`int` >= 0 - at `\$.kinds\[0\].ends`"),
        (file(there="[1, -1]"), r"`float` >= 0.0 - at `\$.kinds\[0\].there\[1\]`"),
        (file(ended=[0.0] * 300), r"length <= 267 - at `\$.kinds\[0\].ended`"),
        (file(of="[1, 2, 3, 4]"), r"length <= 3 - at `\$.kinds\[0\].of`"),
        (file(ended="[0]"), r"10 tasks of the kind \[\] ended, and none of them at any age"),
        (file()[:-1] + ', "more": 1}', "unknown field `more`"),
    ],
)
def test_a_file_that_something_else_wrote_is_refused_with_the_place(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"not what AdaptivePolicy.to_json wrote: .*{said}"):
        AdaptivePolicy.from_json(text)
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"other\.json: not what"):
        AdaptivePolicy.load(path)


def test_the_smallest_file_is_taken() -> None:
    assert AdaptivePolicy.from_json(file()).ends == 10
    assert AdaptivePolicy.from_json(AdaptivePolicy().to_json().encode()).ends == 0
