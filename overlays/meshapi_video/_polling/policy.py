"""The delay between two polls of one task. Pure: age and randomness come in as arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from attrs import frozen

from meshapi_video._validation import LARGEST, check_duration, check_number

if TYPE_CHECKING:
    from meshapi_video_generated.models import VideoTaskResponse

_MAX_DOUBLINGS: Final = 32
"""More would change nothing, because `max_delay` applies, and very many would overflow."""


class Policy(Protocol):
    """Gives the delay until the next poll."""

    def delay(self, age: float, rand: float, failures: int = 0, task: VideoTaskResponse | None = None) -> float:
        """Seconds until the next poll of a task of `age` seconds; `task` is its newest response."""
        ...


@frozen(kw_only=True)
class PollPolicy:
    """When to poll a task: at once, then after delays that grow with the task's age, with jitter.

    The defaults suit videos, which take a minute or more. For tasks that are known to be quick, use
    a shorter `initial_delay`. `AdaptivePolicy` learns the delays from finished tasks.
    """

    initial_delay: float = 8.0
    """Seconds between the first poll and the second; more than zero."""
    multiplier: float = 1.1
    """Each delay is this many times as long as the one before; at least 1."""
    max_delay: float = 10.0
    """The longest delay, in seconds; at least `initial_delay`."""
    jitter: float = 0.1
    """The part of a delay, from 0 to less than 1, by which randomness may shorten it, so that many
    waits that start together do not poll together."""

    def __attrs_post_init__(self) -> None:
        check_duration("initial_delay", self.initial_delay)
        check_duration("max_delay", self.max_delay)
        expected = f"a number of seconds of at least initial_delay, {self.initial_delay!r}"
        check_number("max_delay", self.max_delay, expected, is_valid=lambda n: n >= self.initial_delay)
        expected = "a finite number of at least 1"
        check_number("multiplier", self.multiplier, expected, is_valid=lambda n: 1 <= n <= LARGEST)
        check_number("jitter", self.jitter, "a number from 0 to less than 1", is_valid=lambda n: 0 <= n < 1)

    def delay(
        self,
        age: float,
        rand: float,
        failures: int = 0,
        task: VideoTaskResponse | None = None,  # noqa: ARG002 - this policy treats all tasks alike
    ) -> float:
        """Seconds until the next poll of a task of `age` seconds.

        `rand` is a random number from 0 to 1, `failures` the number of consecutive failed polls.
        """
        # The n-th delay d·gⁿ of a geometric series is d + (g - 1)·(the sum of the delays before it).
        # As a function of the age it is linear, so a task whose wait starts late is polled like a task
        # whose wait started at once.
        delay = self.initial_delay + (self.multiplier - 1) * max(age, 0)
        return min(backoff(delay, failures), self.max_delay) * (1 - self.jitter * rand)


RETRY_BACKOFF: Final = PollPolicy(initial_delay=0.5, multiplier=1.0, max_delay=8.0, jitter=0.25)
"""The backoff between the retries of `get` and of a download. They also give up if the server's
`Retry-After` is longer than `max_delay`."""


def backoff(delay: float, failures: int) -> float:
    """`delay`, doubled for each consecutive failure after the first: our own polls may be the cause."""
    return delay * 2.0 ** min(max(failures - 1, 0), _MAX_DOUBLINGS)
