"""Creates one task: the asynchronous side. `_create.attempts` decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from meshapi_video._async.timers import fail_after
from meshapi_video._create.attempts import (
    CreateState,
    attempt_failed,
    attempt_started,
    attempt_succeeded,
    note_interruption,
    start_create,
)
from meshapi_video._create.result import (
    created_task,
    interruptions_with_id,
    journal_entry,
    new_request_id,
    request_seconds,
    require_id,
)
from meshapi_video._errors import MeshVideoError
from meshapi_video._transport.exceptions import typed_errors
from meshapi_video._transport.generated import generated_async_client
from meshapi_video._transport.operations import CREATE

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable

    from meshapi_video._async.session import AsyncSession
    from meshapi_video._create.candidates import Listing
    from meshapi_video._logging import ClientLog
    from meshapi_video._settings import Settings
    from meshapi_video._tasks import CreatedTask
    from meshapi_video._telemetry.client import ClientTelemetry
    from meshapi_video_generated.models import VideoGenerationRequest


class AsyncCreate:
    """One create: its request, its attempts, and its lines in the journal and in the log."""

    def __init__(
        self,
        body: VideoGenerationRequest,
        *,
        own_seed: bool,
        session: AsyncSession,
        settings: Settings,
        log: ClientLog,
        telemetry: ClientTelemetry,
        clock: Callable[[], float],
        unix_clock: Callable[[], float],
        rand: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._body = body
        self._own_seed = own_seed
        self._session = session
        self._settings = settings
        self._log = log
        self._telemetry = telemetry
        self._seconds = request_seconds(body, settings.timeout)
        self._clock = clock
        self._unix_clock = unix_clock
        self._rand = rand
        self._sleep = sleep

    async def run(
        self, journal: str | os.PathLike[str] | None, key: str | None, listing: Callable[[float], Listing]
    ) -> CreatedTask:
        """The created task. Raises the error of the attempt that ended the create.

        `listing` starts a list of the tasks that were created after a time.
        """
        retries, own_seed = self._settings.max_retries, self._own_seed
        state = start_create(new_request_id(), retries, self._clock(), self._unix_clock(), own_seed=own_seed)
        account = self._settings.account
        entry = None if journal is None else journal_entry(journal, key, self._body, state, account)
        while not state.is_over:
            await self._sleep(max(state.next_attempt_at - self._clock(), 0))
            state = attempt_started(state, self._unix_clock())
            if entry is not None:
                # Raises before anything is sent if it cannot be written.
                await anyio.to_thread.run_sync(entry.begin, state.sent_at)
            state = await self._attempt(state)
            self._log.create(state, self._clock())
            self._telemetry.attempted(state)
        if entry is not None:
            # A cancellation must not lose the id. asyncio's own `Task.cancel` does not respect the shield.
            with interruptions_with_id(state), anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(entry.end, state.task_id, state.end)
        return created_task(state, self._body, listing)

    async def _attempt(self, state: CreateState) -> CreateState:
        operation = self._session.expecting(CREATE.expected, {"X-Request-Id": state.request_id})
        try:
            request = self._telemetry.request(CREATE, state.failures)
            with request, typed_errors(None, self._settings, self._seconds):
                await self._session.open()
                with fail_after(self._seconds):
                    client = generated_async_client(self._settings.base_url, operation)
                    response = await CREATE.awaited(client=client, body=self._body)
                task_id = require_id(response.parsed)
        except MeshVideoError as error:
            return attempt_failed(state, error, self._clock(), self._rand(), was_sent=operation.was_sent)
        except BaseException as error:
            note_interruption(state, error, was_sent=operation.was_sent)
            raise
        return attempt_succeeded(state, task_id)
