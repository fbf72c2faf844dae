"""The table of decisions in `_polling`, row by row, in virtual time."""

from __future__ import annotations

import math

import pytest

from meshapi_video import (
    APIError,
    AuthenticationError,
    ConnectionFailed,
    InvalidResponse,
    MeshVideoError,
    PollPolicy,
    RateLimitedError,
    UpstreamError,
    VideoTaskResponse,
    WaitTimeout,
)
from meshapi_video._polling import (
    LAST_LOOK,
    Done,
    GiveUp,
    Look,
    Poll,
    Sleep,
    answered,
    check_seconds,
    decide,
    get,
    is_transient,
    missed,
    wait,
)

NOW = 1000.0
STEADY = PollPolicy(initial_delay=2.0, growth=1.0, max_delay=2.0, jitter=0.0)


def task(status: str = "running", task_id: str = "t") -> VideoTaskResponse:
    return VideoTaskResponse(id=task_id, status=status)


def waiting(timeout: float = 60.0, policy: PollPolicy = STEADY) -> Poll:
    return wait("t", policy, timeout, NOW)


def too_many(retry_after: float | None) -> RateLimitedError:
    return RateLimitedError(status_code=429, message="slow down", retry_after=retry_after)


def error_of(poll: Poll, now: float = NOW) -> MeshVideoError:
    decision = decide(poll, now)
    assert isinstance(decision, GiveUp)
    return decision.error


def test_the_first_look_is_at_once() -> None:
    assert decide(waiting(), NOW) == Look(60.0)


@pytest.mark.parametrize("status", ["succeeded", "failed", "expired", "cancelled"])
def test_a_task_that_is_over_ends_the_wait(status: str) -> None:
    poll = answered(waiting(), task(status), NOW + 1, 0)
    assert decide(poll, NOW + 1) == Done(task(status))


@pytest.mark.parametrize("status", ["queued", "running", "never heard of", "", "Succeeded"])
def test_a_task_that_is_not_over_is_looked_at_again_after_the_delay(status: str) -> None:
    poll = answered(waiting(), task(status), NOW + 1, 0)
    assert decide(poll, NOW + 1) == Sleep(2.0)
    assert decide(poll, NOW + 3) == Look(57.0)


def test_a_status_that_goes_backwards_is_simply_the_newest_answer() -> None:
    poll = answered(answered(waiting(), task("running"), NOW, 0), task("queued"), NOW + 2, 0)
    assert poll.task == task("queued")
    assert decide(poll, NOW + 2) == Sleep(2.0)


def test_an_answer_about_another_task_ends_the_wait() -> None:
    error = error_of(answered(waiting(), task("succeeded", "other"), NOW, 0))
    assert isinstance(error, InvalidResponse)
    assert (error.path, error.task_id) == ("$.id", "t")
    assert "'other'" in str(error)


def test_a_miss_that_may_pass_is_ridden_through() -> None:
    poll = missed(waiting(), ConnectionFailed("reset"), NOW, 0)
    assert decide(poll, NOW) == Sleep(2.0)
    assert answered(poll, task(), NOW + 2, 0).error is None


def test_a_miss_that_will_not_pass_ends_the_wait_with_it() -> None:
    refused = AuthenticationError(status_code=401, message="no")
    assert error_of(missed(waiting(), refused, NOW, 0)) is refused


def test_the_server_is_not_asked_earlier_than_it_allows() -> None:
    assert decide(missed(waiting(), too_many(7), NOW, 0), NOW) == Sleep(7.0)
    assert decide(missed(waiting(), too_many(1), NOW, 0), NOW) == Sleep(2.0)
    assert decide(missed(waiting(), too_many(None), NOW, 0), NOW) == Sleep(2.0)


def test_silence_asked_for_beyond_the_deadline_ends_the_wait_now_and_says_so() -> None:
    error = error_of(missed(waiting(timeout=60), too_many(61), NOW, 0))
    assert isinstance(error, WaitTimeout)
    assert "61 s of silence" in str(error)
    assert isinstance(error.last_error, RateLimitedError)
    assert decide(missed(waiting(timeout=60), too_many(60), NOW, 0), NOW) == Sleep(60.0)


def test_the_last_look_is_at_the_deadline_and_has_a_moment_to_take() -> None:
    poll = answered(waiting(timeout=5), task(), NOW + 4, 0)
    assert decide(poll, NOW + 4) == Sleep(1.0)
    assert decide(poll, NOW + 5) == Look(LAST_LOOK)


def test_after_the_deadline_the_wait_ends_with_all_that_is_known() -> None:
    poll = answered(waiting(timeout=5), task("queued"), NOW, 0)
    error = error_of(missed(poll, ConnectionFailed("reset"), NOW + 5, 0), NOW + 5)
    assert isinstance(error, WaitTimeout)
    assert isinstance(error, TimeoutError)
    assert (error.task_id, error.elapsed, error.polls) == ("t", 5.0, 2)
    assert error.last_task == task("queued")
    assert isinstance(error.last_error, ConnectionFailed)
    assert str(error) == (
        "task t: not over after 5.0 s and 2 looks, last seen queued; the last look missed (reset). "
        "It may still finish and is paid for: wait again on the same id"
    )


