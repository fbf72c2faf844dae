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
    VideoTaskContent,
    VideoTaskResponse,
    WaitStopped,
    WaitTimeout,
    WaitToken,
)
from meshapi_video._polling import (
    GRACE,
    LAST_LOOK,
    Done,
    GiveUp,
    Look,
    Poll,
    Sleep,
    answered,
    check_seconds,
    conclude,
    deadline_after,
    decide,
    get,
    is_transient,
    missed,
    stopped,
    wait,
)

NOW = 1000.0
UNIX = 1_800_000_000.0
STEADY = PollPolicy(initial_delay=2.0, growth=1.0, max_delay=2.0, jitter=0.0)


def task(status: str = "running", task_id: str = "t") -> VideoTaskResponse:
    return VideoTaskResponse(id=task_id, status=status)


def waiting(timeout: float | None = 60.0, policy: PollPolicy = STEADY) -> Poll:
    return wait("t", policy, deadline_after(timeout, NOW), NOW, UNIX)


def too_many(retry_after: float | None) -> RateLimitedError:
    return RateLimitedError(status_code=429, message="slow down", retry_after=retry_after)


def error_of(poll: Poll, now: float = NOW) -> MeshVideoError:
    decision = decide(poll, now)
    assert isinstance(decision, GiveUp)
    return decision.error


def test_the_first_look_is_at_once() -> None:
    assert decide(waiting(), NOW) == Look(60.0)


@pytest.mark.parametrize("status", ["failed", "expired", "cancelled"])
def test_a_task_that_is_over_ends_the_wait(status: str) -> None:
    poll = answered(waiting(), task(status), None, NOW + 1, 0)
    assert decide(poll, NOW + 1) == Done(task(status))


def test_a_task_that_succeeded_ends_the_wait_if_its_video_has_an_address() -> None:
    content = VideoTaskContent(video_url="https://cdn.example/v.mp4")
    finished = VideoTaskResponse(id="t", status="succeeded", content=content)
    assert decide(answered(waiting(), finished, None, NOW + 1, 0), NOW + 1) == Done(finished)
    error = error_of(answered(waiting(), task("succeeded"), None, NOW + 1, 0))
    assert isinstance(error, InvalidResponse)
    assert error.path == "$.content.video_url"


@pytest.mark.parametrize("status", ["queued", "running", "never heard of", "", "Succeeded"])
def test_a_task_that_is_not_over_is_looked_at_again_after_the_delay(status: str) -> None:
    poll = answered(waiting(), task(status), None, NOW + 1, 0)
    assert decide(poll, NOW + 1) == Sleep(2.0)
    assert decide(poll, NOW + 3) == Look(57.0)


def test_a_status_that_goes_backwards_is_simply_the_newest_answer() -> None:
    poll = answered(answered(waiting(), task("running"), None, NOW, 0), task("queued"), None, NOW + 2, 0)
    assert poll.task == task("queued")
    assert decide(poll, NOW + 2) == Sleep(2.0)


def test_an_answer_about_another_task_ends_the_wait() -> None:
    error = error_of(answered(waiting(), task("succeeded", "other"), None, NOW, 0))
    assert isinstance(error, InvalidResponse)
    assert (error.path, error.task_id) == ("$.id", "t")
    assert "'other'" in str(error)


def test_a_miss_that_may_pass_is_ridden_through() -> None:
    poll = missed(waiting(), ConnectionFailed("reset"), NOW, 0)
    assert decide(poll, NOW) == Sleep(2.0)
    assert answered(poll, task(), None, NOW + 2, 0).error is None


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
    poll = answered(waiting(timeout=5), task(), None, NOW + 4, 0)
    assert decide(poll, NOW + 4) == Sleep(1.0)
    assert decide(poll, NOW + 5) == Look(LAST_LOOK)


def test_after_the_deadline_the_wait_ends_with_all_that_is_known() -> None:
    poll = answered(waiting(timeout=5), task("queued"), None, NOW, 0)
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
    assert decide(answered(poll, task(), None, NOW + 1e9, 0), NOW + 1e9) == Sleep(2.0)


def test_get_takes_any_task_for_an_answer() -> None:
    assert decide(answered(get("t", 2, NOW), task("queued"), None, NOW, 0), NOW) == Done(task("queued"))


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


def test_the_delay_grows_with_the_age_that_the_server_states() -> None:
    policy = PollPolicy(initial_delay=2.0, growth=1.1, max_delay=60.0, jitter=0.0)
    young = answered(waiting(math.inf, policy), task(), 0, NOW, 0)
    old = answered(waiting(math.inf, policy), task(), 300, NOW, 0)
    older = answered(waiting(math.inf, policy), task(), 1200, NOW, 0)
    delays = [decide(poll, NOW) for poll in (young, old, older)]
    assert [d.seconds for d in delays if isinstance(d, Sleep)] == pytest.approx([2, 32, 60])


