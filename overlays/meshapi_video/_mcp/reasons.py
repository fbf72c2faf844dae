"""Why several tasks have no video: a line for each reason, because a model reads all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from meshapi_video._errors import APIError, WaitTimeout
from meshapi_video._mcp.texts import escape_text

MOST_REASONS: Final = 2
_LONGEST_ID: Final = 40
_LONGEST_REASON: Final = 80
"""The characters of a reason beside others. `get_video_task` has the whole one."""


def reasons_of(errors: Mapping[str, Exception]) -> list[str]:
    """The first reasons, each with its first task. `errors` are by the ids of the tasks."""
    ids_of = defaultdict[str, list[str]](list)
    for task_id, error in errors.items():
        ids_of[_reason(error)].append(task_id)
    lines = [f"{_tasks(ids)}: {reason}" for reason, ids in ids_of.items()]
    more = len(lines) - MOST_REASONS
    others = [f"and {more} more: call get_video_task for each id"] if more > 0 else []
    return [*lines[:MOST_REASONS], *others]


def _reason(error: Exception) -> str:
    """A short reason without the ids of requests, which differ, and without advice, which `next` has."""
    match error:
        case APIError():
            text = f"HTTP {error.status_code} {error.code or ''}"
        case WaitTimeout():
            text = "no status received"
        case _:
            text = str(error.args[0])
    return escape_text(text.strip(), _LONGEST_REASON)


def _tasks(task_ids: list[str]) -> str:
    first = escape_text(task_ids[0], _LONGEST_ID)
    return first if len(task_ids) == 1 else f"{first} and {len(task_ids) - 1} more"
