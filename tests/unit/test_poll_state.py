"""The table of decisions in `_polling/state.py`, row by row, and its other promises, in virtual time."""

from __future__ import annotations

import math

import pytest

from meshapi_video import (
    APIError,
    AuthenticationError,
    CertificateError,
    ConnectionFailed,
    ConnectionTimeout,
    InvalidResponse,
    MeshVideoError,
    PollPolicy,
    RateLimitedError,
    ServerError,
    VideoTaskResponse,
    WaitStopped,
    WaitTimeout,
)
from meshapi_video._errors import proxy_refusal
from meshapi_video._polling import state as state_module
from meshapi_video._polling.state import (
    FINAL_POLL_TIMEOUT,
    GRACE,
    Decision,
    Done,
    GiveUp,
    PollState,
    SendPoll,
    Sleep,
    changed_task,
    decide,
    evolve,
    is_transient,
    new_task,
    poll_failed,
    poll_succeeded,
    result,
    start_get,
    stopped,
)
from meshapi_video._tasks import CreatedTask
from support.poll_states import FINISHED, NOW, UNIX_NOW, error_of, new_wait, rate_limited, task, task_with_expiry
from support.tables import rows_of

NOT_ENDED = ("queued", "running", "unknown status", "", "Succeeded")
ENDED = (FINISHED, task("failed"), task("expired"), task("cancelled"))
DOUBLING = PollPolicy(initial_delay=2.0, multiplier=1.0, max_delay=10.0, jitter=0.0)
REFUSED = AuthenticationError(status_code=401, message="no")
RESET = ConnectionFailed("reset")


def after_task(response: VideoTaskResponse, state: PollState | None = None) -> PollState:
    return poll_succeeded(state or new_wait(), response, None, NOW, 0)


def after_failure(error: MeshVideoError, state: PollState | None = None) -> PollState:
    return poll_failed(state or new_wait(), error, NOW, 0)


def at_the_deadline() -> PollState:
    return new_wait(timeout=0)


def each_state() -> tuple[PollState, ...]:
    """A wait before its deadline, a wait at its deadline, and a `get`."""
    return new_wait(), at_the_deadline(), start_get("t", 2, NOW)


TABLE: list[tuple[str, str, list[tuple[PollState, Decision | type[MeshVideoError]]]]] = [
    (
        "a task with a terminal status",
        "done",
        [(after_task(ended, state), Done(ended)) for ended in ENDED for state in each_state()],
    ),
    (
        "a task that succeeded without a usable video URL",
        "give up: `InvalidResponse`",
        [(after_task(task("succeeded"), state), InvalidResponse) for state in (new_wait(), at_the_deadline())],
    ),
    (
        "a task that has not ended, before the deadline",
        "poll again after the policy's delay",
        [(after_task(task(status)), Sleep(2.0)) for status in NOT_ENDED],
    ),
    (
        "a failure that may be temporary (`is_transient`)",
        (
            "poll again after the policy's delay, longer for each consecutive failure, and not before the "
            "server's `Retry-After`"
        ),
        [
            (after_failure(RESET), Sleep(2.0)),
            (after_failure(RESET, after_failure(RESET, new_wait(policy=DOUBLING))), Sleep(4.0)),
            *((after_failure(rate_limited(seconds)), Sleep(2.0)) for seconds in (None, 0, 1)),
            *((after_failure(rate_limited(seconds)), Sleep(seconds)) for seconds in (7, 60)),
            (after_failure(ServerError(status_code=503, message="", retry_after=7)), Sleep(7.0)),
        ],
    ),
    (
        "a permanent failure",
        "give up with it",
        [(after_failure(REFUSED, state), GiveUp(REFUSED)) for state in each_state()],
    ),
    (
        "a failure after the last allowed retry",
        "give up with it",
        [(after_failure(RESET, start_get("t", 0, NOW)), GiveUp(RESET))],
    ),
    (
        "a failure with a `Retry-After` past the deadline",
        "give up now: `WaitTimeout`",
        [
            (after_failure(rate_limited(61)), WaitTimeout),
            (after_failure(rate_limited(0.1), at_the_deadline()), WaitTimeout),
        ],
    ),
    (
        "a failure after hanging until the deadline",
        "one final poll",
        [
            (after_failure(RESET, evolve(new_wait(), next_poll_at=NOW - 60, deadline=NOW - late)), SendPoll(0.9))
            for late in (0, 0.0625)
        ],
    ),
    (
        "any other result, at the deadline or after it",
        "give up: `WaitTimeout`",
        [
            *((after_task(task(status), at_the_deadline()), WaitTimeout) for status in NOT_ENDED),
            *((after_failure(error, at_the_deadline()), WaitTimeout) for error in (RESET, rate_limited(0))),
            (poll_succeeded(new_wait(), task(), None, NOW + 61, 0), WaitTimeout),
            (after_failure(RESET, evolve(new_wait(), next_poll_at=NOW - 60, deadline=NOW - 0.2)), WaitTimeout),
        ],
    ),
]


