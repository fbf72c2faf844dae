"""Creates tasks for the command line: one, or those of a batch, none of them twice."""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections import Counter
from contextlib import contextmanager
from io import FileIO
from typing import TYPE_CHECKING, Final

import anyio
import click
from attrs import frozen

from meshapi_video import CreateUncertain, CreateWarning, MeshVideoError, read_journal
from meshapi_video._cli.batch import first_exception
from meshapi_video._cli.create_options import json_object, split_fields
from meshapi_video._cli.exit_codes import ExitCode, exit_code_for, worst_of
from meshapi_video._cli.journal_ends import refuse_other_account, unresolved_text, write
from meshapi_video._cli.output import print_error, print_exception, print_status
from meshapi_video._cli.words import in_terminal_words, with_options
from meshapi_video._create.models import doubts
from meshapi_video._create.recovery import is_of_another_account, is_open
from meshapi_video._create.request import build_request
from meshapi_video._create_ends import account_of, search_list
from meshapi_video._download.file_lock import try_lock

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from meshapi_video import (
        AsyncVideoClient,
        CreateOptions,
        JournalRecord,
        Media,
        VideoGenerationRequest,
    )
    from meshapi_video._cli.text_files import InputFile

_MOST_IN_FLIGHT: Final = 4
"""Creates in flight. The service behind Mesh makes only a few videos at a time."""
_LIST_INTERVAL: Final = 10.0
"""The most seconds between two requests for the list, while a create has no known end."""
_KEY_DIGITS: Final = 16


@frozen(kw_only=True)
class Item:
    """One video to create."""

    place: str
    """The file and the line, with a colon; empty for a video that is not of a batch."""
    key: str | None
    """The name of the create in the journal, made from the line: a changed line is another video."""
    model: str | None
    prompt: str | None
    content: list[Media]
    options: CreateOptions
    extra_body: dict[str, object] | None

    def request(self) -> VideoGenerationRequest:
        """The request. Raises a usage error with all mistakes."""
        if self.model is None:
            raise click.UsageError(f"{self.place}no model: give --model, such as byteplus/dreamina-seedance-2-0")
        try:
            return build_request(self.model, self.prompt, self.content, self.options, self.extra_body)
        except (ValueError, TypeError) as error:
            raise click.UsageError(f"{self.place}{self._rephrase(str(error))}") from error

    def _rephrase(self, mistakes: str) -> str:
        # The lines of a batch have the names of the API.
        return in_terminal_words(mistakes) if self.place else with_options(mistakes)

    def check(self) -> VideoGenerationRequest:
        """The request, after its warnings were printed. Raises a usage error with all mistakes."""
        request = self.request()
        for doubt in doubts(request):
            print_error(f"{self.place}warning: {self._rephrase(doubt)}")
        return request


def read_batch(file: InputFile, model: str | None) -> list[Item]:
    """The videos of a batch file: JSON lines. Raises a usage error with all mistakes of the first wrong line."""
    items: list[Item] = []
    seen = Counter[str]()
    for number, line in enumerate(file.lines(), 1):
        if line:
            item = _item(line, f"line {number} of {file.name}: ", model, seen)
            item.check()
            items.append(item)
    return items


def _item(line: str, place: str, model: str | None, seen: Counter[str]) -> Item:
    try:
        fields = json_object(line)
    except ValueError as error:
        raise click.UsageError(f"{place}{error}") from None
    fields.setdefault("model", model)
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:_KEY_DIGITS]
    # The same line twice is two videos.
    seen[digest] += 1
    own = {name: fields.pop(name, None) for name in ("model", "prompt", "extra_body")}
    try:
        content, options = split_fields(fields)
    except TypeError as error:
        raise click.UsageError(f"{place}{error}") from None
    return Item(place=place, key=f"{digest}-{seen[digest]}", content=content, options=options, **own)


