"""The ends of the creates in a journal: searches for those that are not known, and writes those that are found."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio
import click

from meshapi_video._cli.output import print_status
from meshapi_video._create.journal import resolve
from meshapi_video._create_ends import search_list

if TYPE_CHECKING:
    from pathlib import Path

    from meshapi_video import AsyncVideoClient, JournalRecord
    from meshapi_video._create.recovery import Recovery


def search_and_write(
    client: AsyncVideoClient, records: list[JournalRecord], journal: Path, settled_after: float
) -> Recovery:
    """Finds the ends of creates in the list, and writes them into the journal."""

    async def main() -> Recovery:
        async with client:
            return await search_list(client, records, settled_after, time.time())

    found = anyio.run(main)
    write(journal, found)
    return found


def write(journal: Path, found: Recovery) -> None:
    """Writes the ends that were found into the journal."""
    for request_id, task_id in found.created.items():
        resolve(journal, request_id, task_id)
        print_status(f"create {request_id} made the task {task_id}")
    for request_id in found.not_made:
        resolve(journal, request_id, None)
        print_status(f"create {request_id} made no task")


def refuse_other_account(journal: Path | None, request_ids: list[str]) -> None:
    """Raises a usage error if there are creates of another account: the list of this one says nothing of them."""
    if request_ids:
        raise click.UsageError(
            f"the journal {journal} was written with another base URL or API key: the list of this one does not tell "
            f"whether a task of {', '.join(request_ids)} exists. Use the base URL and the key of that run; or look "
            f"there yourself, then run meshapi-video journal {journal} with --made REQUEST_ID TASK_ID or --not-made "
            "REQUEST_ID"
        )


def unresolved_text(creates: dict[str, list[str]], journal: Path) -> str:
    """The creates whose end is not known, each with the tasks that it may have made, and what to do."""
    told = "; ".join(
        f"{create} may have made {' or '.join(tasks) or 'a task that the list of this key does not show'}"
        for create, tasks in creates.items()
    )
    return (
        f"{told}. Nothing was created again. Look at these tasks, then run meshapi-video journal {journal} with "
        "--made REQUEST_ID TASK_ID or --not-made REQUEST_ID"
    )
