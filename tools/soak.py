"""Feeds `wait_many` through some virtual days, against a sandbox that restarts, fails, lies and is slow at random.

Checks that every task has exactly one result, that it is the sandbox's, and that memory, threads and open
descriptors stay level. Run by `nox -s soak`.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import random
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final, Literal, get_args
from unittest.mock import patch

import anyio
import anyio.to_thread

from meshapi_video import AsyncVideoClient, PollPolicy, TaskError, VideoClient, WaitResult
from meshapi_video._async import session
from meshapi_video._http_libraries import httpx
from meshapi_video._polling import scheduler
from meshapi_video._polling.scheduler import ScheduledPoll, Scheduler
from meshapi_video._polling.state import GRACE
from tools.chaos import (
    FAULTS,
    LONGEST_RETRY_AFTER,
    PERMANENT,
    PROCESSES,
    ChaosReport,
    ChaosSettings,
    VirtualClock,
    control_client,
    run_chaos,
)
from tools.load_sandbox import megabytes

Kind = Literal["blocking", "asyncio", "trio", "aiohttp"]

HOUR: Final = 3600.0
KEY: Final = "rsk_sandbox"
POLICY: Final = PollPolicy(initial_delay=300, max_delay=900)
IN_FLIGHT: Final = 16
"""The most requests in flight: few, so that all threads exist early in the run."""
REMEMBERED: Final = 1000
"""Ended tasks that `wait_many` remembers in this run, instead of 100,000: so its memory is level from the beginning."""
ENDLESS_LIFE: Final = 7200
"""Seconds after which a task expires that never ends: `wait_many` ends its wait five minutes later."""
# Dates have whole seconds. A `Retry-After` that is longer than the rest of the wait ends the wait.
EARLIEST_TIMEOUT: Final = ENDLESS_LIFE + GRACE - LONGEST_RETRY_AFTER - 2
"""The least age in seconds of such a task when its wait ends."""
MARGINS: Final = {"memory": (0.10, 2.0), "objects": (0.05, 5000.0), "threads": (0.0, 2.0), "descriptors": (0.0, 8.0)}
"""By how much the last quarter of the run may be above the first: a part of it, plus a number."""


@dataclass(frozen=True)
class Sample:
    """The figures of this process at one moment."""

    hours: float
    """Virtual hours since the start."""
    memory: float
    """MB."""
    objects: int
    """The number of objects that the garbage collector knows."""
    threads: int
    descriptors: int
    """The number of open descriptors."""

    @classmethod
    def take(cls, hours: float) -> Sample:
        """The figures now."""
        gc.collect()
        # Without the descriptor that lists them.
        descriptors = sum(1 for _ in Path("/dev/fd").iterdir()) - 1
        return cls(hours, megabytes(os.getpid()), len(gc.get_objects()), threading.active_count(), descriptors)


class Ledger:
    """Every task that was created, and every result. In a file: memory that grows would hide a leak."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE created (id TEXT PRIMARY KEY)")
        self._database.execute("CREATE TABLE results (id TEXT, at REAL, status TEXT, url TEXT, text TEXT)")

    def add_task(self, task_id: str) -> None:
        """A task that the sandbox has created."""
        self._database.execute("INSERT INTO created VALUES (?)", (task_id,))

    def add_result(self, task_id: str, at: float, status: str, url: str | None = None, text: str = "") -> None:
        """A result at the virtual time `at`. `status` is a task's terminal status, or the name of an error."""
        self._database.execute("INSERT INTO results VALUES (?, ?, ?, ?, ?)", (task_id, at, status, url, text))

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def counts(self) -> tuple[int, dict[str, int]]:
        """The number of tasks, and the number of results with each status."""
        ((tasks,),) = self._database.execute("SELECT count(*) FROM created")
        query = "SELECT status, count(*) FROM results GROUP BY status ORDER BY count(*) DESC"
        return tasks, dict(self._database.execute(query))

    def problems(self, db: Path, permanent: dict[str, str]) -> list[str]:
        """Each difference from the sandbox's database. `permanent` has the tasks that an injected error may end."""
        self._database.execute("ATTACH ? AS sandbox", (str(db),))
        self._database.execute("CREATE TABLE permanent (id TEXT PRIMARY KEY, error TEXT)")
        self._database.executemany("INSERT INTO permanent VALUES (?, ?)", permanent.items())
        problems = list[str]()
        for problem, query in _PROBLEMS.items():
            rows = self._database.execute(query).fetchall()
            if rows:
                problems.append(f"{len(rows)} {problem}, the first ones: {rows[:5]}")
        self._database.execute("DETACH sandbox")
        return problems