def test_a_timeout_of_zero_is_one_look() -> None:
    poll = waiting(timeout=0)
    assert decide(poll, NOW) == Look(LAST_LOOK)
    error = error_of(missed(poll, ConnectionFailed("refused"), NOW, 0))
    assert "1 look, never seen" in str(error)


def test_a_wait_without_end_never_gives_up() -> None:
    poll = waiting(timeout=math.inf)
    assert decide(poll, NOW) == Look(math.inf)
    assert decide(answered(poll, task(), NOW + 1e9, 0), NOW + 1e9) == Sleep(2.0)


def test_get_takes_any_task_for_an_answer() -> None:
    assert decide(answered(get("t", 2, NOW), task("queued"), NOW, 0), NOW) == Done(task("queued"))


def test_get_rides_through_as_many_misses_as_allowed_and_then_raises_the_miss() -> None:
    poll = get("t", 2, NOW)
    for _ in range(2):
        poll = missed(poll, ConnectionFailed("reset"), NOW, 0)
        assert isinstance(decide(poll, NOW), Sleep)
    last = ConnectionFailed("reset again")
    assert error_of(missed(poll, last, NOW, 0)) is last


def test_get_does_not_sit_out_a_long_silence() -> None:
    assert isinstance(decide(missed(get("t", 2, NOW), too_many(8), NOW, 0), NOW), Sleep)
    assert isinstance(error_of(missed(get("t", 2, NOW), too_many(8.5), NOW, 0)), RateLimitedError)


@pytest.mark.parametrize("status", [302, 303, 307, 408, 425, 429, 500, 502, 503, 504, 520, 599])
def test_a_server_in_trouble_may_recover(status: int) -> None:
    assert is_transient(APIError(status_code=status, message=""))


@pytest.mark.parametrize("status", [204, 301, 308, 400, 401, 402, 403, 404, 405, 409, 410, 418, 422])
def test_a_refusal_will_not_pass(status: int) -> None:
    assert not is_transient(APIError(status_code=status, message=""))


def test_a_page_that_is_no_json_may_pass_and_a_broken_contract_will_not() -> None:
    assert is_transient(InvalidResponse("html"))
    assert not is_transient(InvalidResponse("wrong type", path="$.status"))
    assert not is_transient(MeshVideoError("something else"))
    assert is_transient(UpstreamError(status_code=502, message=""))


def test_delays_grow_geometrically_up_to_the_maximum() -> None:
    policy = PollPolicy(initial_delay=1.0, growth=2.0, max_delay=10.0, jitter=0.0)
    paused, delays = 0.0, list[float]()
    for _ in range(6):
        delays.append(policy.delay(paused, chance=0.5))
        paused += delays[-1]
    assert delays == [1, 2, 4, 8, 10, 10]


def test_slow_looks_and_silence_asked_for_let_no_delay_grow() -> None:
    poll = waiting(timeout=math.inf, policy=PollPolicy(initial_delay=1.0, growth=2.0, max_delay=60.0, jitter=0.0))
    poll = missed(poll, ConnectionFailed("stalled"), NOW + 30, 0)
    assert decide(poll, NOW + 30) == Sleep(1.0)
    poll = missed(poll, too_many(40), NOW + 31, 0)
    assert decide(poll, NOW + 31) == Sleep(40.0)
    poll = answered(poll, task(), NOW + 71, 0)
    assert decide(poll, NOW + 71) == Sleep(4.0)


def test_get_asks_again_soon_even_after_a_look_that_stalled() -> None:
    assert decide(missed(get("t", 2, NOW), ConnectionFailed("stalled"), NOW + 30, 0), NOW + 30) == Sleep(0.5)


def test_jitter_only_shortens_a_delay() -> None:
    policy = PollPolicy(initial_delay=10.0, growth=1.0, max_delay=10.0, jitter=0.3)
    assert [policy.delay(0, chance) for chance in (0.0, 0.5, 1.0)] == [10.0, 8.5, 7.0]


@pytest.mark.parametrize(
    "setting",
    [
        {"initial_delay": 0},
        {"initial_delay": -1},
        {"initial_delay": 20},
        {"initial_delay": math.nan},
        {"max_delay": math.inf},
        {"max_delay": 1e10},
        {"growth": 0.9},
        {"growth": math.nan},
        {"growth": math.inf},
        {"jitter": 1},
        {"jitter": -0.1},
    ],
)
def test_a_policy_that_would_hammer_or_hang_is_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        PollPolicy(**setting)


@pytest.mark.parametrize("wrong", [-1, -0.1, math.nan, True, False, 1.1e9, 10**400, "5", None])
def test_a_time_that_is_none_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="timeout should be a number of seconds"):
        check_seconds("timeout", wrong)
    with pytest.raises(ValueError, match="timeout"):
        waiting(timeout=wrong)
