"""The table of decisions in `_polling`, row by row, and what else it promises, in virtual time."""

from __future__ import annotations

import math

import pytest
from attrs import evolve

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
    WaitStopped,
    WaitTimeout,
    _polling,
)
from meshapi_video._polling import (
    GRACE,
    LAST_LOOK,
    Decision,
    Done,
    GiveUp,
    Look,
    Poll,
    Sleep,
    answered,
    brought,
    conclude,
    decide,
    get,
    is_transient,
    missed,
    stopped,
)
from support.polls import FINISHED, NOW, error_of, task, too_many, waiting, with_expiry
from support.tables import rows_of

NOT_OVER = ("queued", "running", "never heard of", "", "Succeeded")
DOUBLING = PollPolicy(initial_delay=2.0, growth=1.0, max_delay=10.0, jitter=0.0)
REFUSED = AuthenticationError(status_code=401, message="no")
RESET = ConnectionFailed("reset")


def seen(answer: VideoTaskResponse, poll: Poll | None = None) -> Poll:
    return answered(poll or waiting(), answer, None, NOW, 0)


def miss(error: MeshVideoError, poll: Poll | None = None) -> Poll:
    return missed(poll or waiting(), error, NOW, 0)


def at_the_deadline() -> Poll:
    return waiting(timeout=0)


def everyone() -> tuple[Poll, ...]:
    """One with time left, one without, and a `get`."""
    return waiting(), at_the_deadline(), get("t", 2, NOW)


OVER = (FINISHED, task("failed"), task("expired"), task("cancelled"))
TABLE: list[tuple[str, str, list[tuple[Poll, Decision | type[MeshVideoError]]]]] = [
    (
        "an answer about another task",
        "give up: `InvalidResponse`",
        [
            (seen(task(status, "other"), poll), InvalidResponse)
            for status in ("queued", "failed")
            for poll in everyone()
        ],
    ),
    ("a task that is over", "done", [(seen(over, poll), Done(over)) for over in OVER for poll in everyone()]),
    (
        "one that succeeded, and no usable video address",
        "give up: `InvalidResponse`",
        [(seen(task("succeeded"), poll), InvalidResponse) for poll in (waiting(), at_the_deadline())],
    ),
    (
        "a task that is not over, before the deadline",
        "look again after the policy's delay",
        [(seen(task(status)), Sleep(2.0)) for status in NOT_OVER],
    ),
    (
        "a miss that may pass (`is_transient`)",
        "look again after the policy's delay, longer for each miss in a row, and no earlier than the server allows",
        [
            (miss(RESET), Sleep(2.0)),
            (miss(RESET, miss(RESET, waiting(policy=DOUBLING))), Sleep(4.0)),
            *((miss(too_many(seconds)), Sleep(2.0)) for seconds in (None, 0, 1)),
            *((miss(too_many(seconds)), Sleep(seconds)) for seconds in (7, 60)),
            (miss(UpstreamError(status_code=503, message="", retry_after=7)), Sleep(7.0)),
        ],
    ),
    ("a miss that will not pass", "give up with it", [(miss(REFUSED, poll), GiveUp(REFUSED)) for poll in everyone()]),
    ("a miss beyond the misses allowed", "give up with it", [(miss(RESET, get("t", 0, NOW)), GiveUp(RESET))]),
    (
        "a miss, and silence asked for past the deadline",
        "give up now: `WaitTimeout`",
        [(miss(too_many(61)), WaitTimeout), (miss(too_many(0.1), at_the_deadline()), WaitTimeout)],
    ),
    (
        "a miss that hung until the deadline",
        "one last look",
        [
            (missed(evolve(waiting(), due=NOW - 60, deadline=NOW - late), RESET, NOW, 0), Look(0.9))
            for late in (0, 0.0625)
        ],
    ),
    (
        "anything else, at the deadline or after it",
        "give up: `WaitTimeout`",
        [
            *((seen(task(status), at_the_deadline()), WaitTimeout) for status in NOT_OVER),
            *((miss(error, at_the_deadline()), WaitTimeout) for error in (RESET, too_many(0))),
            (answered(waiting(), task(), None, NOW + 61, 0), WaitTimeout),
            (missed(evolve(waiting(), due=NOW - 60, deadline=NOW - 0.2), RESET, NOW, 0), WaitTimeout),
        ],
    ),
]


