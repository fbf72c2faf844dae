"""What holds for every wait, whatever the server says and however late its driver is: in virtual time."""

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
from meshapi_video._polling import (
    GRACE,
    LAST_LOOK,
    LONGEST_LIFE,
    Done,
    GiveUp,
    Look,
    Sleep,
    answered,
    deadline_after,
    decide,
    missed,
    wait,
)
from support.polls import FINISHED, NOW, UNIX, with_expiry

SAME_EACH_TIME = settings(
    derandomize=True,
    deadline=None,
    database=None,
    # How quickly examples are made depends on what else the machine does.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    # A failure is told as it was found: making it smaller may take minutes.
    phases=[Phase.generate],
)
"""The same examples each time and everywhere."""
ROUNDING = 1e-6
"""Seconds by which adding times may be off, which are kept in seconds since 1970."""
DAY = 86_400.0

STATUSES = st.sampled_from(["queued", "running", "never heard of"])
ENDS = [FINISHED, *(VideoTaskResponse(id="t", status=status) for status in ("failed", "expired", "cancelled"))]
BREACHES = [VideoTaskResponse(id="t", status="succeeded"), VideoTaskResponse(id="other", status="failed")]
AGES = st.sampled_from([None, 0.0, 1.0, 3600.0, DAY]) | st.floats(0, DAY)
LIVES = st.sampled_from([None, 0, 3600, 2 * 86_400, 5 * 86_400, 7 * 86_400, 10**9, "1 h"])
# What ends a wait at once is rare, or nothing would come after it.
SILENCES = st.sampled_from([None, 0.0, 0.5, 1800.0, 3600.0, 7200.0, LONGEST_LIFE]) | st.floats(0, 10_000)
MOMENTS = st.sampled_from([0.0, 0.001, 0.5]) | st.floats(0, 40)
LATE = st.sampled_from([0.0, 0.0, 0.0, 0.1, 5.0, 4000.0])
REFUSALS = [APIError(status_code=status, message="no") for status in (400, 401, 402, 403, 404, 422)]
CHANCES = st.floats(0, 1)
TIMEOUTS = st.sampled_from([None, None, None, None, 0.0, 1.0, 5000.0, 70_000.5, DAY])


@st.composite
def policies(draw: st.DrawFn) -> PollPolicy:
    # So long that even a wait of a week ends after some hundred looks.
    first = draw(st.sampled_from([3600.0, 5000.0]))
    return PollPolicy(
        initial_delay=first,
        growth=draw(st.sampled_from([1.0, 1.15, 2.0])),
        max_delay=first * draw(st.floats(1, 4)),
        jitter=draw(st.sampled_from([0.0, 0.2, 0.5])),
    )


@st.composite
def tokens(draw: st.DrawFn) -> WaitToken:
    started = UNIX - draw(st.sampled_from([-3600.0, 0.0, 60.0, 3 * DAY]))
    silence = draw(st.sampled_from([0.0, 30.0, 7200.0]))
    return WaitToken(task_id="t", started=started, looks=draw(st.integers(0, 10)), not_before=started + silence)


class Asked(NamedTuple):
    """A look, as the server sees it."""

    at: float
    timeout: float
    allowed_from: float
    deadline: float
    after_the_end: bool


