"""The base of both clients: settings, clocks, and the record of a poll."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from meshapi_video._clock import monotonic
from meshapi_video._http_libraries import httpx
from meshapi_video._logging import ClientLog
from meshapi_video._polling.policy import Policy, PollPolicy
from meshapi_video._polling.state import GiveUp, PollState, gave_up, poll_failed, poll_succeeded, start_wait
from meshapi_video._settings import ApiKey, Settings
from meshapi_video._tasks import require_task
from meshapi_video._telemetry.client import ClientTelemetry
from meshapi_video._transport.exceptions import unexpected_error
from meshapi_video._transport.retry_after import age_of
from meshapi_video._validation import MAX_IN_FLIGHT

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from meshapi_video._download.addresses import AddressRules
    from meshapi_video._errors import MeshVideoError
    from meshapi_video._polling.scheduler import Scheduler
    from meshapi_video._tasks import TaskRef
    from meshapi_video._telemetry.settings import Telemetry
    from meshapi_video._transport.connection_settings import ConnectionSettings
    from meshapi_video_generated.models import VideoTaskResponse


class BaseClient:
    """The base of both clients."""

    def __init__(
        self,
        api_key: ApiKey,
        *,
        base_url: str | None,
        timeout: float,
        max_retries: int,
        http_client: object,
        connections: ConnectionSettings,
        private_hosts: Collection[str],
        transport: str | None,
        telemetry: Telemetry | None,
    ) -> None:
        if transport is not None and http_client is not None:
            raise ValueError("pass http_client= or transport=, not both: your own client is the transport")
        connections.check(http_client)
        self._connections = connections
        # A client of the user has its own proxy, which the SDK does not know.
        proxy_for = connections.proxy_for if http_client is None else None
        self._settings = Settings.resolve(
            api_key, base_url, timeout, max_retries, private_hosts, transport, proxy_for=proxy_for
        )
        self._log = ClientLog(self._settings.base_url)
        self._telemetry = ClientTelemetry(telemetry, self._settings.base_url)
        self._is_closed = False
        # Tests replace these to make time virtual.
        self._clock: Callable[[], float] = monotonic
        self._unix_clock: Callable[[], float] = time.time
        self._rand: Callable[[], float] = random.random

    def __repr__(self) -> str:
        # A traceback with local variables may need the repr before the settings exist.
        settings = f"base_url={self._settings.base_url!r}" if hasattr(self, "_settings") else "not initialized"
        return f"{type(self).__name__}({settings})"

    def _address_rules(self) -> AddressRules:
        """The addresses to which downloads may connect."""
        from meshapi_video._download.addresses import AddressRules  # noqa: PLC0415 - not every program uses it

        api_host = httpx.URL(self._settings.base_url).raw_host.decode("ascii")
        settings = self._settings
        return AddressRules(
            api_host=api_host, private_hosts=settings.private_hosts, plain_http_hosts=settings.plain_http_hosts
        )

    def _start_wait(self, deadline: float | None, policy: Policy, task: TaskRef) -> PollState:
        return start_wait(task, policy, deadline, self._clock(), self._unix_clock())

    def _new_scheduler(
        self,
        task_ids: object,
        *,
        capacity: int,
        max_in_flight: int | None,
        requests_per_minute: float | None,
        max_waiting: int,
    ) -> Scheduler:
        """The scheduler of a `wait_many`, whose arguments are checked."""
        from meshapi_video._polling.scheduler import Scheduler  # noqa: PLC0415 - not every program uses it

        if isinstance(task_ids, str | bytes):
            raise TypeError("task_ids should be an iterable of ids; use wait for a single id")
        return Scheduler(
            max_in_flight=min(MAX_IN_FLIGHT, capacity) if max_in_flight is None else max_in_flight,
            requests_per_minute=requests_per_minute,
            max_waiting=max_waiting,
        )

    def _poll_succeeded(
        self, before: PollState, task: VideoTaskResponse, age: float | None, sent_at: float
    ) -> PollState:
        now = self._clock()
        return self._record(before, poll_succeeded(before, task, age, now, self._rand()), sent_at, now)

    def _poll_failed(
        self, before: PollState, error: MeshVideoError, sent_at: float, *, was_sent: bool = True
    ) -> PollState:
        now = self._clock()
        return self._record(before, poll_failed(before, error, now, self._rand(), was_sent=was_sent), sent_at, now)

    def _poll_crashed(self, before: PollState, error: Exception) -> PollState:
        """The state after a poll that raised an unexpected exception, which ends the wait for this task."""
        return gave_up(before, unexpected_error(error, before.task_id, self._settings))

    def _record(self, before: PollState, after: PollState, sent_at: float, now: float) -> PollState:
        """Passes a poll that ended at `now` to the policy and the log, and returns the state after it."""
        if not isinstance(before.policy, PollPolicy):
            from meshapi_video._polling.adaptive import learn  # noqa: PLC0415 - not every program uses it

            learn(before, after, now)
        self._log.poll(before, after, now - sent_at, now)
        self._telemetry.polled(before, after)
        if after.error is not None and not (isinstance(after.end, GiveUp) and after.end.error is after.error):
            # This error is not raised. Its frames hold connections and requests, of each task that waits.
            after.error.__traceback__ = after.error.__context__ = after.error.__cause__ = None
        return after


def task_and_age(parsed: object, headers: Mapping[str, str]) -> tuple[VideoTaskResponse, float | None]:
    """The task that a generated function returned, and its age in seconds by the server's clock, if known."""
    task = require_task(parsed)
    return task, age_of(task, headers.get("date"))
