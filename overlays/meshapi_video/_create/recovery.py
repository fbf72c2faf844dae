"""Finds out what became of the creates in a journal that have no known end. Pure.

| create without a known end       | unclaimed tasks in the list                          | result     |
|----------------------------------|------------------------------------------------------|------------|
| it has a seed of its own         | one of its time has this seed                        | created    |
| it was long ago, with this key,  | none of its time may be the one, and none of any     | not made   |
| and two lists were complete      | time has its seed                                    |            |
| it had another server or key     | none of its time has its seed                        | of another |
|                                  |                                                      | account    |
| any other                        |                                                      | unresolved |

The list is Mesh's own database, which has a task before the create gets its response. Only the seed decides: Mesh may
state the model, or another field, otherwise than the request did. A create that was not made is sent again, and paid
for: so a task with its seed prevents that at any time, because a clock may be wrong.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from meshapi_video._create.candidates import LATEST, has_seed_of, is_in_time
from meshapi_video._tasks import LONGEST_LIFE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from meshapi_video._create.journal import JournalRecord
    from meshapi_video_generated.models import VideoTaskResponse

SETTLED_AFTER: Final = LATEST
"""Seconds after a create from which on a task that is not in the list was not made."""
LISTED_BEFORE: Final = 15 * 3600.0
"""How long before a create the list has to begin, in seconds. The clock of this machine may be ahead: one that takes
local time for UTC is up to 14 hours ahead."""


@frozen
class Recovery:
    """What became of the creates without a known end."""

    created: dict[str, str] = field(factory=dict[str, str])
    """The id of the task, by the id of the request."""
    not_made: list[str] = field(factory=list[str])
    """The ids of the requests that made no task."""
    unresolved: dict[str, list[str]] = field(factory=dict[str, list[str]])
    """The ids of the tasks that may be the one, by the id of the request."""
    of_another_account: list[str] = field(factory=list[str])
    """The ids of the requests that went to another server or had another key: this list says nothing of them."""


def is_open(record: JournalRecord) -> bool:
    """Whether the create has no known end."""
    return record.event in {"interrupted", "uncertain"}


def is_of_another_account(record: JournalRecord, account: str) -> bool:
    """Whether the create went to another server, or had another key."""
    return record.account not in {"", account}


def recover(
    records: Sequence[JournalRecord],
    listed: Iterable[VideoTaskResponse],
    now: float,
    settled_after: float,
    account: str,
    *,
    is_complete: bool,
) -> Recovery:
    """Compares the creates in a journal with the list of an account; `now` is in seconds since 1970.

    `is_complete` is whether `listed` has every task: if not, no create is declared not made.
    """
    claimed = {record.task_id for record in records}
    tasks = [task for task in listed if task.id not in claimed]
    found = Recovery()
    unknown = [record for record in records if is_open(record)]
    seeds = Counter(record.facts.seed for record in unknown)
    for record in unknown:
        facts = record.facts
        has_one_seed = facts.seed not in {None, -1} and seeds[facts.seed] == 1
        same = [task.id for task in tasks if is_in_time(facts, task) and has_seed_of(facts, task)]
        # A task that does not state its seed yet may be any.
        possible = [
            task.id
            for task in tasks
            if has_seed_of(facts, task)
            or (is_in_time(facts, task) and not (has_one_seed and isinstance(task.seed, int)))
        ]
        if facts.own_seed and has_one_seed and len(same) == 1:
            found.created[record.request_id] = same[0]
        elif is_of_another_account(record, account):
            found.of_another_account.append(record.request_id)
        # Later than that, the list may no longer have the task.
        elif (
            is_complete
            and not possible
            and record.account == account
            and settled_after < now - record.time <= LONGEST_LIFE
        ):
            found.not_made.append(record.request_id)
        else:
            found.unresolved[record.request_id] = possible
    return found
