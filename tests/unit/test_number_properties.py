"""Properties of the arithmetic with the server's numbers: for any number, header and date, nothing raises."""

from __future__ import annotations

import math
import sys

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshapi_video import AdaptivePolicy, PollPolicy, VideoTaskResponse
from meshapi_video._polling.adaptive import learn
from meshapi_video._polling.state import PollState, decide, evolve, poll_failed, poll_succeeded
from meshapi_video._tasks import LONGEST_LIFE
from meshapi_video._transport.http_date import parse_http_date
from meshapi_video._transport.retry_after import age_of, retry_after
from support.poll_states import NOW, new_wait, rate_limited

FAST = settings(derandomize=True, deadline=None, max_examples=200)
# Small, large, and of more digits than a float has.
INTEGERS = st.integers() | st.integers(-(2**70), 2**70) | st.integers(300, 4000).map(lambda n: (-1) ** n * 10**n)
NUMBERS = INTEGERS | st.floats() | st.none()
NEAR_DATES = st.sampled_from(
    ["Mon, 23 Nov 2026 10:00:00 GMT", "Mon, 01 Jan 0001 00:00:00 +2359", "Fri, 31 Dec 9999 23:59:59 -2359"]
)
DATES = NEAR_DATES | st.text(max_size=40) | st.builds("Mon, {} Nov {} {}:00:00 {}".format, *[INTEGERS.map(str)] * 4)


def task_with(created_at: object, updated_at: object, expires: object, status: str) -> VideoTaskResponse:
    fields = {"created_at": created_at, "updated_at": updated_at, "execution_expires_after": expires}
    content = {"video_url": "https://cdn.example/v.mp4"}
    return VideoTaskResponse.from_dict({"id": "t", "status": status, "content": content, **fields})


@FAST
@given(INTEGERS, INTEGERS | st.none(), DATES | st.none(), st.sampled_from(["running", "succeeded"]))
def test_the_age_of_a_task_is_within_its_longest_life_or_unknown(
    created_at: int, updated_at: int | None, date: str | None, status: str
) -> None:
    age = age_of(task_with(created_at, updated_at, None, status), date)
    assert age is None or 0 <= age <= LONGEST_LIFE


@FAST
@given(DATES)
def test_any_text_is_a_date_or_none(text: str) -> None:
    parsed = parse_http_date(text)
    assert parsed is None or math.isfinite(parsed)


@FAST
@given(st.text(max_size=20) | INTEGERS.map(str) | DATES, DATES, NUMBERS | st.text(max_size=9))
def test_retry_after_is_within_the_longest_life_or_unknown(stated: str, date: str, in_body: object) -> None:
    headers = httpx.Headers([("retry-after", stated), ("retry-after-ms", stated), ("date", date)], encoding="utf-8")
    seconds = retry_after(headers, in_body)
    assert seconds is None or 0 <= seconds <= LONGEST_LIFE


@FAST
@given(st.lists(st.tuples(INTEGERS, INTEGERS | st.none(), INTEGERS | st.none(), NEAR_DATES), min_size=1, max_size=5))
def test_polling_and_learning_accept_any_integers(
    responses: list[tuple[int, int | None, int | None, str]],
) -> None:
    policy = AdaptivePolicy()
    for timeout in (60.0, None):
        state: PollState = new_wait(timeout)
        now = NOW
        for number, (created_at, updated_at, expires, date) in enumerate(responses):
            if state.end is not None:
                break
            now = max(state.next_poll_at, now)
            status = "succeeded" if number == len(responses) - 1 else "running"
            task = task_with(created_at, updated_at, expires, status)
            after = poll_succeeded(state, task, age_of(task, date), now, 0.5)
            learn(_with_policy(state, policy), _with_policy(after, policy), now)
            decide(after, now)
            state = after
        assert state.token.to_json()
    assert AdaptivePolicy.from_json(policy.to_json()).completed == policy.completed


def _with_policy(state: PollState, policy: AdaptivePolicy) -> PollState:
    return evolve(state, policy=policy)


@FAST
@given(st.none() | st.floats(0, LONGEST_LIFE))
def test_any_retry_after_that_the_headers_give_is_accepted(seconds: float | None) -> None:
    state = poll_failed(new_wait(), rate_limited(seconds), NOW, 0.5)
    assert state.end is not None or state.next_poll_at >= NOW


@pytest.mark.parametrize("number", [10**400, math.inf, math.nan], ids=["401 digits", "inf", "nan"])
def test_a_number_of_the_caller_that_no_float_can_hold_is_refused_at_once(number: float) -> None:
    with pytest.raises(ValueError, match="lag_weight should be a finite number"):
        AdaptivePolicy(lag_weight=number)
    with pytest.raises(ValueError, match="multiplier should be a finite number"):
        PollPolicy(multiplier=number)
    assert PollPolicy(multiplier=sys.float_info.max).delay(1e9, 0.5) == pytest.approx(9.5)
