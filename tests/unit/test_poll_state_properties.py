"""Invariants of every wait, for any response of the server and any lateness of the driver, in virtual time."""

from __future__ import annotations

import math
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meshapi_video import (
    APIError,
    ConnectionFailed,
    InvalidResponse,
    MeshVideoError,
    PollPolicy,
    VideoTaskResponse,
    WaitTimeout,
    WaitToken,
)
from meshapi_video._polling.state import (
    FINAL_POLL_TIMEOUT,
    GRACE,
    Done,
    GiveUp,
    SendPoll,
    Sleep,
    decide,
    poll_failed,
    poll_succeeded,
    start_wait,
)
from meshapi_video._tasks import LONGEST_LIFE
from meshapi_video._validation import deadline_after
from support.poll_states import FINISHED, NOW, UNIX_NOW, task_with_expiry

SAME_EXAMPLES_EACH_TIME = settings(
    derandomize=True,
    deadline=None,
    database=None,
    # How quickly examples are generated depends on the load of the machine.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    # A failing example is printed as found: to shrink it may take minutes.
    phases=[Phase.generate],
)
ROUNDING = 1e-6
"""Seconds. The error of adding times that are kept in seconds since 1970."""
DAY = 86_400.0

STATUSES = st.sampled_from(["queued", "running", "unknown status"])
ENDED = [FINISHED, *(VideoTaskResponse(id="t", status=status) for status in ("failed", "expired", "cancelled"))]
CONTRACT_VIOLATIONS = [VideoTaskResponse(id="t", status="succeeded")]
AGES = st.sampled_from([None, 0.0, 1.0, 3600.0, DAY]) | st.floats(0, DAY)
EXPIRIES = st.sampled_from([None, 0, 3600, 2 * 86_400, 5 * 86_400, 7 * 86_400, 10**9, "1 h"])
# Values that end a wait at once are rare: nothing happens after them.
RETRY_AFTERS = st.sampled_from([None, 0.0, 0.5, 1800.0, 3600.0, 7200.0, LONGEST_LIFE]) | st.floats(0, 10_000)
DURATIONS = st.sampled_from([0.0, 0.001, 0.5]) | st.floats(0, 40)
DELAYS_OF_THE_DRIVER = st.sampled_from([0.0, 0.0, 0.0, 0.1, 5.0, 4000.0])
PERMANENT_FAILURES = [APIError(status_code=status, message="no") for status in (400, 401, 402, 403, 404, 422)]
RANDS = st.floats(0, 1)
TIMEOUTS = st.sampled_from([None, None, None, None, 0.0, 1.0, 5000.0, 70_000.5, DAY])


@st.composite
def policies(draw: st.DrawFn) -> PollPolicy:
    # With delays so long, even a wait of a week ends after some hundred polls.
    initial_delay = draw(st.sampled_from([3600.0, 5000.0]))
    return PollPolicy(
        initial_delay=initial_delay,
        multiplier=draw(st.sampled_from([1.0, 1.15, 2.0])),
        max_delay=initial_delay * draw(st.floats(1, 4)),
        jitter=draw(st.sampled_from([0.0, 0.2, 0.5])),
    )


@st.composite
def tokens(draw: st.DrawFn) -> WaitToken:
    started = UNIX_NOW - draw(st.sampled_from([-3600.0, 0.0, 60.0, 3 * DAY]))
    retry_after = draw(st.sampled_from([0.0, 30.0, 7200.0]))
    return WaitToken(
        task_id="t",
        started=started,
        polls=draw(st.integers(0, 10)),
        not_before=started + retry_after,
        next_poll_at=started + draw(st.sampled_from([0.0, 100.0, 5000.0, 20_000.0])),
        failures=draw(st.sampled_from([0, 1, 5, 10**10])),
    )


class SentPoll(NamedTuple):
    """A poll, as the server receives it."""

    at: float
    timeout: float
    allowed_from: float
    deadline: float
    after_end: bool


