"""The SQLite database, in a file or in memory."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

_SCHEMA: Final = """
    -- The gateway's tables.
    CREATE TABLE IF NOT EXISTS tasks (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,          -- digest of the API key that owns the task: the file holds no key
        response TEXT NOT NULL,       -- the gateway's response to a poll, as JSON
        status TEXT NOT NULL,
        progress INTEGER NOT NULL,    -- 0 queued, 1 running, 2 terminal
        updated_at INTEGER NOT NULL   -- from the upstream
    );
    CREATE TABLE IF NOT EXISTS history (
        task_id TEXT NOT NULL,
        at REAL NOT NULL,             -- when the gateway recorded the status
        status TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS history_of_task ON history (task_id);
    CREATE TABLE IF NOT EXISTS upstream_polls (task_id TEXT PRIMARY KEY, polls INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS versions (
        task_id TEXT NOT NULL,
        at REAL NOT NULL,             -- when the gateway recorded the status
        response TEXT NOT NULL        -- the first response with this status: a list that lags behind shows it
    );
    CREATE INDEX IF NOT EXISTS versions_of_task ON versions (task_id);
    CREATE TABLE IF NOT EXISTS creates (
        task_id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        at REAL NOT NULL,
        request_id TEXT NOT NULL,
        body_sha256 TEXT NOT NULL,
        ignored_fields TEXT NOT NULL, -- as a JSON array
        callback_url TEXT
    );
    -- The simulated upstream's table.
    CREATE TABLE IF NOT EXISTS plans (task_id TEXT PRIMARY KEY, plan TEXT NOT NULL);
    -- A file of an earlier version has no versions: each task gets the one that its row has.
    INSERT INTO versions SELECT id, 0, response FROM tasks WHERE id NOT IN (SELECT task_id FROM versions);
"""


_APPLICATION_ID: Final = int.from_bytes(b"mvsb")
"""SQLite keeps this number in the header of the file, for programs that want to know whose file it is."""
_COLUMNS: Final = """
    SELECT objects.type, objects.name, group_concat(columns.name)
    FROM sqlite_master AS objects LEFT JOIN pragma_table_info(objects.name) AS columns
    WHERE objects.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' GROUP BY objects.name
"""


def open_database(path: Path | None) -> sqlite3.Connection:
    """Opens the database for this process alone; `sqlite3.Error` if that is not possible.

    Refuses the database of another program, and writes nothing to it.
    """
    if path is not None and path.exists():
        # SQLite would wait for ever for the other end of a named pipe.
        if not path.is_file():
            raise sqlite3.DatabaseError("it is not a regular file")
        # SQLite names the log after the file itself, not after a link to it.
        file = path.resolve()
        logs = [f"{file.name}-wal", f"{file.name}-journal"]
        # An immutable file is read without a lock, and without a recovery that would write.
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as reading:
            _check_is_ours(reading, [name for name in logs if file.with_name(name).exists()])
    connection = sqlite3.connect(path or ":memory:", timeout=0.2, isolation_level=None, check_same_thread=False)
    try:
        # Two gateways on one file would not share their clock and their faults. The system releases the
        # lock of a process that is killed.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        # Once more: another program may have changed it before the lock.
        _check_is_ours(connection)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
        # With this setting a killed process loses nothing. A machine that loses power loses the last
        # moments at most, and the upstream still has them.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(f"BEGIN EXCLUSIVE; PRAGMA application_id = {_APPLICATION_ID}; {_SCHEMA} COMMIT")
        # If this process is killed, the next one recognises the file without its log.
        connection.execute("PRAGMA wal_checkpoint")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_is_ours(connection: sqlite3.Connection, logs: Sequence[str] = ()) -> None:
    """`logs` are the names of the logs that a killed process has left, whose changes are not in the file yet."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (user_version,) = connection.execute("PRAGMA user_version").fetchone()
    if application_id == _APPLICATION_ID:
        return
    # Files of earlier versions have no such number, but no other tables either.
    with closing(sqlite3.connect(":memory:")) as new:
        new.executescript(_SCHEMA)
        ours = new.execute(_COLUMNS).fetchall()
    foreign = [f"the log {name!r}" for name in logs]
    foreign += [f"the {row[0]} {row[1]!r}" for row in connection.execute(_COLUMNS) if row not in ours]
    numbers = {"application_id": application_id, "user_version": user_version}
    foreign += [f"the {name} {number}" for name, number in numbers.items() if number]
    if foreign:
        raise sqlite3.DatabaseError(
            f"it is a database of another program, with {foreign[0]}, and was not changed; give --db another file"
        )


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[sqlite3.Connection]:
    """Commits the whole block, or nothing of it. A nested transaction is a part of the outer one."""
    if connection.in_transaction:
        yield connection
        return
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
