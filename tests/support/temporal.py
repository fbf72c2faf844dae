"""Runs the attempts of an activity as Temporal does, without a server."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar, get_type_hints

import pytest
from temporalio.activity import ActivityCancellationDetails
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from meshapi_video import AsyncVideoClient, PollPolicy
from meshapi_video.temporal import VideoActivities
from support.clients import KEY

QUICK: Final = PollPolicy(initial_delay=0.01, max_delay=0.01)
REQUEST: Final = {"model": "byteplus/dreamina-seedance-2-0", "prompt": "a lake at sunrise"}
SETTLED: Final = 60.0
"""Short, so that few attempts search the list."""

T = TypeVar("T")


@dataclass
class Temporal:
    """Runs the attempts of one activity as Temporal does, with the heartbeats of the attempt before. No time passes."""

    base_url: str
    api_key: str = KEY
    poll: PollPolicy = QUICK
    timeout: float = 30.0
    details: list[Any] = field(default_factory=list[Any])
    """What the last heartbeat of any attempt said."""
    attempt: int = 0
    delays: list[float | None] = field(default_factory=list[float | None])
    errors: list[ApplicationError] = field(default_factory=list[ApplicationError])
    # The fields of the activity's `Info`. Each test knows their types.
    info: dict[str, Any] = field(default_factory=lambda: {"heartbeat_timeout": timedelta(seconds=30)})
    now: float = field(default_factory=time.time)

    async def start(
        self, name: str, argument: object, meanwhile: Callable[[ActivityEnvironment], Awaitable[None]] | None = None
    ) -> Any:  # noqa: ANN401 - the result of any activity
        """One attempt, on a worker of its own."""
        self.attempt += 1
        started = datetime.fromtimestamp(self.now, UTC)
        environment = ActivityEnvironment()
        environment.info = replace(
            environment.info, attempt=self.attempt, heartbeat_details=self.details, started_time=started,
            start_to_close_timeout=timedelta(minutes=2),
            **{
                "scheduled_time": started if self.attempt == 1 else environment.info.scheduled_time,
                "current_attempt_scheduled_time": started, **self.info,
            },
        )  # fmt: skip
        self.info["scheduled_time"] = environment.info.scheduled_time
        environment.on_heartbeat = self._heartbeat
        async with AsyncVideoClient(self.api_key, base_url=self.base_url, timeout=self.timeout) as client:
            activities = VideoActivities(client, poll=self.poll, settled_after=SETTLED)
            [function] = [each for each in activities.activities if each.__name__ == name]
            running = asyncio.ensure_future(environment.run(function, await self._converted(argument, function)))
            if meanwhile is not None:
                await meanwhile(environment)
            return await running

    async def _converted(self, argument: object, function: Callable[..., object]) -> object:
        """The argument as Temporal passes it: an error here would be retried for ever."""
        [hint] = [hint for name, hint in get_type_hints(function).items() if name != "return"]
        payloads = await DataConverter.default.encode([argument])
        [converted] = await DataConverter.default.decode(payloads, [hint])
        return converted

    def _heartbeat(self, *details: object) -> None:
        # Temporal stores JSON.
        self.details = json.loads(json.dumps(details))

    def run(self, name: str, argument: object) -> Any:  # noqa: ANN401 - the result of any activity
        """The result of the activity, after as many attempts as it takes. Raises an error that is not retried."""
        for _ in range(100):
            try:
                return asyncio.run(self.start(name, argument))
            except ApplicationError as error:
                self.errors.append(error)
                if error.non_retryable:
                    raise
                delay = error.next_retry_delay
                self.delays.append(None if delay is None else delay.total_seconds())
                self.pass_time(self.delays[-1] or 1.0)
        raise AssertionError("100 attempts have not ended the activity")

    def pass_time(self, seconds: float) -> None:
        """Lets time pass for the creates."""
        self.now += seconds


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - the condition is about another thread
        await asyncio.sleep(0.001)


def refused(temporal: Temporal, name: str, argument: object) -> ApplicationError:
    """The error by which the activity ends, and which is not retried."""
    with pytest.raises(ApplicationError) as caught:
        temporal.run(name, argument)
    assert caught.value.non_retryable
    return caught.value


async def shut_down(environment: ActivityEnvironment) -> None:
    environment.worker_shutdown()


async def shut_down_at_once(environment: ActivityEnvironment) -> None:
    environment.cancel(ActivityCancellationDetails(worker_shutdown=True))
