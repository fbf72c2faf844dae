"""One wait of an activity, whose state is in the token that the activity heartbeats."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from temporalio import activity

from meshapi_video._errors import CertificateError
from meshapi_video._temporal.failures import ended, refused, repeated
from meshapi_video._token import WaitToken

if TYPE_CHECKING:
    from meshapi_video._async.client import AsyncVideoClient
    from meshapi_video._polling.adaptive import AdaptivePolicy
    from meshapi_video._polling.policy import PollPolicy
    from meshapi_video._polling.results import WaitStep
    from meshapi_video._tasks import Video


def token_of(task: str) -> WaitToken:
    """The token that the attempt before this one left, or else the one that the workflow gave, by the task's id."""
    from meshapi_video._tasks import check_task_id  # noqa: PLC0415 - workflows import this module, too

    # A token that a newer release wrote cannot be read: the wait then begins again, and loses nothing.
    for text in (*activity.info().heartbeat_details, task):
        with suppress(ValueError, TypeError):
            return WaitToken.from_json(text)
    try:
        return WaitToken(task_id=check_task_id(_id_in(task)), started=time.time(), polls=0, not_before=0)
    except ValueError as error:
        raise refused(error) from None


def _id_in(task: str) -> str:
    """The task's id in the token of a newer release; any other text is the id."""
    with suppress(ValueError, TypeError, RecursionError):
        match json.loads(task):
            case {"task_id": str(task_id)}:
                return task_id
            case _:
                pass
    return task


class Wait:
    """One wait: polls, and heartbeats its token."""

    def __init__(self, client: AsyncVideoClient, poll: PollPolicy | AdaptivePolicy, token: WaitToken) -> None:
        self._client = client
        self._poll = poll
        self.token = token

    async def step(self) -> WaitStep:
        """One poll, if it is due. Raises `ApplicationError` if the wait ended without a video."""
        try:
            step = await self._client.step(self.token, poll=self._poll)
        except ValueError as error:
            raise refused(error) from None
        if isinstance(step.error, CertificateError):
            # It is about this worker. Another one may trust the certificate.
            raise repeated(step.error, None)
        if step.error is not None:
            raise ended(step.error)
        self.token = step.token
        activity.heartbeat(self.token.to_json())
        return step

    async def run(self) -> Video:
        """Polls until there is a video."""
        while True:
            step = await self.step()
            if step.video is not None:
                return step.video
            await asyncio.sleep(step.delay)

    async def beat(self, every: float) -> None:
        """Heartbeats every so many seconds, also during a long delay."""
        while True:
            activity.heartbeat(self.token.to_json())
            await asyncio.sleep(every)
