"""The SQLite database, in a file or in memory."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

_SCHEMA: Final = """
    -- The gateway's own.
    CREATE TABLE IF NOT EXISTS tasks (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,          -- a digest of the key that it belongs to: the file holds no key
        answer TEXT NOT NULL,         -- what the gateway answers about it, as JSON
        status TEXT NOT NULL,
        progress INTEGER NOT NULL,    -- 0 in the queue, 1 under way, 2 over
        updated_at INTEGER NOT NULL   -- as the upstream said
    );
    CREATE TABLE IF NOT EXISTS history (
        task_id TEXT NOT NULL,
        at REAL NOT NULL,             -- when the gateway learned it
        status TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS history_of_task ON history (task_id);
    CREATE TABLE IF NOT EXISTS asked (task_id TEXT PRIMARY KEY, times INTEGER NOT NULL);
    -- The simulated upstream's.
    CREATE TABLE IF NOT EXISTS plans (task_id TEXT PRIMARY KEY, plan TEXT NOT NULL);
"""


def open_database(path: Path | None) -> sqlite3.Connection:
    """The database, for this process alone; `sqlite3.Error` if it cannot be had."""
    connection = sqlite3.connect(path or ":memory:", timeout=0.2, isolation_level=None, check_same_thread=False)
    try:
        # Two gateways on one file would not see each other's clock and faults. The system frees the
        # lock of a process that is killed.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        # A killed process loses nothing that way, and a machine that loses its power at most the
        # last moments, which the upstream still knows.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(f"BEGIN EXCLUSIVE; {_SCHEMA} COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[sqlite3.Connection]:
    """All of the block, or nothing of it. Inside another one it is a part of that."""
    if connection.in_transaction:
        yield connection
        return
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
