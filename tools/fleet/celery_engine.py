"""Celery on RabbitMQ and on Redis, with `meshapi_video.celery`."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

from tools.fleet.engine import Worker
from tools.fleet.servers import RabbitMQ, Redis

ROOT = Path(__file__).parents[2]


class _Celery:
    """A worker is a main process and child processes (prefork), or one process with threads."""

    name: str
    server: RabbitMQ | Redis

    def __init__(
        self, server: RabbitMQ | Redis, *, pool: str = "prefork", slots: int = 2, chunk: int = 10, budget: float = 4.0
    ) -> None:
        self.server = server
        self._pool = ("--pool", pool, "--concurrency", str(slots))
        self._chunk = chunk
        self._budget = budget

    def prepare(self, folder: Path, sandbox_url: str) -> None:
        """The waits need no schema, and no settings but the environment of the workers."""
        self._folder = folder
        self._environment = {
            "FLEET_BROKER": self.server.url,
            "FLEET_BUDGET": str(self._budget),
            "FLEET_CHUNK": str(self._chunk),
            "FLEET_RECORD": "",
            "MESHAPI_BASE_URL": sandbox_url,
            "MESHAPI_API_KEY": "rsk_sandbox",
            "PYTHONPATH": str(ROOT),
        }

    def start_worker(self, record: Path) -> Worker:
        """Starts `celery worker`. It consumes the queue of the waits without `-Q`."""
        return Worker.start(
            *(sys.executable, "-m", "celery", "--app", "tools.fleet.celery_worker", "worker"),
            *(*self._pool, "--loglevel", "INFO", "--hostname", f"{uuid.uuid4()}@localhost"),
            log=self._folder / "celery.log",
            environment={**self._environment, "FLEET_RECORD": str(record)},
        )

    def add(self, task_ids: Sequence[str]) -> None:
        """Adds the waits in a process of its own, because the Celery app belongs to one broker."""
        program = "import sys; from tools.fleet.celery_worker import waits; waits.add(sys.stdin.read().split())"
        subprocess.run(
            [sys.executable, "-c", program],
            input="\n".join(task_ids).encode("ascii"),
            env=self._environment,
            check=True,
        )

    def close(self) -> None:
        """Nothing is open."""


class CeleryOnRabbitMQ(_Celery):
    """Celery on RabbitMQ."""

    name = "Celery on RabbitMQ"


class CeleryOnRedis(_Celery):
    """Celery on Redis, with the visibility timeout that `VideoWaits` asks for."""

    name = "Celery on Redis"