@pytest.mark.parametrize("cases", [pytest.param(cases, id=brought) for brought, _, cases in TABLE])
def test_what_follows_a_look_is_what_the_table_says(cases: list[tuple[Poll, Decision | type[MeshVideoError]]]) -> None:
    for poll, follows in cases:
        decision = decide(poll, NOW)
        if isinstance(follows, type):
            assert isinstance(decision, GiveUp)
            assert type(decision.error) is follows
        else:
            assert decision == follows


def test_the_table_is_that_of_the_docstring() -> None:
    assert [(brought, follows) for brought, follows, _ in TABLE] == rows_of(_polling.__doc__)


def test_once_the_delay_has_passed_the_next_look_has_the_time_to_the_deadline() -> None:
    assert decide(seen(task()), NOW + 2) == Look(58.0)


def test_the_first_look_is_at_once() -> None:
    assert decide(waiting(), NOW) == Look(60.0)


def test_a_status_that_goes_backwards_is_simply_the_newest_answer() -> None:
    poll = answered(answered(waiting(), task("running"), None, NOW, 0), task("queued"), None, NOW + 2, 0)
    assert poll.task == task("queued")
    assert decide(poll, NOW + 2) == Sleep(2.0)


def test_an_answer_about_another_task_says_which_and_where() -> None:
    error = error_of(answered(waiting(), task("succeeded", "other"), None, NOW, 0))
    assert isinstance(error, InvalidResponse)
    assert (error.path, error.task_id) == ("$.id", "t")
    assert "'other'" in str(error)


def test_a_success_without_a_video_says_where_its_address_should_be() -> None:
    error = error_of(answered(waiting(), task("succeeded"), None, NOW, 0))
    assert isinstance(error, InvalidResponse)
    assert (error.path, error.task_id) == ("$.content.video_url", "t")


def test_an_answer_ends_a_row_of_misses() -> None:
    poll = missed(waiting(), ConnectionFailed("reset"), NOW, 0)
    answer = answered(poll, task(), None, NOW + 2, 0)
    assert (answer.error, answer.misses) == (None, 0)


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
    poll = evolve(poll, due=poll.deadline)
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


def test_an_expiry_that_is_always_a_moment_ahead_is_not_run_after() -> None:
    poll, now = waiting(timeout=None), NOW
    while isinstance(decision := decide(poll, now), Look | Sleep):
        if isinstance(decision, Sleep):
            now += decision.seconds
        else:
            poll = answered(poll, with_expiry(3600), 3600 + GRACE - 1, now, 0)
    assert poll.looks == 2


def test_a_server_that_never_answers_is_not_asked_for_ever() -> None:
    poll = waiting(timeout=None)
    assert poll.deadline == NOW + 172_800 + GRACE


def test_a_wait_that_is_stopped_says_so_with_all_that_is_known() -> None:
    error = error_of(stopped(answered(waiting(), task("queued"), None, NOW, 0), NOW + 1))
    assert isinstance(error, WaitStopped)
    assert not isinstance(error, TimeoutError)
    assert str(error) == (
        "task t: not waited for any longer after 1.0 s and 1 look, last seen queued. "
        "It may still finish and is paid for: wait again on the same id"
    )


def test_only_the_task_of_the_look_between_two_states_is_news() -> None:
    first = seen(task("queued"))
    assert brought(waiting(), first) == task("queued")
    assert brought(first, first) is None
    assert brought(first, miss(RESET, first)) is None
    assert brought(first, stopped(first, NOW)) is None


def test_an_answer_of_a_wait_that_has_not_ended_is_not_to_be_had() -> None:
    with pytest.raises(ValueError, match="task t has not ended"):
        conclude(waiting())


def test_get_asks_again_soon_even_after_a_look_that_stalled() -> None:
    assert decide(missed(get("t", 2, NOW), ConnectionFailed("stalled"), NOW + 30, 0), NOW + 30) == Sleep(0.5)