@pytest.mark.parametrize("cases", [pytest.param(cases, id=event) for event, _, cases in TABLE])
def test_each_result_of_a_poll_leads_to_the_decision_in_the_table(
    cases: list[tuple[PollState, Decision | type[MeshVideoError]]],
) -> None:
    for state, expected in cases:
        decision = decide(state, NOW)
        if isinstance(expected, type):
            assert isinstance(decision, GiveUp)
            assert type(decision.error) is expected
        else:
            assert decision == expected


def test_the_table_is_the_one_in_the_docstring() -> None:
    assert [(event, decision) for event, decision, _ in TABLE] == rows_of(state_module.__doc__)


def test_after_the_delay_the_next_poll_has_the_time_until_the_deadline() -> None:
    assert decide(after_task(task()), NOW + 2) == SendPoll(58.0)


def test_the_first_poll_is_sent_at_once() -> None:
    assert decide(new_wait(), NOW) == SendPoll(60.0)


def test_a_status_that_goes_back_is_only_the_newest_response() -> None:
    state = poll_succeeded(after_task(task("running")), task("queued"), None, NOW + 2, 0)
    assert state.task == task("queued")
    assert decide(state, NOW + 2) == Sleep(2.0)


def test_the_error_for_a_success_without_a_video_names_the_place_of_the_address() -> None:
    error = error_of(after_task(task("succeeded")))
    assert isinstance(error, InvalidResponse)
    assert (error.path, error.task_id) == ("$.content.video_url", "t")


def test_a_response_ends_a_series_of_consecutive_failures() -> None:
    state = poll_succeeded(after_failure(RESET), task(), None, NOW + 2, 0)
    assert (state.error, state.consecutive_failures) == (None, 0)


def test_a_retry_after_past_the_deadline_ends_the_wait_now_and_the_error_states_it() -> None:
    error = error_of(after_failure(rate_limited(61)))
    assert isinstance(error, WaitTimeout)
    assert "the server sent Retry-After: 61 s, longer than the 60 s left of the timeout" in str(error)
    assert isinstance(error.last_error, RateLimitedError)
    assert decide(after_failure(rate_limited(60)), NOW) == Sleep(60.0)


def test_the_final_poll_is_sent_at_the_deadline_and_has_a_short_timeout() -> None:
    state = poll_succeeded(new_wait(timeout=5), task(), None, NOW + 4, 0)
    assert decide(state, NOW + 4) == Sleep(1.0)
    assert decide(state, NOW + 5) == SendPoll(FINAL_POLL_TIMEOUT)


def test_the_error_after_the_deadline_has_everything_that_is_known() -> None:
    state = after_task(task("queued"), new_wait(timeout=5))
    state = evolve(state, next_poll_at=state.deadline)
    error = error_of(poll_failed(state, RESET, NOW + 5, 0), NOW + 5)
    assert isinstance(error, WaitTimeout)
    assert isinstance(error, TimeoutError)
    assert (error.task_id, error.elapsed, error.polls) == ("t", 5.0, 2)
    assert error.last_task == task("queued")
    assert isinstance(error.last_error, ConnectionFailed)
    assert str(error) == (
        "task t: still queued after 5 s (2 polls); the last poll failed: reset. "
        "The task may still finish and has been paid for: wait again on the same id"
    )


