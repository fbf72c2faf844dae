"""Activities for Temporal: they create video tasks, and wait for them.

from meshapi_video import AsyncVideoClient
from meshapi_video.temporal import VideoActivities

async with AsyncVideoClient() as client:
    activities = VideoActivities(client).activities
    await Worker(temporal, task_queue="videos", workflows=[MakeVideo], activities=activities).run()
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

try:
    from temporalio import activity
    from temporalio.common import RetryPolicy
except ModuleNotFoundError as _missing:
    raise ImportError("meshapi_video.temporal needs temporalio: pip install 'meshapi-video[temporal]'") from _missing

from meshapi_video._polling.policy import PollPolicy
from meshapi_video._temporal.failures import refused, unfinished
from meshapi_video._temporal.waits import Wait, token_of
from meshapi_video._validation import check_duration

if TYPE_CHECKING:
    from meshapi_video._async.client import AsyncVideoClient
    from meshapi_video._polling.adaptive import AdaptivePolicy
    from meshapi_video._tasks import Video

    Request: TypeAlias = Mapping[str, Any]
    Task: TypeAlias = str
else:
    # An argument that is not of the type of its parameter fails in Temporal's converter, and is retried for ever. So
    # the activities themselves check their arguments.
    Request = Task = Any

RETRY_POLICY: Final[RetryPolicy] = RetryPolicy(initial_interval=timedelta(seconds=5), backoff_coefficient=1.0)
"""The retry policy for each of the activities: no limit of attempts, and 5 s until the next one after a worker was
lost. The activities choose every other delay, such as the one until the next poll."""


@dataclass(frozen=True)
class VideoResult:
    """A finished video, as it is in the history of a workflow."""

    id: str
    """The task's id."""
    url: str
    """The URL of the video: signed, valid for 24 hours."""
    last_frame_url: str | None = None
    """The URL of the last frame as a picture; None if the task made none."""


class VideoActivities:
    """The activities `create_video`, `wait_for_video` and `poll_video`, which share one client.

    A workflow runs them by these names, or by `workflow.execute_activity_method`.

    Args:
        client: Sends all requests. Close it after the worker.
        poll: When to poll. An `AdaptivePolicy` uses what it has learned, and does not learn here.
        settled_after: Seconds after a create from which on a task that is not in the list was not made.

    Raises:
        ValueError: `settled_after` is not a number of seconds.
    """

    def __init__(
        self,
        client: AsyncVideoClient,
        *,
        poll: PollPolicy | AdaptivePolicy = PollPolicy(),
        settled_after: float = 900.0,
    ) -> None:
        check_duration("settled_after", settled_after)
        self._client = client
        self._poll = poll
        self._settled_after = settled_after

    @property
    def activities(self) -> Sequence[Callable[..., Awaitable[object]]]:
        """All activities, for `Worker(activities=...)`."""
        return [self.create_video, self.wait_for_video, self.poll_video]

    @activity.defn(name="create_video")
    async def create_video(self, request: Request) -> str:
        """Creates a task, which costs money, and returns its id. No retry pays for it again.

        Only the first attempt sends the request, or one that knows that the attempt before it made no task. Any
        other attempt searches the list at Mesh for the task, by a seed that all attempts share. If two complete
        lists lack it `settled_after` seconds after the create, no task was made, and the next attempt sends again.

        Args:
            request: The arguments of `AsyncVideoClient.create` as JSON: `model`, `prompt`, `duration` and so on.
                An item of `content` is as the API takes it, and has a URL.

        Raises:
            ApplicationError: If it is not retried, its type is `CreateUncertain` if a task may have been made. Any
                other type is the name of an error by which none was made, such as `RequestRejectedError`.
        """
        from meshapi_video._temporal.creates import Create  # noqa: PLC0415 - workflows import this module, too

        # A shutdown of the worker must not lose the id of a task that is paid for.
        return await _uninterrupted(Create(self._client, request, self._settled_after).run())

    @activity.defn(name="wait_for_video")
    async def wait_for_video(self, task: Task) -> VideoResult:
        """Waits until the task has ended, and returns its video. Meanwhile it holds a slot of the worker.

        It heartbeats the token of the wait, where the next attempt resumes, perhaps on another worker. When the
        worker shuts down, it fails at once with an error that is retried, so that another worker goes on.

        Args:
            task: The task's id, or the JSON of a `WaitToken`.

        Raises:
            ApplicationError: If it is not retried, its type is the name of the error that ended the wait, such as
                `TaskFailed` or `NotFoundError`; or `ValueError` for a wrong argument or no heartbeat timeout.
            asyncio.CancelledError: The activity was cancelled. This ends the wait at once.
        """
        timeout = activity.info().heartbeat_timeout
        if not timeout:
            raise refused(
                ValueError(
                    "wait_for_video needs a heartbeat_timeout, such as timedelta(seconds=30): without "
                    "one, Temporal cannot tell that its worker was lost"
                )
            )
        wait = Wait(self._client, self._poll, token_of(task))
        waiting = asyncio.create_task(wait.run())
        beating = asyncio.create_task(wait.beat(timeout.total_seconds() / 3))
        shutdown = asyncio.create_task(activity.wait_for_worker_shutdown())
        try:
            await asyncio.wait([waiting, shutdown], return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return _result(waiting.result())
        except asyncio.CancelledError:
            details = activity.cancellation_details()
            if details is None or not details.worker_shutdown:
                raise
        finally:
            for part in (waiting, beating, shutdown):
                part.cancel()
            await asyncio.gather(waiting, beating, shutdown, return_exceptions=True)
        raise unfinished(wait.token, "its worker shuts down, and another one resumes", 0)

    @activity.defn(name="poll_video")
    async def poll_video(self, task: Task) -> VideoResult:
        """Polls once, and returns the video if the task has ended. Between two polls it holds no slot of a worker.

        If the task has not ended, it heartbeats the token of the wait, and fails with an error that Temporal retries
        when the next poll is due. A limit of attempts would be a limit of polls: see `RETRY_POLICY`.

        Args:
            task: The task's id, or the JSON of a `WaitToken`.

        Raises:
            ApplicationError: As from `wait_for_video`. Its type is `WaitUnfinished` while the wait goes on.
        """
        wait = Wait(self._client, self._poll, token_of(task))
        step = await wait.step()
        if step.video is None:
            raise unfinished(step.token, "the next attempt polls again", step.delay)
        return _result(step.video)


def _result(video: Video) -> VideoResult:
    return VideoResult(video.id, video.url, video.last_frame_url)


async def _uninterrupted(create: Coroutine[None, None, str]) -> str:
    """The result of a coroutine that a cancellation does not interrupt."""
    running = asyncio.create_task(create)
    while not running.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([running])
    return running.result()