class AWait(RuleBasedStateMachine):
    """A wait and its driver, which sleeps and looks as it is told, but may wake up late."""

    @initialize(task=st.just("t") | tokens(), timeout=TIMEOUTS, policy=policies(), calm=st.integers(0, 12))
    def begin(self, task: str | WaitToken, timeout: float | None, policy: PollPolicy, calm: int) -> None:
        self.calm = calm
        self.now = NOW
        self.timeout = timeout
        self.poll = wait(task, policy, deadline_after(timeout, NOW), NOW, UNIX)
        # A clock that is ahead is taken back to the present, and what it says with it.
        ahead = max(task.started - UNIX, 0) if isinstance(task, WaitToken) else 0
        self.allowed_from = task.not_before - ahead - UNIX + NOW if isinstance(task, WaitToken) else -math.inf
        self.before = task.looks if isinstance(task, WaitToken) else 0
        self.asked = list[Asked]()
        self.slept_too_long = 0.0
        self.said: VideoTaskResponse | MeshVideoError | None = None

    # What the server may say.

    @precondition(lambda self: self.poll.end is None)
    @rule(late=LATE, takes=MOMENTS, status=STATUSES, age=AGES, life=LIVES, chance=CHANCES)
    def a_task(self, late: float, takes: float, status: str, age: float | None, life: object, chance: float) -> None:
        self.look(late, takes)
        self.hear(with_expiry(life, status), age, chance)

    @precondition(lambda self: self.poll.end is None)
    @rule(
        late=LATE,
        takes=MOMENTS,
        life=st.sampled_from([None, 3600, 7 * 86_400]),
        left=st.floats(-1, 100),
        chance=CHANCES,
    )
    def a_task_that_always_has_a_moment_left(
        self, late: float, takes: float, life: int | None, left: float, chance: float
    ) -> None:
        self.look(late, takes)
        lived = life or 2 * DAY
        self.hear(with_expiry(life), max(lived + GRACE - left, 0), chance)

    @precondition(lambda self: self.poll.end is None)
    @rule(
        late=LATE,
        takes=MOMENTS,
        seconds=SILENCES,
        status=st.sampled_from([408, 425, 429, 500, 503, 599, 302]),
        chance=CHANCES,
    )
    def a_miss(self, late: float, takes: float, seconds: float | None, status: int, chance: float) -> None:
        self.look(late, takes)
        self.miss(APIError(status_code=status, message="not now", retry_after=seconds), chance)
        self.allowed_from = self.now + (seconds or 0)

    @precondition(lambda self: self.poll.end is None)
    @rule(
        late=LATE,
        takes=MOMENTS,
        error=st.sampled_from([ConnectionFailed("reset"), InvalidResponse("html")]),
        chance=CHANCES,
    )
    def no_answer(self, late: float, takes: float, error: MeshVideoError, chance: float) -> None:
        self.look(late, takes)
        self.miss(error, chance)

    @precondition(lambda self: self.poll.end is None and len(self.asked) >= self.calm)
    @rule(late=LATE, takes=MOMENTS, said=st.sampled_from(REFUSALS))
    def a_refusal(self, late: float, takes: float, said: MeshVideoError) -> None:
        self.look(late, takes)
        self.miss(said, 0)

    @precondition(lambda self: self.poll.end is None and len(self.asked) >= self.calm)
    @rule(late=LATE, takes=MOMENTS, said=st.sampled_from(BREACHES) | st.sampled_from(ENDS), age=AGES)
    def an_end_or_what_claims_to_be(
        self, late: float, takes: float, said: VideoTaskResponse, age: float | None
    ) -> None:
        self.look(late, takes)
        self.hear(said, age, 0)

    @precondition(lambda self: self.poll.end is not None)
    @rule(later=st.sampled_from([0.0, 1.0, DAY]))
    def nothing_more(self, later: float) -> None:
        self.now += later
        if isinstance(decide(self.poll, self.now), Look | Sleep):
            self.look(0, 0)

    # What a driver does.

    def look(self, late: float, takes: float) -> None:
        sleeps = 0
        while isinstance(decision := decide(self.poll, self.now), Sleep):
            assert decision.seconds > 0
            assert (sleeps := sleeps + 1) < 3
            self.slept_too_long = max(self.slept_too_long, self.now + decision.seconds - self.poll.deadline)
            self.now += decision.seconds + late
            late = 0
        assert isinstance(decision, Look)
        self.asked.append(
            Asked(self.now, decision.timeout, self.allowed_from, self.poll.deadline, self.poll.end is not None)
        )
        self.now += min(takes, decision.timeout)

    def hear(self, task: VideoTaskResponse, age: float | None, chance: float) -> None:
        self.said = task
        self.poll = answered(self.poll, task, age, self.now, chance)

    def miss(self, error: MeshVideoError, chance: float) -> None:
        self.said = error
        self.poll = missed(self.poll, error, self.now, chance)

    # What always holds.

    @invariant()
    def it_never_asks_earlier_than_the_server_allowed(self) -> None:
        assert all(asked.at >= asked.allowed_from - ROUNDING for asked in self.asked[-1:])

    @invariant()
    def it_never_asks_again_after_an_end(self) -> None:
        assert not any(asked.after_the_end for asked in self.asked[-1:])

    @invariant()
    def it_never_sleeps_past_the_deadline(self) -> None:
        assert self.slept_too_long <= ROUNDING

    @invariant()
    def its_deadline_is_as_the_caller_said_or_no_later_than_a_task_can_live(self) -> None:
        if self.timeout is not None:
            assert self.poll.deadline == NOW + self.timeout
        else:
            assert self.poll.deadline <= NOW + LONGEST_LIFE + GRACE

    @invariant()
    def a_look_gets_no_more_time_than_to_the_deadline_or_for_a_last_look(self) -> None:
        assert all(asked.timeout <= max(asked.deadline - asked.at, LAST_LOOK) for asked in self.asked[-1:])

    @invariant()
    def it_never_looks_a_second_time_past_the_deadline(self) -> None:
        # Without a timeout, an answer there may say that the task has longer than was known.
        assert self.timeout is None or all(asked.at < asked.deadline for asked in self.asked[:-1])

    @invariant()
    def the_number_of_looks_stays_within_the_bound_of_the_policy(self) -> None:
        policy = self.poll.policy
        assert isinstance(policy, PollPolicy)
        least = policy.initial_delay * (1 - policy.jitter)
        # The first, one after each delay, and one at the deadline, for which a delay may be cut short; where the
        # server moves the deadline, it can cut short no more than every other delay.
        cut_short = 2 if self.timeout is None else 1
        assert len(self.asked) <= cut_short * (self.now - NOW) / least + 2
        assert self.poll.looks == self.before + len(self.asked)

    @invariant()
    def it_never_ends_before_a_terminal_state_a_refusal_or_the_deadline(self) -> None:
        match self.poll.end:
            case None:
                pass
            case Done(task):
                assert task is self.said
                assert task in ENDS
            case GiveUp(WaitTimeout()):
                assert max(self.now, self.allowed_from) >= self.poll.deadline - ROUNDING
            case GiveUp(InvalidResponse()) if isinstance(self.said, VideoTaskResponse):
                assert self.said in BREACHES
            case GiveUp(error):
                assert error is self.said
                assert error in REFUSALS

    @invariant()
    def it_ends_with_a_terminal_state_or_a_refusal(self) -> None:
        last_word = any(self.said is said for said in [*ENDS, *BREACHES, *REFUSALS])
        assert self.poll.end is not None or not last_word

    def teardown(self) -> None:
        """It always ends, also when the server never ends the task, and always says that it is young or nearly over."""
        age = 0 if self.calm % 2 else 2 * DAY + GRACE - 1
        for look in range(1000):
            if self.poll.end is not None:
                return
            self.look(0, 0.01)
            if look % 10 < 9:
                self.hear(with_expiry(None), age, 1)
            else:
                self.miss(ConnectionFailed("reset"), 1)
            self.the_number_of_looks_stays_within_the_bound_of_the_policy()
            self.it_never_asks_earlier_than_the_server_allowed()
        raise AssertionError("it goes on for ever")


TestAWait = AWait.TestCase
TestAWait.settings = settings(SAME_EACH_TIME, max_examples=150, stateful_step_count=15)
