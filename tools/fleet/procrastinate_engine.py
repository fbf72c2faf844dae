"""Procrastinate on PostgreSQL, with the code and the commands of docs/other-queues.md."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Final
from uuid import uuid4

import psycopg
from psycopg import sql

from meshapi_video import WaitToken
from tools.fleet.engine import Worker
from tools.fleet.servers import PostgreSQL

PAGE: Final = Path(__file__).parents[2] / "docs" / "other-queues.md"
ROOT: Final = PAGE.parents[1]
MODULE: Final = "WAITS_MODULE"
"""The environment variable with the path of the module on the page."""


def blocks(language: str) -> list[str]:
    """The blocks of code on the page."""
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return found


def load(path: str) -> ModuleType:
    """The module on the page. Its name is the one in the commands of the page."""
    spec = importlib.util.spec_from_file_location("waits", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class ProcrastinateEngine:
    """One message a poll. Workers send the messages of dead workers again."""

    name = "Procrastinate on PostgreSQL"

    def __init__(self, folder: Path, server: PostgreSQL | None = None) -> None:
        self.server = server or PostgreSQL(folder)

    def prepare(self, folder: Path, sandbox_url: str) -> None:
        """Makes a database, and runs the commands of the page in it."""
        self._log = folder / "worker.log"
        module = folder / "waits.py"
        module.write_text(blocks("python")[0], "utf-8")
        self.database = f"waits_{uuid4().hex}"
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.database)))
        self.environment: Mapping[str, str] = {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.server.port),
            "PGUSER": "postgres",
            "PGDATABASE": self.database,
            "MESHAPI_BASE_URL": sandbox_url,
            "MESHAPI_API_KEY": "rsk_sandbox",
            MODULE: str(module),
        }
        with self.connect() as connection:
            connection.execute(_table_on_the_page())
        schema = Worker.start(*_command("schema", "--apply"), log=self._log, environment=self.environment)
        if schema.process.wait() != 0:
            raise RuntimeError(f"the schema was not applied: see {self._log}")

    def connect(self) -> psycopg.Connection:
        """A connection to the database."""
        host, port = self.environment["PGHOST"], self.environment["PGPORT"]
        return psycopg.connect(host=host, port=port, user="postgres", dbname=self.database, autocommit=True)

    def start_worker(self, record: Path) -> Worker:
        """Starts the command of the page."""
        return Worker.start(
            *_command("worker"), log=self._log, environment={**self.environment, "FLEET_RECORD": str(record)}
        )

    def add(self, task_ids: Sequence[str]) -> None:
        """Sends the first message of each task, as the page says."""
        os.environ.update(self.environment)
        asyncio.run(_send(load(self.environment[MODULE]), task_ids))

    def close(self) -> None:
        """Nothing stays open."""


async def _send(waits: ModuleType, task_ids: Sequence[str]) -> None:
    async with waits.app.open_async():
        for task_id in task_ids:
            await waits.send(WaitToken(task_id=task_id, started=time.time(), polls=0, not_before=0))


def _command(*arguments: str) -> list[str]:
    """The command of the page, with the app that also writes the record of the harness."""
    assert f"python -m procrastinate --app=waits.app {' '.join(arguments)}\n" in blocks("sh")[0]
    app = "tools.fleet.procrastinate_worker.app"
    return [sys.executable, "-m", "procrastinate", f"--app={app}", *arguments]


def _table_on_the_page() -> bytes:
    (statement,) = re.findall(r"psql --command '(.*)'", blocks("sh")[0])
    return str(statement).encode()
