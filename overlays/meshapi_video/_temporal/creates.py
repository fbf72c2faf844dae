"""The create of an activity, which is paid for once, however often Temporal starts the activity.

| attempt                                                  | does                                            |
|----------------------------------------------------------|-------------------------------------------------|
| the first one                                            | sends the request                               |
| the one before it left the mark that no task was made    | sends the request                               |
| any other: an earlier request may have made a task       | searches the list at Mesh for it, only           |

So no attempt both searches and sends. A mark is left in a heartbeat. If it is lost, the next attempt searches.

All times are of Temporal's clock, which all workers share: the clock of a worker may be ahead, and would then say too
early that a task which is not in the list was not made.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec
from temporalio import activity

from meshapi_video._create.candidates import EARLIEST, RequestFacts
from meshapi_video._create.journal import JournalRecord
from meshapi_video._create.recovery import recover
from meshapi_video._create.request import SEEDS
from meshapi_video._create_ends import account_of, search_list
from meshapi_video._errors import (
    APIError,
    ConnectionFailed,
    CreateUncertain,
    MeshVideoError,
    RateLimitedError,
    ServerError,
)
from meshapi_video._temporal.failures import ended, refused, repeated, settling, uncertain
from meshapi_video_generated.models import VideoContentItem

if TYPE_CHECKING:
    from meshapi_video._async.client import AsyncVideoClient
    from meshapi_video._create.recovery import Recovery

# Values of any request, which the client checks.
_Arguments: TypeAlias = dict[str, Any]

_FIRST_DELAY: Final = 1.0
"""Seconds after a create without a clear response until the first search of the list."""
_LONGEST_DELAY: Final = 60.0
"""Seconds between two searches of the list, at most."""


class CreateMark(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt leaves for the next one, in a heartbeat."""

    attempt: int
    """The attempt that wrote it."""
    sent_at: float
    """When the attempt started that sent the last request that may have made a task, in seconds since 1970."""
    account: str
    """The name of the server and the key to which it went; "" if that is not known."""
    made_no_task: bool = False
    """Whether it is certain that neither this attempt nor one before it made a task."""


# A decoder prepares its type. At the first use, several threads might do that at once.
msgspec.json.Decoder(CreateMark)


