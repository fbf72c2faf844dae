"""The gateway's rows: the last known state of each task, and the API key that owns it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from meshapi_video_sandbox._database import transaction
from meshapi_video_wire import VideoTaskContent
from meshapi_video_wire import VideoTaskResponse as WireTask

if TYPE_CHECKING:
    import sqlite3

_QUEUED: Final = 0
_RUNNING: Final = 1
_TERMINAL: Final = 2
_PROGRESS: Final = {
    "queued": _QUEUED,
    "succeeded": _TERMINAL,
    "failed": _TERMINAL,
    "expired": _TERMINAL,
    "cancelled": _TERMINAL,
}

_UPDATE: Final = """
    UPDATE tasks SET response = :response, status = :status, progress = :progress,
        updated_at = coalesce(:updated_at, updated_at)
    WHERE id = :id AND progress < 2
        -- A response that is older than the row is ignored; a terminal status never is.
        AND (:progress = 2 OR (updated_at, progress) <= (coalesce(:updated_at, updated_at), :progress))
"""
_INSERT: Final = """
    INSERT OR IGNORE INTO tasks (id, owner, response, status, progress, updated_at)
    VALUES (:id, :owner, :response, :status, :progress, coalesce(:updated_at, 0))
"""
_ADD_TO_HISTORY: Final = """
    INSERT INTO history (task_id, at, status) SELECT :id, :at, :status
    WHERE :status IS NOT (SELECT status FROM history WHERE task_id = :id ORDER BY rowid DESC LIMIT 1)
"""
_ADD_VERSION: Final = "INSERT INTO versions VALUES (:id, :at, :response)"
_COUNT_POLL: Final = "INSERT INTO upstream_polls VALUES (?, 1) ON CONFLICT DO UPDATE SET polls = polls + 1"


class TaskRow(msgspec.Struct, frozen=True):
    """The row of one task."""

    owner: str
    response: bytes
    """The body of the response to a poll."""
    terminal: bool


class TaskStore:
    """The rows, by task id. Use it from the server's own thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def find(self, task_id: str) -> TaskRow | None:
        """The row of a task, or None for an unknown id."""
        query = "SELECT owner, response, progress FROM tasks WHERE id = ?"
        row = self._connection.execute(query, (task_id,)).fetchone()
        return None if row is None else TaskRow(row[0], row[1].encode(), row[2] == _TERMINAL)

    def record(self, task: WireTask, owner: str, at: float, *, polled: bool = True) -> TaskRow:
        """Writes the state of a task in one transaction, and returns the row after it.

        A task that has no row yet becomes `owner`'s; a terminal one does not change. `polled` counts the
        poll that the state comes from.
        """
        row = {
            "id": task.id,
            "owner": owner,
            "response": documented_json(task).decode(),
            "status": task.status,
            "progress": _PROGRESS.get(task.status, _RUNNING),
            "updated_at": task.updated_at or None,
            "at": at,
        }
        with transaction(self._connection) as database:
            changed = database.execute(_INSERT, row).rowcount or database.execute(_UPDATE, row).rowcount
            if changed and database.execute(_ADD_TO_HISTORY, row).rowcount:
                database.execute(_ADD_VERSION, row)
            if polled:
                database.execute(_COUNT_POLL, (task.id,))
            found = self.find(task.id)
        if found is None:
            raise AssertionError("the row was written in this transaction")
        return found

    def clear(self) -> None:
        """Deletes every row of every table."""
        tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        with transaction(self._connection) as database:
            for (name,) in database.execute(tables).fetchall():
                database.execute(f"DELETE FROM {name}")  # noqa: S608 - a name of the schema

    def replace(self, task: WireTask, owner: str, at: float) -> None:
        """Writes a task as if there had been none with its id."""
        with transaction(self._connection) as database:
            for table, column in (("tasks", "id"), ("history", "task_id"), ("versions", "task_id")):
                database.execute(f"DELETE FROM {table} WHERE {column} = ?", (task.id,))  # noqa: S608 - names of the schema
            self.record(task, owner, at, polled=False)

    def record_failed_poll(self, task_id: str) -> None:
        """Counts a poll of the upstream that gave no state of the task."""
        self._connection.execute(_COUNT_POLL, (task_id,))

    def upstream_polls(self, task_id: str) -> int:
        """How often the gateway polled the upstream about a task."""
        row = self._connection.execute("SELECT polls FROM upstream_polls WHERE task_id = ?", (task_id,)).fetchone()
        return 0 if row is None else int(row[0])

    def history(self, task_id: str) -> list[tuple[float, str]]:
        """The recorded statuses of a task, each with its time, the first one first."""
        query = "SELECT at, status FROM history WHERE task_id = ? ORDER BY rowid"
        return self._connection.execute(query, (task_id,)).fetchall()


def documented_json(task: WireTask) -> bytes:
    """The task as Mesh API sends it: every documented field, null if it is unknown, and no other field."""
    known = msgspec.to_builtins(task)
    response = {name: known.get(name) for name in WireTask.__struct_fields__}
    if response["content"] is not None:
        response["content"] = {name: response["content"].get(name) for name in VideoTaskContent.__struct_fields__}
    return msgspec.json.encode(response)


def key_digest(key: str) -> str:
    """The digest of an API key, stored in the database instead of the key."""
    return hashlib.sha256(key.encode()).hexdigest()
