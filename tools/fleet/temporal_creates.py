"""Creates videos on Temporal while creates fail and workers are killed, and counts what was paid for.

Half of the creates fail at random, before or after their task is made, and a worker is killed by SIGKILL again and
again while creates are in flight. `python -m tools.fleet.temporal_creates --videos N --seed N`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ActivityError, ApplicationError

from meshapi_video_sandbox import Sandbox, running_sandbox
from tools.fleet.engine import POLL_DELAY, Worker
from tools.fleet.temporal_engine import TemporalWaits
from tools.fleet.temporal_worker import MakeVideo
from tools.paid_twice import MODEL, WEIGHTS

SETTLED_AFTER: Final = 8.0
"""Seconds after which a task that is not in the list was not made: longer than the slowest response."""
START_TO_CLOSE: Final = 4.0
"""Seconds until Temporal gives up an attempt of a killed worker."""


async def create_all(engine: TemporalWaits, record: Path, videos: int, seed: int) -> tuple[Counter[str], int]:
    """How the creates ended, and how many workers were killed."""
    client = await Client.connect(engine.server.url)
    moments = random.Random(seed)  # noqa: S311 - the same moments each time
    handles = list[WorkflowHandle[Any, str]]()
    workers, kills = [start_worker(engine, record), start_worker(engine, record)], 0
    try:
        for number in range(videos):
            request = {"model": MODEL, "prompt": f"video {number}"}
            arguments = [request, START_TO_CLOSE]
            handles.append(
                await client.start_workflow(
                    MakeVideo.run, args=arguments, id=str(uuid.uuid4()), task_queue=engine.queue
                )
            )
            await asyncio.sleep(moments.expovariate(8))
            if number % 10 == 9:
                workers.pop(0).kill()
                kills += 1
                workers.append(start_worker(engine, record))
        ends = await asyncio.gather(*map(end_of, handles))
    finally:
        for worker in workers:
            worker.kill()
    return Counter(ends), kills


def start_worker(engine: TemporalWaits, record: Path) -> Worker:
    """A worker that searches the list for a few seconds only, and takes over soon."""
    return engine.start_worker(record, str(SETTLED_AFTER), "1")


async def end_of(handle: WorkflowHandle[Any, str]) -> str:
    """`video`, or the type of the error."""
    try:
        await handle.result()
    except WorkflowFailureError as error:
        cause = error.cause.cause if isinstance(error.cause, ActivityError) else error.cause
        return (isinstance(cause, ApplicationError) and cause.type) or repr(cause)
    return "video"


def run(sandbox: Sandbox, folder: Path, videos: int, seed: int) -> int:
    """The exit code: 0 if no video was paid for twice, and each was made or is known to be unclear."""
    os.environ[POLL_DELAY] = "0.5"
    began = time.monotonic()
    engine = TemporalWaits(folder / "server")
    sandbox.plan_creates(queued_for=0, running_for=0, random_faults={"weights": WEIGHTS, "seed": seed, "delay": 2})
    with engine.server:
        engine.prepare(folder, sandbox.base_url)
        ends, kills = asyncio.run(create_all(engine, folder / "record", videos, seed))
    tasks = Counter(str(sandbox.inspect(record.id).row.get("seed")) for record in sandbox.creates())
    twice = sum(number > 1 for number in tasks.values())
    print("| videos asked for | tasks paid for | paid for twice or more | ends | kills | seconds |")
    print("|---|---|---|---|---|---|")
    print(f"| {videos} | {tasks.total()} | {twice} | {dict(ends)} | {kills} | {time.monotonic() - began:.0f} |")
    is_exact = ends.keys() <= {"video", "CreateUncertain"} and ends["video"] == tasks.total()
    return 0 if is_exact and not twice else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs once, and prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--videos", type=int, default=200, help="how many videos (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the faults and kills (default: %(default)s)")
    options = parser.parse_args(arguments)
    with running_sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        return run(sandbox, Path(folder), options.videos, options.seed)


if __name__ == "__main__":
    sys.exit(main())
