"""Searches the list at Mesh for the ends of creates that are not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshapi_video._create.recovery import LISTED_BEFORE, Recovery, is_open, recover

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshapi_video._async.client import AsyncVideoClient
    from meshapi_video._create.journal import JournalRecord
    from meshapi_video_generated.models import VideoTaskResponse


async def search_list(
    client: AsyncVideoClient, records: Sequence[JournalRecord], settled_after: float, now: float
) -> Recovery:
    """Compares creates without a known end with the list at Mesh. `now` is of the same clock as their times.

    A create that was not made is sent again, and paid for. So the list is read twice before one is declared not made.
    """
    since = min(record.time for record in records if is_open(record)) - LISTED_BEFORE
    account = account_of(client)
    listed: dict[str, VideoTaskResponse] = {}
    found, is_complete = Recovery(), True
    for _ in range(2):
        tasks = client.list(created_after=since)
        listed |= {task.id: task async for task in tasks}
        is_complete = is_complete and tasks.is_complete
        found = recover(records, listed.values(), now, settled_after, account, is_complete=is_complete)
        if not found.not_made:
            break
    return found


def account_of(client: AsyncVideoClient) -> str:
    """The name of the server and the key of a client."""
    return client._settings.account  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of the same package
