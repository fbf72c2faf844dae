"""Finds out what became of the creates in a journal that have no known end. Pure.

| create                                                  | the list                            | result     |
|---------------------------------------------------------|-------------------------------------|------------|
| interrupted or uncertain, with a seed of its own        | one task has its seed               | created    |
| interrupted or uncertain, and long ago                  | no task may be the one              | not made   |
| any other that is interrupted or uncertain              |                                     | unresolved |

The list is Mesh's own database, which has a task before the create gets its response.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from meshapi_video._create.candidates import LATEST, may_be

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from meshapi_video._create.journal import JournalRecord
    from meshapi_video_generated.models import VideoTaskResponse

SETTLED_AFTER: Final = LATEST
"""Seconds after a create from which on a task that is not in the list was not made."""


@frozen
class Recovery:
    """What became of the creates without a known end."""

    created: dict[str, str] = field(factory=dict[str, str])
    """The id of the task, by the id of the request."""
    not_made: list[str] = field(factory=list[str])
    """The ids of the requests that made no task."""
    unresolved: dict[str, list[str]] = field(factory=dict[str, list[str]])
    """The ids of the tasks that may be the one, by the id of the request."""


def is_open(record: JournalRecord) -> bool:
    """Whether the create has no known end."""
    return record.event in {"interrupted", "uncertain"}


def recover(
    records: Sequence[JournalRecord], listed: Iterable[VideoTaskResponse], now: float, settled_after: float
) -> Recovery:
    """Compares the creates in a journal with the list of tasks; `now` is in seconds since 1970."""
    claimed = {record.task_id for record in records}
    tasks = [task for task in listed if task.id not in claimed]
    found = Recovery()
    unknown = [record for record in records if is_open(record)]
    seeds = Counter(record.facts.seed for record in unknown)
    for record in unknown:
        candidates = [task for task in tasks if may_be(record.facts, task)]
        seed = record.facts.seed
        has_own_seed = seed not in {None, -1} and seeds[seed] == 1
        same = [task.id for task in candidates if task.seed == seed] if has_own_seed else []
        if len(same) == 1:
            found.created[record.request_id] = same[0]
        elif not candidates and now - record.time > settled_after:
            found.not_made.append(record.request_id)
        else:
            found.unresolved[record.request_id] = [task.id for task in candidates]
    return found