def test_where_no_age_is_known_the_time_waited_stands_for_it() -> None:
    poll = waiting(math.inf, PollPolicy(initial_delay=2.0, growth=1.1, max_delay=60.0, jitter=0.0))
    decision = decide(answered(poll, task(), None, NOW + 100, 0), NOW + 100)
    assert isinstance(decision, Sleep)
    assert decision.seconds == pytest.approx(12)


def test_a_task_is_never_younger_than_the_wait_for_it() -> None:
    poll = answered(waiting(timeout=None), task(), 0, NOW + 500, 0)
    assert poll.born == NOW


def test_misses_in_a_row_double_the_delay_up_to_the_maximum_and_an_answer_ends_that() -> None:
    poll = waiting(math.inf, PollPolicy(initial_delay=2.0, growth=1.0, max_delay=10.0, jitter=0.0))
    sleeps = list[float]()
    for _ in range(5):
        poll = missed(poll, ConnectionFailed("reset"), NOW, 0)
        sleeps.append(poll.due - NOW)
    sleeps.append(answered(poll, task(), None, NOW, 0).due - NOW)
    assert sleeps == [2, 4, 8, 10, 10, 2]


def test_ten_thousand_misses_in_a_row_overflow_nothing() -> None:
    assert PollPolicy().delay(1e9, 0, misses=10_000) == 15


def with_expiry(seconds: object) -> VideoTaskResponse:
    return VideoTaskResponse.from_dict({"id": "t", "status": "running", "execution_expires_after": seconds})


@pytest.mark.parametrize(
    ("expires_after", "age", "left"),
    [
        (3600, 600, 3000),
        (3600, None, 3600),
        (None, 600, 172_800 - 600),
        (0, 600, 172_800 - 600),
        (10**9, 600, 172_800 - 600),
    ],
)
def test_without_a_timeout_a_wait_lasts_as_long_as_the_task_may_and_a_grace(
    expires_after: int | None, age: float | None, left: float
) -> None:
    poll = answered(waiting(timeout=None), with_expiry(expires_after), age, NOW, 0)
    assert poll.deadline == NOW + left + GRACE
    assert isinstance(decide(poll, NOW), Sleep)


def test_without_a_timeout_the_end_says_that_the_task_should_have_expired() -> None:
    error = error_of(answered(waiting(timeout=None), with_expiry(3600), 3600 + GRACE, NOW, 0))
    assert isinstance(error, WaitTimeout)
    assert "it should have expired by now" in str(error)


def test_a_server_that_never_answers_is_not_asked_for_ever() -> None:
    poll = waiting(timeout=None)
    assert poll.deadline == NOW + 172_800 + GRACE


def resumed(token: WaitToken, timeout: float | None = 60.0) -> Poll:
    return wait(token, STEADY, deadline_after(timeout, NOW), NOW, UNIX)


def test_a_token_takes_a_wait_up_where_it_was() -> None:
    poll = resumed(WaitToken(task_id="t", started=UNIX - 50, looks=7, not_before=UNIX + 3))
    assert decide(poll, NOW) == Sleep(3)
    assert decide(poll, NOW + 3) == Look(57)
    error = error_of(missed(poll, ConnectionFailed("reset"), NOW + 60, 0))
    assert isinstance(error, WaitTimeout)
    assert (error.polls, error.elapsed) == (8, 110)
    assert error.token == WaitToken(task_id="t", started=UNIX - 50, looks=8, not_before=UNIX + 60)


def test_a_token_from_a_clock_that_is_ahead_is_no_wait_from_the_future() -> None:
    assert resumed(WaitToken(task_id="t", started=UNIX + 99, looks=0, not_before=0)).started == NOW


def test_a_token_that_may_not_be_asked_for_before_the_deadline_ends_the_wait_now() -> None:
    token = WaitToken(task_id="t", started=UNIX, looks=1, not_before=UNIX + 61)
    error = error_of(resumed(token))
    assert isinstance(error, WaitTimeout)
    assert "61 s of silence" in str(error)
    assert error.token == token


def test_a_token_keeps_the_silence_that_the_server_asked_for() -> None:
    error = error_of(missed(waiting(timeout=60), too_many(3600), NOW, 0))
    assert isinstance(error, WaitTimeout)
    assert error.token.not_before == UNIX + 3600


def test_a_wait_that_is_stopped_says_so_with_all_that_is_known() -> None:
    error = error_of(stopped(answered(waiting(), task("queued"), None, NOW, 0), NOW + 1))
    assert isinstance(error, WaitStopped)
    assert not isinstance(error, TimeoutError)
    assert str(error) == (
        "task t: not waited for any longer after 1.0 s and 1 look, last seen queued. "
        "It may still finish and is paid for: wait again on the same id"
    )


def test_an_answer_of_a_wait_that_has_not_ended_is_not_to_be_had() -> None:
    with pytest.raises(ValueError, match="task t has not ended"):
        conclude(waiting())


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


@pytest.mark.parametrize("wrong", [-1, -0.1, math.nan, True, False, 1.1e9, 10**400, "5"])
def test_a_time_that_is_none_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="timeout should be a number of seconds"):
        check_seconds("timeout", wrong)
    with pytest.raises(ValueError, match="timeout"):
        waiting(timeout=wrong)