def test_a_timeout_of_zero_allows_one_poll() -> None:
    assert decide(at_the_deadline(), NOW) == SendPoll(FINAL_POLL_TIMEOUT)
    error = error_of(after_failure(RESET, at_the_deadline()))
    assert "no status received after 0 s (1 poll)" in str(error)


def test_a_wait_with_an_infinite_timeout_never_gives_up() -> None:
    state = new_wait(timeout=math.inf)
    assert decide(state, NOW) == SendPoll(math.inf)
    assert decide(poll_succeeded(state, task(), None, NOW + 1e9, 0), NOW + 1e9) == Sleep(2.0)


def test_for_get_any_task_is_a_result() -> None:
    assert decide(after_task(task("queued"), start_get("t", 2, NOW)), NOW) == Done(task("queued"))


def test_get_retries_as_often_as_allowed_and_then_raises_the_failure() -> None:
    state = start_get("t", 2, NOW)
    for _ in range(2):
        state = after_failure(RESET, state)
        assert isinstance(decide(state, NOW), Sleep)
    last = ConnectionFailed("reset again")
    assert error_of(after_failure(last, state)) is last


def test_get_does_not_wait_for_a_long_retry_after() -> None:
    assert isinstance(decide(after_failure(rate_limited(8), start_get("t", 2, NOW)), NOW), Sleep)
    assert isinstance(error_of(after_failure(rate_limited(8.5), start_get("t", 2, NOW))), RateLimitedError)


@pytest.mark.parametrize("status", [302, 303, 307, 408, 425, 429, 500, 502, 503, 504, 520, 599])
def test_these_http_statuses_may_be_temporary(status: int) -> None:
    assert is_transient(APIError(status_code=status, message=""))


@pytest.mark.parametrize("status", [204, 301, 308, 400, 401, 402, 403, 404, 405, 409, 410, 418, 422])
def test_these_http_statuses_are_permanent(status: int) -> None:
    assert not is_transient(APIError(status_code=status, message=""))


def test_a_body_that_is_not_json_may_be_temporary_and_a_broken_contract_is_permanent() -> None:
    assert is_transient(InvalidResponse("html"))
    assert not is_transient(InvalidResponse("wrong type", path="$.status"))
    assert not is_transient(MeshVideoError("another error"))
    assert is_transient(ServerError(status_code=502, message=""))
    assert is_transient(ConnectionTimeout("no response"))


def test_the_delay_grows_with_the_age_that_the_server_states() -> None:
    policy = PollPolicy(initial_delay=2.0, multiplier=1.1, max_delay=60.0, jitter=0.0)
    states = [poll_succeeded(new_wait(math.inf, policy), task(), age, NOW, 0) for age in (0, 300, 1200)]
    delays = [decide(state, NOW) for state in states]
    assert [d.seconds for d in delays if isinstance(d, Sleep)] == pytest.approx([2, 32, 60])


def test_without_a_known_age_the_time_since_the_start_of_the_wait_is_used() -> None:
    state = new_wait(math.inf, PollPolicy(initial_delay=2.0, multiplier=1.1, max_delay=60.0, jitter=0.0))
    decision = decide(poll_succeeded(state, task(), None, NOW + 100, 0), NOW + 100)
    assert isinstance(decision, Sleep)
    assert decision.seconds == pytest.approx(12)


def test_a_task_is_never_younger_than_the_wait_for_it() -> None:
    state = poll_succeeded(new_wait(timeout=None), task(), 0, NOW + 500, 0)
    assert state.created_at == NOW


def test_consecutive_failures_double_the_delay_up_to_the_maximum_and_a_response_ends_that() -> None:
    state = new_wait(math.inf, DOUBLING)
    delays = list[float]()
    for _ in range(5):
        state = after_failure(RESET, state)
        delays.append(state.next_poll_at - NOW)
    delays.append(after_task(task(), state).next_poll_at - NOW)
    assert delays == [2, 4, 8, 10, 10, 2]


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
def test_a_wait_without_a_timeout_ends_after_the_tasks_expiry_and_a_grace_period(
    expires_after: int | None, age: float | None, left: float
) -> None:
    state = poll_succeeded(new_wait(timeout=None), task_with_expiry(expires_after), age, NOW, 0)
    assert state.deadline == NOW + left + GRACE
    assert isinstance(decide(state, NOW), Sleep)


