"""Creates the task of a request once, also if a model, a client that sends again, or another server asks again."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Generator
from contextlib import contextmanager
from io import FileIO
from typing import Final

import anyio.to_thread
from attrs import asdict, frozen
from mcp.server.mcpserver.exceptions import ToolError

from meshapi_video._create.journal import JournalNotWritten, JournalRecord, read_journal, resolve
from meshapi_video._create.recovery import SETTLED_AFTER, is_open
from meshapi_video._create.request import CreateOptions
from meshapi_video._create_ends import account_of, search_list
from meshapi_video._download.file_lock import try_lock
from meshapi_video._errors import CreateUncertain, MeshVideoError
from meshapi_video._mcp.progress import LONGEST_CALL, limited
from meshapi_video._mcp.state import ToolContext, client_of, state_of
from meshapi_video._mcp.texts import escape_text

LONGEST_HALF: Final = LONGEST_CALL / 2
"""Seconds of the search before the question to the user, and of the create after it."""
_KEY_DIGITS: Final = 16
_EARLIER: Final = "An earlier create of this request has no known end"
_TOO_LATE: Final = "Mesh has not responded in time, or another create is under way"
_UNDER_WAY: Final = (
    "Mesh has not responded yet, and the create goes on: its task may be made, and be paid for. Call create_video "
    "again with the same arguments: it returns this task, and pays for nothing twice"
)


@frozen(kw_only=True)
class RequestFields:
    """What a model asks for. The same fields are the same video."""

    model: str
    prompt: str
    duration: int | None
    resolution: str | None
    ratio: str | None
    take: int
    """2 is a second video of the same request."""

    @property
    def options(self) -> CreateOptions:
        """The options of `create`."""
        return {"duration": self.duration, "resolution": self.resolution, "ratio": self.ratio}


class PaidOnce:
    """The create of one request, with the journal that says whether it was made before."""

    def __init__(self, ctx: ToolContext, fields: RequestFields, *, may_create: bool = False) -> None:
        client, state = client_of(ctx), state_of(ctx)
        self._client = client
        self._journal = state.journal
        self._creates = state.creates
        self._rephrase = state.rephrase
        self._ctx = ctx
        self._earlier: JournalRecord | None = None
        """An earlier create of this request without a known end."""
        self._may_create = may_create
        self._is_sent = False
        self._fields = fields
        # Only the list of the same key shows its tasks.
        content = json.dumps([account_of(client), asdict(fields)], sort_keys=True)
        self._key = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:_KEY_DIGITS]

    async def find(self) -> str | None:
        """The id of the task that an earlier call created; None if there is none.

        Raises the tool's error if an earlier create has no known end: a task may exist, and be paid for.
        """
        doing, too_late = "searching for an earlier task", lambda: self._not_now(_TOO_LATE)
        with self._naming_journal():
            async with limited(self._ctx, doing, too_late, LONGEST_HALF):
                # A create that is under way writes its end first.
                async with self._creates.lock:
                    records = await self._read()
                own = self._newest(records)
                if own is None or not is_open(own):
                    return None if own is None else own.task_id
                self._earlier = own
                # The seed of each create is its own. Another open create that is older would make the list longer.
                return await self._search(own, [own, *(record for record in records if not is_open(record))])

    async def _search(self, own: JournalRecord, records: list[JournalRecord]) -> str | None:
        """Searches the list. Other creates need not wait for this."""
        try:
            found = await search_list(self._client, records, SETTLED_AFTER, time.time())
        except MeshVideoError as error:
            raise ToolError(
                self._not_now(f"the list cannot be read: {escape_text(self._rephrase(str(error)))}")
            ) from error
        if own.request_id not in {*found.created, *found.not_made}:
            raise ToolError(self._unresolved(own, found.unresolved.get(own.request_id, [])))
        task_id = found.created.get(own.request_id)
        await anyio.to_thread.run_sync(resolve, self._journal, own.request_id, task_id)
        return task_id

    async def create(self) -> tuple[str, bool]:
        """The id of the task of this request, and whether this call created it. Call `find` before."""
        async with limited(self._ctx, "creating the task", self._too_late, LONGEST_HALF):
            return await self._creates.run(self._create, lambda: self._is_sent)

    def _too_late(self) -> str:
        return _UNDER_WAY if self._is_sent else self._not_now(_TOO_LATE)

    async def _create(self) -> tuple[str, bool]:
        with self._naming_journal(), self._only_create():
            own = self._newest(await self._read())
            if own is not None and is_open(own):
                # Another call began it while the user was asked.
                self._earlier = own
                raise ToolError(self._not_now("the next call searches the list for its task"))
            if own is not None and own.task_id is not None:
                return own.task_id, False
            if not self._may_create:
                raise ToolError(self._not_now("the journal of creates has changed"))
            fields = self._fields
            self._is_sent = True
            try:
                created = await self._client.create(
                    fields.model, fields.prompt, journal=self._journal, journal_key=self._key, **fields.options
                )
            except CreateUncertain as error:
                raise ToolError(
                    f"{escape_text(str(error.args[0]))}. A task may have been made and paid for. Call "
                    "create_video again with the same arguments: it looks for this task first, and pays for nothing "
                    "twice"
                ) from error
            return created.id, True

    def _newest(self, records: list[JournalRecord]) -> JournalRecord | None:
        return next((record for record in reversed(records) if record.key == self._key), None)

    async def _read(self) -> list[JournalRecord]:
        return await anyio.to_thread.run_sync(read_journal, self._journal) if self._journal.exists() else []

    def _not_now(self, reason: str) -> str:
        again = f"Nothing was created now: {reason}. Call create_video again with the same arguments"
        if self._earlier is None:
            return again
        decide = self._how_to_decide(self._earlier)
        return f"{_EARLIER}: its task may exist, and be paid for. {again}. If this goes on: {decide}"

    def _unresolved(self, record: JournalRecord, task_ids: list[str]) -> str:
        tasks = ", ".join(escape_text(task_id, 60) for task_id in task_ids[:3])
        seconds = record.time + SETTLED_AFTER - time.time()
        later = f"Call again in {math.ceil(seconds)} seconds, when the list decides. " if seconds > 0 else ""
        return (
            f"{_EARLIER}, so that nothing was created now. {later}"
            f"{f'Tasks that may be the one: {tasks}. ' if tasks else ''}{self._how_to_decide(record)}"
        )

    def _how_to_decide(self, record: JournalRecord) -> str:
        return (
            f"The user can decide: meshapi-video journal {self._journal} with --made {record.request_id} TASK_ID or "
            f"--not-made {record.request_id}"
        )

    @contextmanager
    def _only_create(self) -> Generator[None]:
        """Keeps the journal for this create: another one at the same time could create the same video."""
        with FileIO(self._journal, "a+") as file:
            try:
                is_only = try_lock(file.fileno(), required=True)
            except OSError as error:
                raise ToolError(
                    f"The journal {self._journal} cannot be locked: {error.strerror}. Without a lock, another server "
                    "could pay for the same video again. Start this server with --folder on a local disk"
                ) from None
            if not is_only:
                raise ToolError(
                    "Another create is under way, and nothing was created now. Call again in a few seconds, with the "
                    "same arguments"
                )
            yield

    @contextmanager
    def _naming_journal(self) -> Generator[None]:
        """Says what is wrong with the journal, as the tool's error."""
        try:
            yield
        except (JournalNotWritten, MeshVideoError):
            # The first says that the task exists. A timeout of the network is an OSError, too.
            raise
        except OSError as error:
            raise ToolError(
                f"The journal {self._journal} cannot be used: {error.strerror}. Nothing was created now. The user can "
                "mend this, or start this server with another --folder, which does not know the creates of this one"
            ) from None