class Creates:
    """Creates videos, and none that the journal knows already."""

    def __init__(self, items: list[Item], journal: Path | None, settled_after: float) -> None:
        self._items = items
        self._journal = journal
        self._settled_after = settled_after
        self._created = dict[int, str]()
        """The id of the task, by the index of the item."""
        self._codes = list[ExitCode]()
        self._may_exist = 0
        """Creates that ctrl-C interrupted after they were sent."""
        self._candidates = dict[str, list[str]]()
        """The ids of the tasks that may be the one of a create without a known end, by the id of its request."""

    @property
    def exit_code(self) -> ExitCode:
        """The worst result of the creates."""
        return worst_of(self._codes)

    @property
    def unresolved(self) -> str | None:
        """Which lines of the batch have a create without a known end, and what to do; None if there is none."""
        open_records = [record for record in self._records().values() if is_open(record)]
        if self._journal is None or not open_records:
            return None
        places = {item.key: item.place for item in self._items}
        return unresolved_text(
            {
                f"{places.get(record.key, '')}create {record.request_id}": self._candidates.get(record.request_id, [])
                for record in open_records
            },
            self._journal,
        )

    @property
    def missing(self) -> list[int]:
        """The indexes of the items that were never created, or whose create was refused."""
        records = self._records()
        return [
            index
            for index, item in enumerate(self._items)
            if index not in self._created and (item.key not in records or records[item.key].event == "refused")
        ]

    async def run(self, client: AsyncVideoClient) -> list[str]:
        """The ids of all tasks, in the order of the items. `unresolved` says which creates have no known end."""
        # Before anything is paid for.
        account = account_of(client)
        refuse_other_account(
            self._journal,
            [
                record.request_id
                for record in self._records().values()
                if is_open(record) and is_of_another_account(record, account)
            ],
        )
        await self._create_all(client, self.missing)
        if self._is_batch:
            lost = {key for key, record in self._records().items() if is_open(record)}
            await self._settle(client)
            # If no task was made, create it after all.
            await self._create_all(client, [index for index in self.missing if self._items[index].key in lost])
            self._codes = [code for code in self._codes if code is not ExitCode.UNCERTAIN]
            if self.unresolved is not None:
                self._codes.append(ExitCode.UNCERTAIN)
        records = self._records()
        ids = [
            self._created.get(index) or (records[item.key].task_id if item.key in records else None)
            for index, item in enumerate(self._items)
        ]
        return [task_id for task_id in ids if task_id is not None]

    def print_interrupted(self) -> None:
        """Prints after ctrl-C which tasks exist, are paid for, and continue on the server."""
        if self._is_batch:
            print_error(
                f"{len(self._created)} tasks were created in this run and continue, and {len(self.missing)} videos are "
                f"not created yet. The journal {self._journal} is kept: run the same command again, which creates only "
                "the missing ones"
            )
        elif self._created:
            print_error(f"task {self._created[0]} continues, and has been paid for: wait on this id")
        elif not self._may_exist:
            print_error("no task was created")

    @property
    def _is_batch(self) -> bool:
        return any(item.key is not None for item in self._items)

    def _records(self) -> dict[str | None, JournalRecord]:
        """The last create of each video of the batch, by its key."""
        if self._journal is None or not self._is_batch or not self._journal.exists():
            return {}
        try:
            return {record.key: record for record in read_journal(self._journal) if record.key is not None}
        except ValueError as error:
            raise click.UsageError(str(error)) from None

    async def _create_all(self, client: AsyncVideoClient, indexes: list[int]) -> None:
        limiter = anyio.CapacityLimiter(_MOST_IN_FLIGHT)
        async with anyio.create_task_group() as group:
            for index in indexes:
                group.start_soon(self._create, client, index, limiter)

    async def _create(self, client: AsyncVideoClient, index: int, limiter: anyio.CapacityLimiter) -> None:
        item = self._items[index]
        async with limiter:
            try:
                created = await client.create(
                    item.model or "",
                    item.prompt,
                    content=item.content,
                    extra_body=item.extra_body,
                    journal=self._journal,
                    journal_key=item.key,
                    **item.options,
                )
            except (anyio.get_cancelled_exc_class(), KeyboardInterrupt) as interruption:
                # The first ctrl-C cancels the create, and a second one is raised inside it. A task may exist.
                for note in getattr(interruption, "__notes__", ()):
                    self._may_exist += 1
                    print_error(f"{item.place}{note}")
                raise
            except ValueError as error:
                # A file was changed or deleted since `Item.check`.
                self._codes.append(ExitCode.IO_ERROR)
                print_exception(error, item.place)
            except MeshVideoError as error:
                self._codes.append(exit_code_for(error))
                print_exception(error, item.place)
                if isinstance(error, CreateUncertain) and not self._is_batch:
                    await print_candidates(error)
            else:
                self._created[index] = created.id
                print_status(f"{item.place}created the task {created.id}")

    async def _settle(self, client: AsyncVideoClient) -> None:
        """Finds out what became of the creates without a known end. Waits as long as a task may still come."""
        interval = min(_LIST_INTERVAL, self._settled_after)
        try:
            while unresolved := await self._resolve(client):
                settled_at = max(record.time for record in unresolved) + self._settled_after
                if time.time() > settled_at + interval:
                    return
                print_status(
                    f"{len(unresolved)} creates have no known end; the list is asked for again in {interval:g} s"
                )
                await anyio.sleep(interval)
        except MeshVideoError as error:
            # The tasks of the other lines are still waited for.
            print_exception(error, "the list of tasks cannot be read: ")

    async def _resolve(self, client: AsyncVideoClient) -> list[JournalRecord]:
        """Writes the ends that the list tells into the journal; returns the creates that still have none."""
        records = [*self._records().values()]
        if self._journal is None or not any(is_open(record) for record in records):
            return []
        found = await search_list(client, records, self._settled_after, time.time())
        write(self._journal, found)
        self._candidates = found.unresolved
        return [record for record in records if record.request_id in found.unresolved]


def create_all(creates: Creates, client: AsyncVideoClient) -> list[str]:
    """Creates what is missing; returns the ids of all tasks."""

    async def main() -> list[str]:
        async with client:
            return await creates.run(client)

    try:
        with warnings.catch_warnings():
            # `Item.check` printed them.
            warnings.simplefilter("ignore", CreateWarning)
            return anyio.run(main)
    except BaseException as error:
        first = first_exception(error)
        if isinstance(first, KeyboardInterrupt):
            creates.print_interrupted()
        if first is error:
            raise
        raise first from None


@contextmanager
def only_run(journal: Path) -> Generator[None]:
    """Keeps the journal of a batch for this run: a second run at the same time would create the same videos."""
    # To open a named pipe only for writing would wait for a reader. Its path is refused when the journal is read.
    with FileIO(journal, "a+") as file:
        try:
            is_only = try_lock(file.fileno(), required=True)
        except OSError as error:
            raise click.UsageError(
                f"the journal {journal} cannot be locked: {error.strerror}. Without a lock, a second run at the same "
                "time would pay for the same videos again. Move the journal to a local disk, and name it with --journal"
            ) from None
        if not is_only:
            raise click.UsageError(f"another run of this batch is still creating videos: it uses the journal {journal}")
        yield


async def print_candidates(error: CreateUncertain) -> None:
    """Prints the tasks that may be the one of a create without a clear response."""
    try:
        found = [f"{task.id} ({task.status})" async for task in error.candidates()]
    except MeshVideoError as failure:
        print_exception(failure, "the list of tasks cannot be read: ")
        return
    print_error(f"tasks that may be the one: {', '.join(found)}" if found else "no task in the list may be the one yet")
