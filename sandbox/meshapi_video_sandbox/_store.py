"""The gateway's tasks, in SQLite."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

import msgspec

from meshapi_video_sandbox._upstream import Plan

if TYPE_CHECKING:
    from pathlib import Path

_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS tasks (
        id TEXT PRIMARY KEY,
        plan TEXT NOT NULL,  -- what the simulated upstream will do with it, as JSON
        answer TEXT          -- the newest answer about it, as JSON; NULL before the first look
    )
"""


class Store:
    """Tasks by id. To be used from the server's own thread, each call one transaction."""

    def __init__(self, path: Path | None) -> None:
        self._connection = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        try:
            self._connection.execute(_SCHEMA)
        except sqlite3.Error:
            self._connection.close()
            raise

    def close(self) -> None:
        """Closes the database; what was in memory is gone."""
        self._connection.close()

    def add(self, task_id: str, plan: Plan, answer: dict[str, object] | None = None) -> None:
        """Makes a row for a new task."""
        row = (task_id, msgspec.json.encode(plan), None if answer is None else msgspec.json.encode(answer))
        self._connection.execute("INSERT OR IGNORE INTO tasks (id, plan, answer) VALUES (?, ?, ?)", row)

    def find(self, task_id: str) -> tuple[Plan, dict[str, object] | None] | None:
        """A task's plan and newest answer, or None for an id that is not there."""
        row = self._connection.execute("SELECT plan, answer FROM tasks WHERE id = ?", (task_id,)).fetchone()
        if row is None:
            return None
        plan, answer = row
        known = None if answer is None else msgspec.json.decode(answer, type=dict[str, object])
        return msgspec.json.decode(plan, type=Plan), known

    def update(self, task_id: str, answer: dict[str, object]) -> None:
        """Writes what was learned of a task."""
        row = (msgspec.json.encode(answer), task_id)
        self._connection.execute("UPDATE tasks SET answer = ? WHERE id = ?", row)
