"""The gateway's rows: what it knows of each task, and whose it is."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from meshapi_video_sandbox._database import transaction
from meshapi_video_wire import VideoTaskContent
from meshapi_video_wire import VideoTaskResponse as WireTask

if TYPE_CHECKING:
    import sqlite3

_OVER: Final = 2
_PROGRESS: Final = {"queued": 0, "succeeded": _OVER, "failed": _OVER, "expired": _OVER, "cancelled": _OVER}
_UNDER_WAY: Final = 1

_LEARN: Final = """
    UPDATE tasks SET answer = :answer, status = :status, progress = :progress,
        updated_at = coalesce(:updated_at, updated_at)
    WHERE id = :id AND progress < 2
        -- An answer that was overtaken on its way is not news; an end always is.
        AND (:progress = 2 OR (updated_at, progress) <= (coalesce(:updated_at, updated_at), :progress))
"""
_ADOPT: Final = """
    INSERT OR IGNORE INTO tasks (id, owner, answer, status, progress, updated_at)
    VALUES (:id, :owner, :answer, :status, :progress, coalesce(:updated_at, 0))
"""
_REMEMBER: Final = """
    INSERT INTO history (task_id, at, status) SELECT :id, :at, :status
    WHERE :status IS NOT (SELECT status FROM history WHERE task_id = :id ORDER BY rowid DESC LIMIT 1)
"""
_COUNT: Final = "INSERT INTO asked VALUES (?, ?) ON CONFLICT DO UPDATE SET times = times + excluded.times"


class Row(msgspec.Struct, frozen=True):
    """What the gateway knows of a task."""

    owner: str
    answer: bytes
    """What a look at it is answered with."""
    over: bool


class Store:
    """The rows, by task id. To be used from the server's own thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def find(self, task_id: str) -> Row | None:
        """A task's row, or None for an id that is not there."""
        query = "SELECT owner, answer, progress FROM tasks WHERE id = ?"
        row = self._connection.execute(query, (task_id,)).fetchone()
        return None if row is None else Row(row[0], row[1].encode(), row[2] == _OVER)

    def learn(self, task: WireTask, owner: str, at: float, *, asked: int = 1) -> Row:
        """Writes what an answer said, in one transaction, and gives the row as it is then.

        A task that is not there becomes `owner`'s; one that is over stays as it is.
        """
        row = {
            "id": task.id,
            "owner": owner,
            "answer": documented(task).decode(),
            "status": task.status,
            "progress": _PROGRESS.get(task.status, _UNDER_WAY),
            "updated_at": task.updated_at or None,
            "at": at,
        }
        with transaction(self._connection) as database:
            if database.execute(_ADOPT, row).rowcount or database.execute(_LEARN, row).rowcount:
                database.execute(_REMEMBER, row)
            if asked:
                database.execute(_COUNT, (task.id, asked))
            found = self.find(task.id)
        if found is None:
            raise AssertionError("a row that was just written is there")
        return found

    def hand_over(self, task_id: str, owner: str) -> None:
        """Makes a task somebody else's."""
        self._connection.execute("UPDATE tasks SET owner = ? WHERE id = ?", (owner, task_id))

    def asked_in_vain(self, task_id: str) -> None:
        """Counts a question that the upstream did not answer."""
        self._connection.execute(_COUNT, (task_id, 1))

    def times_asked(self, task_id: str) -> int:
        """How often the upstream was asked about a task."""
        row = self._connection.execute("SELECT times FROM asked WHERE task_id = ?", (task_id,)).fetchone()
        return 0 if row is None else int(row[0])

    def history(self, task_id: str) -> list[tuple[float, str]]:
        """When the gateway learned of which status, the first first."""
        query = "SELECT at, status FROM history WHERE task_id = ? ORDER BY rowid"
        return self._connection.execute(query, (task_id,)).fetchall()


def documented(task: WireTask) -> bytes:
    """The task as Mesh answers it: every documented field, null where nothing is known, and no other."""
    known = msgspec.to_builtins(task)
    answer = {name: known.get(name) for name in WireTask.__struct_fields__}
    if answer["content"] is not None:
        answer["content"] = {name: answer["content"].get(name) for name in VideoTaskContent.__struct_fields__}
    return msgspec.json.encode(answer)


def digest(key: str) -> str:
    """What stands for a key in the database."""
    return hashlib.sha256(key.encode()).hexdigest()