def test_the_error_of_a_wait_without_a_timeout_says_that_the_task_should_have_expired() -> None:
    error = error_of(poll_succeeded(new_wait(timeout=None), task_with_expiry(3600), 3600 + GRACE, NOW, 0))
    assert isinstance(error, WaitTimeout)
    assert "the task should have expired by now" in str(error)


def test_an_expiry_that_moves_a_little_with_each_response_does_not_extend_the_wait_for_ever() -> None:
    state, now = new_wait(timeout=None), NOW
    while isinstance(decision := decide(state, now), SendPoll | Sleep):
        if isinstance(decision, Sleep):
            now += decision.seconds
        else:
            state = poll_succeeded(state, task_with_expiry(3600), 3600 + GRACE - 1, now, 0)
    assert state.polls == 2


def test_a_server_that_never_responds_is_not_polled_for_ever() -> None:
    assert new_wait(timeout=None).deadline == NOW + 172_800 + GRACE


def test_the_error_of_a_stopped_wait_has_everything_that_is_known() -> None:
    error = error_of(stopped(after_task(task("queued")), NOW + 1))
    assert isinstance(error, WaitStopped)
    assert not isinstance(error, TimeoutError)
    assert str(error) == (
        "task t: the wait was stopped, still queued after 1 s (1 poll). "
        "The task may still finish and has been paid for: wait again on the same id"
    )


def test_only_the_task_of_the_poll_between_two_states_is_new() -> None:
    first = after_task(task("queued"))
    assert new_task(new_wait(), first) == task("queued")
    assert new_task(first, first) is None
    assert new_task(first, after_failure(RESET, first)) is None
    assert new_task(first, stopped(first, NOW)) is None


def test_only_the_first_response_and_each_different_response_is_a_change() -> None:
    first = after_task(task("queued"))
    assert changed_task(new_wait(), first) == task("queued")
    assert changed_task(first, after_task(task("queued"), first)) is None
    assert changed_task(first, after_task(task("running"), first)) == task("running")
    assert changed_task(first, after_failure(RESET, first)) is None
    assert changed_task(first, after_task(FINISHED, first)) == FINISHED
    # The error reports this response.
    assert changed_task(first, after_task(task("succeeded"), first)) is None
    late = poll_succeeded(first, task("running"), None, NOW + 61, 0)
    assert new_task(first, late) == task("running")
    assert changed_task(first, late) == task("running")


def test_a_wait_that_has_not_ended_has_no_result() -> None:
    with pytest.raises(ValueError, match="task t has not ended"):
        result(new_wait())


def test_get_retries_soon_even_after_a_poll_that_stalled() -> None:
    state = poll_failed(start_get("t", 2, NOW), ConnectionFailed("stalled"), NOW + 30, 0)
    assert decide(state, NOW + 30) == Sleep(0.5)


def test_a_wait_for_a_created_task_began_with_the_create() -> None:
    created = CreatedTask(id="t", request_id="r", created=UNIX_NOW - 5)
    state = new_wait(task=created)
    assert state.task_id == "t"
    assert state.started == NOW - 5


def test_a_certificate_ends_a_wait_unless_a_poll_has_succeeded() -> None:
    refused = CertificateError("expired")
    assert error_of(after_failure(refused)) is refused
    assert error_of(after_failure(refused, after_failure(RESET))) is refused
    assert after_failure(refused, after_task(task())).end is None


def test_the_refusal_of_a_proxy_may_pass_during_a_wait_and_ends_a_get() -> None:
    refused = proxy_refusal("407")
    assert not is_transient(refused)
    assert after_failure(refused).end is None
    assert error_of(after_failure(refused, start_get("t", 2, NOW))) is refused
