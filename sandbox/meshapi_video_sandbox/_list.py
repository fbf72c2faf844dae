"""The list of tasks: reads the database only, so that a status may be older than the one of a poll."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec
from attrs import frozen

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

# A list that lags shows each task as it was at a time in the past, and not at all if it did not exist yet.
_ROWS_NOW: Final = "SELECT rowid AS number, response FROM tasks WHERE owner = :owner"
_ROWS_AS_OF: Final = """
    SELECT rowid AS number, (
        SELECT response FROM versions WHERE task_id = tasks.id AND at <= :as_of ORDER BY versions.rowid DESC LIMIT 1
    ) AS response FROM tasks WHERE owner = :owner
"""
_MATCHING: Final = """
    WITH rows AS ({rows}), matching AS (
        SELECT number, response, json_extract(response, '$.created_at') AS created_at FROM rows
        WHERE response IS NOT NULL
            AND (:statuses IS NULL
                OR json_extract(response, '$.status') IN (SELECT value FROM json_each(:statuses)))
            AND (:models IS NULL
                OR json_extract(response, '$.model') IN (SELECT value FROM json_each(:models)))
    )
    SELECT {columns} FROM matching
    WHERE (:after IS NULL OR created_at > :after) AND (:before IS NULL OR created_at < :before)
"""
# The newest first: the order is not documented.
_PAGE: Final = "ORDER BY created_at DESC, number DESC LIMIT :limit OFFSET :offset"

_LARGEST: Final = 2**63 - 1
"""The largest integer of SQLite."""


@frozen
class ListQuery:
    """The parameters of a list. A filter that is None lets every task through."""

    statuses: Sequence[str] | None
    models: Sequence[str] | None
    created_after: datetime | None
    created_before: datetime | None
    limit: int
    offset: int


class TaskList:
    """Lists the tasks of one owner. Use it from the server's own thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.lag = 0.0
        """How many seconds the list is behind the database."""

    def page(self, query: ListQuery, owner: str, now: float) -> bytes:
        """The body of the response."""
        values = {
            "owner": owner,
            "as_of": now - self.lag,
            "statuses": _json(query.statuses),
            "models": _json(query.models),
            "after": _seconds(query.created_after),
            "before": _seconds(query.created_before),
            "limit": query.limit,
            "offset": min(query.offset, _LARGEST),
        }
        rows = _ROWS_AS_OF if self.lag else _ROWS_NOW
        count = _MATCHING.format(rows=rows, columns="count(*)")
        ((total,),) = self._connection.execute(count, values).fetchall()
        page = _MATCHING.format(rows=rows, columns="response") + _PAGE
        data = [msgspec.Raw(response.encode()) for (response,) in self._connection.execute(page, values)]
        return msgspec.json.encode(
            {
                "object": "list",
                "data": data,
                "has_more": query.offset + len(data) < total,
                "total": total,
                "limit": query.limit,
                "offset": query.offset,
            }
        )


def _json(values: Sequence[str] | None) -> str | None:
    return None if values is None else msgspec.json.encode(values).decode()


def _seconds(time: datetime | None) -> float | None:
    if time is None:
        return None
    # A time without a zone is UTC, wherever the sandbox runs.
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
