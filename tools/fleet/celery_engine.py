"""Celery on RabbitMQ and on Redis, with `meshapi_video.celery`."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tools.fleet.celery_worker import BROKER, BUDGET, CHUNK, RECORD, new_waits
from tools.fleet.engine import Worker
from tools.fleet.servers import RabbitMQ, Redis, Server

ROOT: Final = Path(__file__).parents[2]
SLOTS: Final = 2


class _Celery:
    """A worker has a main process and child processes (prefork), or it is one process with threads."""

    name: str
    server: Server

    def __init__(self, server: Server, pool: str, budget: float) -> None:
        self.server = server
        self._pool = pool
        self._budget = budget

    def prepare(self, folder: Path, sandbox_url: str) -> None:
        """The waits need no schema: only the environment of their workers."""
        self.log = folder / "celery.log"
        self.environment = {
            BROKER: self.server.url,
            BUDGET: str(self._budget),
            "MESHAPI_BASE_URL": sandbox_url,
            "MESHAPI_API_KEY": "rsk_sandbox",
            "PYTHONPATH": str(ROOT),
        }

    def start_worker(self, record: Path) -> Worker:
        """Starts `celery worker` with two slots. Without `-Q`, it consumes the queue of the waits, too."""
        return Worker.start(
            *(sys.executable, "-m", "celery", "--app", "tools.fleet.celery_worker", "worker", "--loglevel", "INFO"),
            *("--pool", self._pool, "--concurrency", str(SLOTS), "--hostname", f"{uuid.uuid4()}@localhost"),
            # A quicker start: the workers need not know each other.
            *("--without-mingle", "--without-gossip"),
            log=self.log,
            environment={**self.environment, RECORD: str(record)},
        )

    def add(self, task_ids: Sequence[str]) -> None:
        """Adds the waits. Each slot gets a message."""
        app, waits = new_waits(self.server.url, self._budget, chunk=min(max(len(task_ids) // (2 * SLOTS), 1), CHUNK))
        with app:
            waits.add(task_ids)

    def close(self) -> None:
        """Nothing is open."""


class CeleryOnRabbitMQ(_Celery):
    """Celery on RabbitMQ."""

    name = "Celery on RabbitMQ"

    def __init__(
        self, folder: Path, server: RabbitMQ | None = None, *, pool: str = "prefork", budget: float = 4
    ) -> None:
        super().__init__(server or RabbitMQ(folder), pool, budget)


class CeleryOnRedis(_Celery):
    """Celery on Redis, with the least visibility timeout that `VideoWaits` accepts."""

    name = "Celery on Redis"

    def __init__(self, folder: Path, server: Redis | None = None, *, pool: str = "prefork", budget: float = 4) -> None:
        super().__init__(server or Redis(folder), pool, budget)