class OneWait(RuleBasedStateMachine):
    """A wait and its driver, which sleeps and polls as decided, but may wake up late."""

    @initialize(task=st.just("t") | tokens(), timeout=TIMEOUTS, policy=policies(), polls_before_end=st.integers(0, 12))
    def start(self, task: str | WaitToken, timeout: float | None, policy: PollPolicy, polls_before_end: int) -> None:
        self.polls_before_end = polls_before_end
        self.now = NOW
        self.timeout = timeout
        self.state = start_wait(task, policy, deadline_after(timeout, NOW), NOW, UNIX_NOW)
        # The times of a token from a clock that is ahead move back together, until the wait starts now.
        clock_difference = max(task.started - UNIX_NOW, 0) if isinstance(task, WaitToken) else 0
        self.allowed_from = (
            task.not_before - clock_difference - UNIX_NOW + NOW if isinstance(task, WaitToken) else -math.inf
        )
        self.first_due = -math.inf
        if isinstance(task, WaitToken):
            longest = max(policy.delay(NOW - self.state.started, 0, task.failures), 300)
            self.first_due = min(task.next_poll_at - clock_difference - UNIX_NOW, longest) + NOW
        self.polls_before_resume = task.polls if isinstance(task, WaitToken) else 0
        self.sent = list[SentPoll]()
        self.slept_past_deadline = 0.0
        self.last_result: VideoTaskResponse | MeshVideoError | None = None

    # The responses of the server.

    @precondition(lambda self: self.state.end is None)
    @rule(late=DELAYS_OF_THE_DRIVER, takes=DURATIONS, status=STATUSES, age=AGES, expiry=EXPIRIES, rand=RANDS)
    def a_task(self, late: float, takes: float, status: str, age: float | None, expiry: object, rand: float) -> None:
        self.send_poll(late, takes)
        self.succeed(task_with_expiry(expiry, status), age, rand)

    @precondition(lambda self: self.state.end is None)
    @rule(
        late=DELAYS_OF_THE_DRIVER,
        takes=DURATIONS,
        expiry=st.sampled_from([None, 3600, 7 * 86_400]),
        left=st.floats(-1, 100),
        rand=RANDS,
    )
    def a_task_that_always_expires_soon(
        self, late: float, takes: float, expiry: int | None, left: float, rand: float
    ) -> None:
        self.send_poll(late, takes)
        life = expiry or 2 * DAY
        self.succeed(task_with_expiry(expiry), max(life + GRACE - left, 0), rand)

    @precondition(lambda self: self.state.end is None)
    @rule(
        late=DELAYS_OF_THE_DRIVER,
        takes=DURATIONS,
        seconds=RETRY_AFTERS,
        status=st.sampled_from([408, 425, 429, 500, 503, 599, 302]),
        rand=RANDS,
    )
    def a_temporary_error(self, late: float, takes: float, seconds: float | None, status: int, rand: float) -> None:
        self.send_poll(late, takes)
        self.fail(APIError(status_code=status, message="not now", retry_after=seconds), rand)
        self.allowed_from = self.now + (seconds or 0)

    @precondition(lambda self: self.state.end is None)
    @rule(
        late=DELAYS_OF_THE_DRIVER,
        takes=DURATIONS,
        error=st.sampled_from([ConnectionFailed("reset"), InvalidResponse("html")]),
        rand=RANDS,
    )
    def no_usable_response(self, late: float, takes: float, error: MeshVideoError, rand: float) -> None:
        self.send_poll(late, takes)
        self.fail(error, rand)

    @precondition(lambda self: self.state.end is None and len(self.sent) >= self.polls_before_end)
    @rule(late=DELAYS_OF_THE_DRIVER, takes=DURATIONS, error=st.sampled_from(PERMANENT_FAILURES))
    def a_permanent_failure(self, late: float, takes: float, error: MeshVideoError) -> None:
        self.send_poll(late, takes)
        self.fail(error, 0)

    @precondition(lambda self: self.state.end is None and len(self.sent) >= self.polls_before_end)
    @rule(
        late=DELAYS_OF_THE_DRIVER,
        takes=DURATIONS,
        task=st.sampled_from(CONTRACT_VIOLATIONS) | st.sampled_from(ENDED),
        age=AGES,
    )
    def a_task_that_has_ended_or_breaks_the_contract(
        self, late: float, takes: float, task: VideoTaskResponse, age: float | None
    ) -> None:
        self.send_poll(late, takes)
        self.succeed(task, age, 0)

    @precondition(lambda self: self.state.end is not None)
    @rule(later=st.sampled_from([0.0, 1.0, DAY]))
    def nothing_after_the_end(self, later: float) -> None:
        self.now += later
        if isinstance(decide(self.state, self.now), SendPoll | Sleep):
            self.send_poll(0, 0)

    # The driver.

    def send_poll(self, late: float, takes: float) -> None:
        sleeps = 0
        while isinstance(decision := decide(self.state, self.now), Sleep):
            assert decision.seconds > 0
            assert (sleeps := sleeps + 1) < 3
            past_deadline = self.now + decision.seconds - self.state.deadline
            self.slept_past_deadline = max(self.slept_past_deadline, past_deadline)
            self.now += decision.seconds + late
            late = 0
        assert isinstance(decision, SendPoll)
        after_end = self.state.end is not None
        self.sent.append(SentPoll(self.now, decision.timeout, self.allowed_from, self.state.deadline, after_end))
        self.now += min(takes, decision.timeout)

    def succeed(self, task: VideoTaskResponse, age: float | None, rand: float) -> None:
        self.last_result = task
        self.state = poll_succeeded(self.state, task, age, self.now, rand)

    def fail(self, error: MeshVideoError, rand: float) -> None:
        self.last_result = error
        self.state = poll_failed(self.state, error, self.now, rand)

    # The invariants.

    @invariant()
    def no_poll_is_sent_earlier_than_the_server_allows(self) -> None:
        assert all(poll.at >= poll.allowed_from - ROUNDING for poll in self.sent[-1:])

    @invariant()
    def the_first_poll_of_a_resumed_wait_is_sent_when_it_is_due_or_at_the_deadline(self) -> None:
        assert all(poll.at >= min(self.first_due, poll.deadline) - ROUNDING for poll in self.sent[:1])

    @invariant()
    def no_poll_is_sent_after_the_end(self) -> None:
        assert not any(poll.after_end for poll in self.sent[-1:])

    @invariant()
    def no_sleep_extends_past_the_deadline(self) -> None:
        assert self.slept_past_deadline <= ROUNDING

    @invariant()
    def the_deadline_is_the_callers_or_not_later_than_the_longest_life_of_a_task(self) -> None:
        if self.timeout is not None:
            assert self.state.deadline == NOW + self.timeout
        else:
            assert self.state.deadline <= NOW + LONGEST_LIFE + GRACE

    @invariant()
    def the_timeout_of_a_poll_ends_at_the_deadline_or_is_that_of_the_final_poll(self) -> None:
        assert all(poll.timeout <= max(poll.deadline - poll.at, FINAL_POLL_TIMEOUT) for poll in self.sent[-1:])

    @invariant()
    def only_one_poll_is_sent_past_the_deadline(self) -> None:
        # Without a timeout, the response to the final poll may move the deadline.
        assert self.timeout is None or all(poll.at < poll.deadline for poll in self.sent[:-1])

    @invariant()
    def the_number_of_polls_is_limited_by_the_policy(self) -> None:
        policy = self.state.policy
        assert isinstance(policy, PollPolicy)
        shortest_delay = policy.initial_delay * (1 - policy.jitter)
        # The first poll, one poll after each delay, and one poll at the deadline, which may shorten a delay. If
        # the server moves the deadline, the deadline can shorten every other delay, and no more.
        polls_per_delay = 2 if self.timeout is None else 1
        assert len(self.sent) <= polls_per_delay * (self.now - NOW) / shortest_delay + 2
        assert self.state.polls == self.polls_before_resume + len(self.sent)

    @invariant()
    def a_wait_ends_only_with_a_terminal_status_a_permanent_failure_or_the_deadline(self) -> None:
        match self.state.end:
            case None:
                pass
            case Done(task):
                assert task is self.last_result
                assert task in ENDED
            case GiveUp(WaitTimeout()):
                assert max(self.now, self.allowed_from) >= self.state.deadline - ROUNDING
            case GiveUp(InvalidResponse()) if isinstance(self.last_result, VideoTaskResponse):
                assert self.last_result in CONTRACT_VIOLATIONS
            case GiveUp(error):
                assert error is self.last_result
                assert error in PERMANENT_FAILURES

    @invariant()
    def a_wait_ends_with_a_terminal_status_or_a_permanent_failure(self) -> None:
        is_last = any(self.last_result is each for each in [*ENDED, *CONTRACT_VIOLATIONS, *PERMANENT_FAILURES])
        assert self.state.end is not None or not is_last

    def teardown(self) -> None:
        """Every wait ends, also if the task never does and the server always calls it new, or almost expired."""
        age = 0 if self.polls_before_end % 2 else 2 * DAY + GRACE - 1
        for poll in range(1000):
            if self.state.end is not None:
                return
            self.send_poll(0, 0.01)
            if poll % 10 < 9:
                self.succeed(task_with_expiry(None), age, 1)
            else:
                self.fail(ConnectionFailed("reset"), 1)
            self.the_number_of_polls_is_limited_by_the_policy()
            self.no_poll_is_sent_earlier_than_the_server_allows()
        raise AssertionError("the wait has not ended after 1000 polls")


TestOneWait = OneWait.TestCase
TestOneWait.settings = settings(SAME_EXAMPLES_EACH_TIME, max_examples=150, stateful_step_count=15)