_PROBLEMS: Final = {
    "tasks without a result": "SELECT id FROM created WHERE id NOT IN (SELECT id FROM results)",
    "tasks with more than one result": "SELECT id, count(*) FROM results GROUP BY id HAVING count(*) > 1",
    "results of no task": "SELECT id FROM results WHERE id NOT IN (SELECT id FROM created)",
    "tasks that the sandbox lost": "SELECT id FROM created WHERE id NOT IN (SELECT id FROM sandbox.tasks)",
    "results that are not what the sandbox has": f"""
        SELECT id, results.status, text, tasks.status
        FROM results JOIN sandbox.tasks USING (id) JOIN sandbox.plans ON id = task_id LEFT JOIN permanent USING (id)
        WHERE (results.status, results.url) IS NOT (tasks.status, json_extract(response, '$.content.video_url'))
        AND results.status IS NOT permanent.error
        AND NOT (results.status = 'WaitTimeout' AND tasks.status IN ('queued', 'running')
                 AND json_extract(plan, '$.fields.execution_expires_after') = {ENDLESS_LIFE}
                 AND at >= json_extract(plan, '$.created_at') + {EARLIEST_TIMEOUT})
    """,  # noqa: S608 - numbers of this module
    "statuses that are not as planned": """
        SELECT id, tasks.status, plan FROM sandbox.tasks JOIN sandbox.plans ON id = task_id
        WHERE progress = 2 AND tasks.status != coalesce(json_extract(plan, '$.outcome'), 'succeeded')
    """,
}