class Create:
    """One attempt of a create. All attempts of one activity have the same seed, by which they know their task.

    Args:
        client: Sends the requests.
        request: The arguments of the client's `create`, as JSON.
        settled_after: Seconds after a create from which on a task that is not in the list was not made.
    """

    def __init__(self, client: AsyncVideoClient, request: Mapping[str, Any], settled_after: float) -> None:
        self._client = client
        self._request = request
        self._settled_after = settled_after
        self._info = activity.info()
        self._now = self._info.started_time.timestamp()

    async def run(self) -> str:
        """The id of the task. Raises `ApplicationError` if there is none yet, or none that is known."""
        if self._info.is_local:
            # After a crash of the worker, a local activity starts again as its first attempt, without any heartbeat.
            raise refused(ValueError("create_video should not be a local activity: a task could be paid for twice"))
        try:
            arguments = _arguments(self._request)
        except ValueError as error:
            raise refused(error) from None
        own_seed = arguments.get("seed") in {None, -1} and not _is_of_draft(arguments)
        if own_seed:
            arguments["seed"] = self._seed()
        mark = self._mark()
        if mark is None:
            return await self._send(arguments)
        facts = RequestFacts(
            model=str(arguments.get("model")), sent_at=mark.sent_at, own_seed=own_seed, seed=arguments.get("seed")
        )
        return await self._search(mark, facts)

    async def _send(self, arguments: _Arguments) -> str:
        mark = CreateMark(attempt=self._info.attempt, sent_at=self._now, account=account_of(self._client))
        _leave(mark)
        try:
            # Named, so that the request cannot make a worker write a file.
            return (await self._client.create(**arguments, journal=None, journal_key=None)).id
        except (ValueError, TypeError) as error:
            raise refused(error) from None
        except CreateUncertain as error:
            raise repeated(error, _FIRST_DELAY) from None
        except MeshVideoError as error:
            _leave(msgspec.structs.replace(mark, made_no_task=True))
            if isinstance(error, (ConnectionFailed, RateLimitedError)):
                raise repeated(error, getattr(error, "retry_after", None)) from None
            raise ended(error) from None

    async def _search(self, mark: CreateMark, facts: RequestFacts) -> str:
        age = self._now - mark.sent_at
        try:
            found = await self._find(mark, facts, is_settled=age > self._settled_after)
        except MeshVideoError as error:
            if isinstance(error, APIError) and not isinstance(error, (RateLimitedError, ServerError)):
                raise uncertain(facts, [], f"the list at Mesh cannot be read: {error}") from None
            raise settling(f"the list at Mesh cannot be read: {error}", _LONGEST_DELAY) from None
        for task_id in found.created.values():
            return task_id
        if found.not_made:
            _leave(msgspec.structs.replace(mark, attempt=self._info.attempt, made_no_task=True))
            raise settling("no task was made; the next attempt sends the request again", 0)
        if age > 2 * self._settled_after:
            possible = [task_id for ids in found.unresolved.values() for task_id in ids]
            raise uncertain(facts, possible, "the list at Mesh does not tell which task it is, or that there is none")
        _leave(mark)
        delay = min(max(age / 2, _FIRST_DELAY), _LONGEST_DELAY)
        raise settling(f"its task is not in the list at Mesh after {age:.0f} s; the next attempt searches again", delay)

    async def _find(self, mark: CreateMark, facts: RequestFacts, *, is_settled: bool) -> Recovery:
        """What the list tells of the create. Only a long list tells that no task was made."""
        record = JournalRecord(
            request_id="create", key=None, time=mark.sent_at, facts=facts, body_sha256="", account=mark.account
        )
        listed = [task async for task in self._client.list(created_after=mark.sent_at - EARLIEST)]
        found = recover([record], listed, self._now, math.inf, mark.account, is_complete=False)
        if found.created or not is_settled:
            return found
        return await search_list(self._client, [record], self._settled_after, self._now)

    def _mark(self) -> CreateMark | None:
        """The mark of a request that may have made a task; None if there can be none, so that one may be sent."""
        info = self._info
        mark = None
        for details in info.heartbeat_details:
            with suppress(msgspec.ValidationError):
                mark = msgspec.convert(details, CreateMark)
        if mark is not None and not mark.made_no_task:
            return mark
        if mark is not None and mark.attempt == info.attempt - 1:
            return None
        # An operator who resets an activity makes its next attempt the first one again.
        if mark is None and info.attempt == 1 and info.current_attempt_scheduled_time == info.scheduled_time:
            return None
        # The attempt before this one left no mark. It was over when this one was scheduled.
        earliest = info.current_attempt_scheduled_time - (info.start_to_close_timeout or timedelta(0))
        return CreateMark(attempt=0, sent_at=earliest.timestamp(), account="")

    def _seed(self) -> int:
        """A seed that no other activity has."""
        info = self._info
        # Each run of a workflow has an id of its own. So has an activity without a workflow, in newer releases.
        parts = (info.workflow_run_id, getattr(info, "activity_run_id", None), info.activity_id)
        return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8]) % SEEDS


def _leave(mark: CreateMark) -> None:
    activity.heartbeat(msgspec.to_builtins(mark))


def _arguments(request: Mapping[str, Any]) -> _Arguments:
    """The arguments of the client's `create`. Raises `ValueError` if they or an item of the content cannot be some."""
    if not isinstance(request, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - it comes from JSON
        raise ValueError(  # noqa: TRY004 - one error for every wrong request
            f"the request should be an object, with the arguments of `create`; it is {type(request).__name__}: "
            "nothing was sent"
        )
    content: Any = request.get("content") or []
    try:
        items = [VideoContentItem.from_dict(item) for item in content]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"content should be a list of items of the API ({type(error).__name__}: {error}): nothing was sent"
        ) from None
    return {"model": None, **request, "content": items}


def _is_of_draft(arguments: _Arguments) -> bool:
    """Whether the task takes the seed of a draft."""
    return any(item.type_ == "draft_task" for item in arguments["content"])
