"""One run: tasks, two workers, one fault, and the measured numbers. A process of its own, for the harness."""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tools.fleet.engine import POLL_DELAY, Engine
from tools.fleet.engines import load_engine
from tools.fleet.faults import FAULTS
from tools.fleet.fleet import Fleet
from tools.fleet.sandbox import SandboxServer

CHECK_INTERVAL: Final = 0.2
POLL_TIMEOUT: Final = 600.0
"""Seconds for the workers to poll each task once."""
SAMPLE: Final = 50
GRACE: Final = 1.0
"""Seconds for which the workers run on after the last record: a wait that is repeated calls `on_end` again."""


@dataclass(frozen=True)
class Plan:
    """The tasks of a run. Times are in seconds."""

    engine: str
    """The engine's name on the command line."""
    fault: str
    number: int = 1
    """The number of this repeat. It is also the seed of what is random."""
    tasks: int = 50
    ends_within: float = 5.0
    """After all tasks were polled, they end within this time, each at a moment of its own."""
    poll_delay: float = 1.0
    """The delay between two polls of a task."""
    give_up: float = 120.0
    """A task without a record is lost so long after the last task has ended."""


@dataclass(frozen=True)
class Result:
    """What a run measured. Times are in seconds."""

    plan: Plan
    engine: str
    """The engine's name in the table."""
    ended: int
    """The number of tasks with a record."""
    calls: int
    """The number of calls of `on_end`."""
    last_delay: float
    """From the end of the last task that ended to its record."""
    longest_delay: float
    """From the end of any task to its record."""
    polls: int
    cpu: float
    """CPU seconds of all workers, from the first wait to the last record, with the starts of new workers."""
    workers: int
    """The number of workers that were started."""
    stop_seconds: float
    """The longest time from SIGTERM to the end of a worker."""
    seconds: float
    """The time of the whole run."""

    @property
    def lost(self) -> int:
        """The number of tasks without a record."""
        return self.plan.tasks - self.ended


def run(plan: Plan, engine: Engine, folder: Path) -> Result:
    """Runs the plan, with its files in `folder`."""
    started = time.monotonic()
    rand = random.Random(f"{plan.engine} {plan.fault} {plan.number}")  # noqa: S311 - not for a secret
    fleet = Fleet(engine, SandboxServer(folder / "sandbox"), folder / "record", rand)
    fleet.record.touch()
    os.environ[POLL_DELAY] = str(plan.poll_delay)
    with fleet.running(folder):
        cpu_before = fleet.cpu_seconds()
        task_ids = fleet.sandbox.create_tasks([rand.uniform(0, plan.ends_within) for _ in range(plan.tasks)])
        engine.add(task_ids)
        _wait_for_polls(fleet, task_ids)
        fleet.sandbox.let_tasks_end()
        last_end = time.time() + plan.ends_within
        # In the middle: some waits have ended, and most have not.
        _sleep(rand.uniform(0, plan.ends_within / 2), fleet)
        FAULTS[plan.fault][1](fleet)
        _wait_for_records(fleet, task_ids, max(last_end, time.time()) + plan.give_up)
        cpu = fleet.cpu_seconds() - cpu_before
        time.sleep(GRACE)
    ended_at = fleet.sandbox.ends()
    calls = {task_id: times for task_id, times in fleet.calls().items() if task_id in ended_at}
    delays = {task_id: min(times) - ended_at[task_id] for task_id, times in calls.items()}
    return Result(
        plan=plan,
        engine=engine.name,
        ended=len(calls),
        calls=sum(map(len, calls.values())),
        last_delay=delays[max(delays, key=ended_at.__getitem__)] if delays else float("nan"),
        longest_delay=max(delays.values(), default=float("nan")),
        polls=fleet.sandbox.polls(),
        cpu=cpu,
        workers=fleet.started,
        stop_seconds=fleet.stop_seconds,
        seconds=time.monotonic() - started,
    )


def _sleep(seconds: float, fleet: Fleet) -> None:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(left, CHECK_INTERVAL))
        fleet.cpu_seconds()


def _wait_for_polls(fleet: Fleet, task_ids: Sequence[str]) -> None:
    """Returns when each task has been polled; of very many tasks, a sample. Raises `TimeoutError`."""
    deadline = time.monotonic() + POLL_TIMEOUT
    for task_id in fleet.rand.sample(task_ids, min(len(task_ids), SAMPLE)):
        while not fleet.sandbox.is_polled(task_id):
            if time.monotonic() > deadline:
                raise TimeoutError(f"task {task_id} was not polled within {POLL_TIMEOUT:g} s")
            _sleep(CHECK_INTERVAL, fleet)


def _wait_for_records(fleet: Fleet, task_ids: Sequence[str], deadline: float) -> None:
    """Returns when each task has a record, or at the deadline."""
    while not fleet.calls().keys() >= set(task_ids) and time.time() < deadline:
        fleet.replace_ended_workers()
        _sleep(CHECK_INTERVAL, fleet)


def main() -> None:
    """Runs the plan that is given as JSON, and prints the result as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tools.fleet.run", description=main.__doc__)
    parser.add_argument("plan", type=json.loads)
    plan = Plan(**parser.parse_args().plan)
    folder = Path(tempfile.mkdtemp(prefix="fleet-"))
    keep = True
    try:
        result = run(plan, load_engine(plan.engine)(folder / "server"), folder)
        print(json.dumps(asdict(result)))
        keep = result.lost > 0
    finally:
        if keep:
            print(f"the logs are in {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