@dataclass
class Soak:
    """A run, and its figures."""

    kind: Kind
    days: float
    seed: int
    speed: float
    """Virtual seconds in a second of real time."""
    waiting: int
    """The most tasks that are waited for at once. A task is created whenever there is room."""
    uptime: float
    """The mean of the virtual hours between two restarts of the sandbox."""
    faults: frozenset[str]
    problems: list[str] = field(default_factory=list[str])
    samples: list[Sample] = field(default_factory=list[Sample])
    """One before the client is created, one in each virtual hour, and one after the client was closed."""
    polls: int = 0
    failed_polls: int = 0
    seconds: float = 0.0
    chaos: ChaosReport = field(default_factory=ChaosReport)
    tasks: int = 0
    results: dict[str, int] = field(default_factory=dict[str, int])

    def run(self, folder: Path) -> None:
        """Runs with databases in this folder. Afterwards, `problems` says what is wrong."""
        db = folder / "tasks.db"
        settings = ChaosSettings(self.seed, self.speed, db, self.faults, self.uptime * HOUR)
        with closing(Ledger(folder / "ledger.db")) as self._ledger:
            self._wait_with_chaos(settings)
            self.tasks, self.results = self._ledger.counts()
            self.problems += self.chaos.problems + self._ledger.problems(db, self.chaos.permanent)
        self.problems += level_problems(self.samples)

    def _wait_with_chaos(self, settings: ChaosSettings) -> None:
        with (
            _chaos(settings, self.chaos) as (base_url, self._clock),
            control_client(base_url) as self._http,
            self._patched(),
        ):
            started = time.monotonic()
            # The first request opens the only connection of this client.
            self._http.get("/_sandbox/clock").raise_for_status()
            self._sample()
            if self.kind == "blocking":
                self._wait(base_url)
            else:
                anyio.run(self._wait_async, base_url, backend="trio" if self.kind == "trio" else "asyncio")
            self.seconds = time.monotonic() - started
            # trio keeps the idle threads of `_create` for 10 seconds.
            deadline = time.monotonic() + 12
            while threading.active_count() > self.samples[0].threads and time.monotonic() < deadline:
                time.sleep(0.05)
            self._sample()

    def _wait(self, base_url: str) -> None:
        with VideoClient(KEY, base_url=base_url, timeout=2.0) as client:
            self._use_virtual_time(client)
            results = client.wait_many(
                self._task_ids(), timeout=None, poll=POLICY, max_in_flight=IN_FLIGHT, max_waiting=self.waiting
            )
            for result in results:
                self._record(result)
            self.polls = results.progress.polls

    async def _wait_async(self, base_url: str) -> None:
        async with AsyncVideoClient(KEY, base_url=base_url, timeout=2.0) as client:
            self._use_virtual_time(client)
            results = client.wait_many(
                self._task_ids_async(), timeout=None, poll=POLICY, max_in_flight=IN_FLIGHT, max_waiting=self.waiting
            )
            async for result in results:
                self._record(result)
            self.polls = results.progress.polls

    def _use_virtual_time(self, client: VideoClient | AsyncVideoClient) -> None:
        # As in the tests: nothing public sets the clock.
        client._clock = client._unix_clock = self._clock  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    @contextmanager
    def _patched(self) -> Generator[None]:
        """Lets `wait_many` sleep in virtual time, and remember few ended tasks; selects the transport."""
        next_action, speed = Scheduler.next, self.speed

        def next_at_speed(self: Scheduler, now: float) -> ScheduledPoll | float:
            action = next_action(self, now)
            return action if isinstance(action, ScheduledPoll) else action / speed

        counter = _FailedPolls()
        logger = logging.getLogger("meshapi_video.polls")
        with ExitStack() as stack:
            stack.enter_context(patch.object(Scheduler, "next", next_at_speed))
            stack.enter_context(patch.object(scheduler, "_REMEMBERED", REMEMBERED))
            stack.enter_context(patch.object(session, "HAS_AIOHTTP", self.kind == "aiohttp"))
            logger.addHandler(counter)
            stack.callback(logger.removeHandler, counter)
            # Each failed poll: the log is quiet after the first failed connection of an outage.
            logger.setLevel(logging.DEBUG)
            stack.callback(logger.setLevel, logging.NOTSET)
            yield
        self.failed_polls = counter.count

    def _task_ids(self) -> Iterator[str]:
        for number in self._numbers():
            self._create(number)
            yield from self._ids_of(number)

    async def _task_ids_async(self) -> AsyncIterator[str]:
        for number in self._numbers():
            await anyio.to_thread.run_sync(self._create, number)
            for task_id in self._ids_of(number):
                yield task_id

    def _numbers(self) -> Iterator[int]:
        for number in count():
            if self._clock.elapsed >= self.days * 24 * HOUR:
                return
            yield number

    def _ids_of(self, number: int) -> Iterator[str]:
        """The id of a task that was created, and now and then once more the id of an earlier one."""
        self._ledger.add_task(_task_id(number))
        yield _task_id(number)
        rand = self._rand(number, "duplicate")
        if rand.random() < 0.02:
            yield _task_id(max(number - rand.randrange(100), 0))

    def _create(self, number: int) -> None:
        """Creates a task, and continues until that has succeeded."""
        rand = self._rand(number, "task")
        plan: dict[str, object] = {
            "id": _task_id(number),
            "outcome": rand.choices(["succeeded", "failed", "expired", "cancelled"], [85, 5, 5, 5])[0],
            "queued_for": rand.uniform(0, 600),
            "running_for": rand.uniform(30, 1800),
        }
        if rand.random() < 0.005:
            plan |= {"running_for": 30 * 24 * HOUR, "execution_expires_after": ENDLESS_LIFE, "outcome": "succeeded"}
        deadline = time.monotonic() + 60
        while True:
            try:
                response = self._http.post("/_sandbox/tasks", json=plan)
            except httpx.TransportError:
                # The sandbox is down, but not for so long.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
                continue
            # 409: an earlier request created the task, and its response was lost.
            if response.status_code not in {201, 409}:
                response.raise_for_status()
            return

    def _rand(self, number: int, purpose: str) -> random.Random:
        return random.Random(f"{self.seed} {number} {purpose}")  # noqa: S311 - not for a secret

    def _record(self, result: WaitResult) -> None:
        now = self._clock()
        if result.video is not None:
            self._ledger.add_result(result.task_id, now, "succeeded", result.video.url)
        elif isinstance(result.error, TaskError):
            self._ledger.add_result(result.task_id, now, result.error.task.status)
        else:
            self._ledger.add_result(result.task_id, now, type(result.error).__name__, text=str(result.error))
        if len(self.samples) == 1 or self._clock.elapsed / HOUR >= self.samples[-1].hours + 1:
            self._sample()

    def _sample(self) -> None:
        self.samples.append(Sample.take(self._clock.elapsed / HOUR))

    def __str__(self) -> str:
        chaos = self.chaos
        rows = [
            ("client, seed", f"{self.kind}, {self.seed}"),
            ("virtual days", f"{self.samples[-1].hours / 24:.2f} in {self.seconds:.0f} s of real time"),
            ("tasks", f"{self.tasks}, at most {self.waiting} waited for at once"),
            ("results", _listed(self.results)),
            ("polls", f"{self.polls}, of which {self.failed_polls} failed and were repeated"),
            ("polls while down", str(chaos.polls_while_down)),
            ("restarts", f"{chaos.kills} kills, {chaos.stops} stops"),
            ("faults", _listed(dict(chaos.faults.most_common()))),
            *((name, self._growth(name)) for name in MARGINS),
        ]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)

    def _growth(self, name: str) -> str:
        before, *during, after = (float(getattr(sample, name)) for sample in self.samples)
        medians = ", ".join(f"{statistics.median(quarter):.6g}" for quarter in _quarters(during))
        return f"{before:.6g} before; {medians} (medians of the quarters); at most {max(during):.6g}; {after:.6g} after"


