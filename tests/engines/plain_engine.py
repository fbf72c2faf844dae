"""The simplest engine, for tests of the harness: two workers share the ids in a file, by their places in it.

A worker runs as `python -m engines.plain_engine FOLDER RECORD SHARE`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from meshapi_video import VideoClient
from tools.fleet.engine import Worker, poll_policy, record_end
from tools.fleet.fleet import WORKERS
from tools.fleet.servers import Server


class NoServer(Server):
    """The file with the ids needs no server."""

    name = "no server"
    install = ""

    @property
    def url(self) -> str:
        return ""

    def run(self) -> None:
        """Starts nothing."""

    def accepts(self) -> bool:
        return True


class PlainEngine:
    """A new worker takes over the share of the one that it replaces."""

    name = "plain processes"

    def __init__(self, folder: Path) -> None:
        self.server: Server = NoServer(folder)
        self.started = 0

    def prepare(self, folder: Path, sandbox_url: str) -> None:
        self.folder = folder
        self.environment = {"MESHAPI_BASE_URL": sandbox_url, "MESHAPI_API_KEY": "rsk_sandbox"}

    def share(self) -> int:
        return self.started % WORKERS

    def start_worker(self, record: Path) -> Worker:
        share = self.share()
        self.started += 1
        command = [sys.executable, "-m", "tests.engines.plain_engine", str(self.folder), str(record), str(share)]
        return Worker.start(*command, log=self.folder / "workers.log", environment=self.environment)

    def add(self, task_ids: Sequence[str]) -> None:
        new = self.folder / "new"
        new.write_text("\n".join(task_ids), "ascii")
        new.rename(self.folder / "ids")

    def close(self) -> None:
        """Nothing is open."""


class LosingEngine(PlainEngine):
    """The work of the first worker is lost: it writes no record, and a new worker gets a share without tasks."""

    name = "plain processes that lose tasks"

    def share(self) -> int:
        return self.started

    def start_worker(self, record: Path) -> Worker:
        return super().start_worker(self.folder / "forgotten" if self.started == 0 else record)


def main(folder: Path, record: Path, share: int) -> None:
    while not (folder / "ids").exists():
        time.sleep(0.02)
    task_ids = (folder / "ids").read_text("ascii").split()
    with VideoClient() as client:
        mine = [task_id for place, task_id in enumerate(task_ids) if place % WORKERS == share]
        for result in client.wait_many(mine, poll=poll_policy()):
            record_end(record, result.task_id)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
