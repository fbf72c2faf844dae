"""What one step of a wait says: over or not, with which result, and when the next step is due."""

from __future__ import annotations

from meshapi_video import AuthenticationError, ConnectionFailed, TaskFailed, WaitStep
from meshapi_video._polling.results import step_of
from meshapi_video._polling.state import PollState, poll_failed, poll_succeeded
from support.poll_states import FINISHED, NOW, new_wait, task

RESET = ConnectionFailed("reset")


def step(after: PollState, now: float = NOW) -> WaitStep:
    return step_of(new_wait(), after, now)


def test_a_step_to_a_task_that_has_not_ended_says_when_the_next_one_is_due() -> None:
    after = poll_succeeded(new_wait(), task("running"), None, NOW, 0)
    assert step(after, NOW + 0.5) == WaitStep(
        task=after.task, video=None, error=None, last_error=None, over=False, token=after.token, delay=1.5
    )
    assert step(after, NOW + 3).delay == 0


def test_a_step_whose_poll_failed_has_the_error_of_the_poll_and_no_task() -> None:
    before = poll_succeeded(new_wait(), task("running"), None, NOW, 0)
    failed = step_of(before, poll_failed(before, RESET, NOW, 0), NOW)
    assert (failed.over, failed.task, failed.error, failed.last_error) == (False, None, None, RESET)


def test_a_step_without_a_poll_has_no_task_of_an_earlier_one() -> None:
    state = poll_succeeded(new_wait(), task("running"), None, NOW, 0)
    assert step_of(state, state, NOW).task is None


def test_the_last_step_has_the_video() -> None:
    after = poll_succeeded(new_wait(), FINISHED, None, NOW, 0)
    last = step(after)
    assert last.video is not None
    assert last == WaitStep(
        task=FINISHED, video=last.video, error=None, last_error=None, over=True, token=after.token, delay=0.0
    )


def test_the_last_step_to_a_task_without_a_video_has_its_error_and_nothing_is_due() -> None:
    last = step(poll_succeeded(new_wait(), task("failed"), None, NOW, 0), NOW - 1)
    assert last.over
    assert isinstance(last.error, TaskFailed)
    assert (last.video, last.last_error, last.delay) == (None, None, 0)


def test_the_last_step_after_a_refusal_has_it_as_the_error_of_the_wait_only() -> None:
    refused = AuthenticationError(status_code=401, message="no")
    last = step(poll_failed(new_wait(), refused, NOW, 0))
    assert (last.over, last.error, last.last_error) == (True, refused, None)