class _FailedPolls(logging.Handler):
    """Counts the failed polls after which the wait continued."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        self.count += " failed after " in message and "; next poll in " in message


def level_problems(samples: list[Sample]) -> list[str]:
    """Says which figure has grown: from the first quarter of the run to the last, or from before the run to after."""
    problems = list[str]()
    before, *during, after = samples
    # A short run has no quarters.
    for name, (part, number) in MARGINS.items() if len(during) >= 12 else ():
        # In the first quarter the highest value, because the first restart may come late in it.
        first_quarter, *_, last_quarter = _quarters([float(getattr(sample, name)) for sample in during])
        first, last = max(first_quarter), statistics.median(last_quarter)
        if last > first * (1 + part) + number:
            problems.append(f"{name} grew from {first:.6g} to {last:.6g}")
    for name in ("threads", "descriptors"):
        first, last = getattr(before, name), getattr(after, name)
        if last > first:
            problems.append(f"{name} after the end: {last}, and {first} before the start")
    return problems


def _quarters(values: list[float]) -> list[list[float]]:
    """The values in four parts of the same length, or in one if there are few."""
    length = len(values) // 4
    return [values[start : start + length] for start in range(0, 4 * length, length)] if length else [values]


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items())


def _task_id(number: int) -> str:
    return f"task-{number}"


@contextmanager
def _chaos(settings: ChaosSettings, report: ChaosReport) -> Generator[tuple[str, VirtualClock]]:
    """The URL of a proxy with chaos behind it, in another process, and its clock. Fills the report at the end."""
    ours, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(target=run_chaos, args=(settings, theirs))
    process.start()
    theirs.close()
    try:
        yield ours.recv()
        ours.send("stop")
        received: ChaosReport = ours.recv()
        vars(report).update(vars(received))
    finally:
        ours.close()
        process.join(30)
        process.kill()


def main() -> int:
    """The soak as a command. Returns the exit code: 1 if something is wrong."""
    parser = argparse.ArgumentParser(prog="nox -s soak --", description=__doc__)
    parser.add_argument("--client", choices=[*get_args(Kind), "all"], default="all")
    parser.add_argument("--days", type=float, default=3, help="virtual days")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311 - not for a secret
    parser.add_argument("--speed", type=float, default=1000, help="virtual seconds in a second of real time")
    parser.add_argument("--waiting", type=int, default=300, help="the most tasks that are waited for at once")
    parser.add_argument("--uptime", type=float, default=6, help="mean virtual hours between two restarts")
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        choices=[*FAULTS, *PERMANENT],
        metavar="FAULT",
        help="leave out a fault",
    )
    arguments = parser.parse_args()
    # The warnings of unknown statuses, which are injected, would hide the figures.
    logging.getLogger("meshapi_video.tasks").setLevel(logging.ERROR)
    is_wrong = False
    for kind in get_args(Kind) if arguments.client == "all" else [arguments.client]:
        faults = (FAULTS.keys() | PERMANENT.keys()) - {*arguments.without}
        soak = Soak(
            kind,
            arguments.days,
            arguments.seed,
            arguments.speed,
            arguments.waiting,
            arguments.uptime,
            frozenset(faults),
        )
        with tempfile.TemporaryDirectory() as folder:
            soak.run(Path(folder))
        print(soak, *(f"WRONG: {problem}" for problem in soak.problems), "", sep="\n", flush=True)
        is_wrong |= bool(soak.problems)
    return int(is_wrong)


if __name__ == "__main__":
    sys.exit(main())
