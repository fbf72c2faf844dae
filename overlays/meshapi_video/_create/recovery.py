"""Finds out what became of the creates in a journal that have no known end. Pure.

| create                                                  | the list                            | result     |
|---------------------------------------------------------|-------------------------------------|------------|
| interrupted or uncertain, with a seed of its own        | one task of its time has its seed   | created    |
| interrupted or uncertain, and long ago                  | no task may be the one              | not made   |
| any other that is interrupted or uncertain              |                                     | unresolved |

The list is Mesh's own database, which has a task before the create gets its response. A create that is taken for not
made is paid for again, so that any task with its seed prevents that: the server may have replaced another value, a
clock may be wrong, and this machine may have been suspended before it sent the request.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from meshapi_video._create.candidates import RequestFacts, may_be
from meshapi_video._tasks import LONGEST_LIFE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from meshapi_video._create.journal import JournalRecord
    from meshapi_video_generated.models import VideoTaskResponse

SETTLED_AFTER: Final = 900.0
"""Seconds after a create from which on a task that is not in the list was not made."""
LISTED_BEFORE: Final = 3600.0
"""How long before a create the list has to begin, in seconds: the clock of this machine may be ahead."""


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
        possible = [task for task in tasks if _has_seed(task, record.facts) or may_be(record.facts, task)]
        own = [task for task in possible if _is_certain(task, record)]
        if len(own) == 1 and seeds[record.facts.seed] == 1:
            found.created[record.request_id] = own[0].id
        # Much later, the list may no longer have the task.
        elif not possible and settled_after < now - record.time <= LONGEST_LIFE:
            found.not_made.append(record.request_id)
        else:
            found.unresolved[record.request_id] = [task.id for task in possible]
    return found


def _has_seed(task: VideoTaskResponse, facts: RequestFacts) -> bool:
    return facts.seed not in {None, -1} and task.seed == facts.seed


def _is_certain(task: VideoTaskResponse, record: JournalRecord) -> bool:
    """Whether nothing speaks against the task: also not its time, at which another create may have made it."""
    is_of_the_time = not isinstance(task.created_at, int) or task.created_at <= record.time + SETTLED_AFTER
    return is_of_the_time and _has_seed(task, record.facts) and may_be(record.facts, task)
