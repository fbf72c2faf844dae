"""Kills workers, brokers and sandboxes under waiting tasks, and counts what is lost.

Each run starts a sandbox, an engine's server and two workers, lets one fault happen, and counts the tasks whose end
was recorded. All runs take less than an hour on two cores. The exit code is 1 if a task was lost or a run failed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from tools.fleet.engines import ENGINES, TOGETHER, WITHOUT_CHILDREN
from tools.fleet.faults import FAULTS
from tools.fleet.run import Plan, Result
from tools.fleet.table import NOTES, PAGE, load, result_from, save, table, write

REPEATS: Final = 10
JOBS: Final = (os.cpu_count() or 1) * 3 // 2
"""More runs at once than cores, because a run mostly waits."""
MANY: Final = Plan("", "many", tasks=10_000, ends_within=60, poll_delay=30, give_up=1800)


def many(engine: str) -> Plan:
    """The run with ten thousand tasks."""
    # Temporal's development server starts about 55 activities a second, and each poll is one.
    return replace(MANY, engine=engine, poll_delay=300 if engine == "temporal-polls" else MANY.poll_delay)


def plans(options: argparse.Namespace) -> Iterator[Plan]:
    """The runs. Those without a fault are not repeated."""
    times = {name: getattr(options, name) for name in ("ends_within", "poll_delay", "give_up")}
    for number in range(1, options.repeat + 1):
        for engine in options.engine:
            for fault in options.fault:
                if number > 1 and fault in {"none", "many"}:
                    continue
                if (fault == "child" and engine in WITHOUT_CHILDREN) or (fault == "many" and engine == "airflow"):
                    continue
                plan = Plan(engine, fault, number, options.tasks, **times)
                yield many(engine) if fault == "many" else plan


def run_apart(plan: Plan) -> Result:
    """Runs the plan in a process of its own. Raises `RuntimeError` with its error output."""
    command = ["setpriv", "--pdeathsig=KILL", sys.executable, "-m", "tools.fleet.run", json.dumps(asdict(plan))]
    process = subprocess.run(command, check=False, capture_output=True, text=True)
    if process.returncode != 0:
        raise RuntimeError(process.stderr)
    print(process.stderr, end="", file=sys.stderr)
    return result_from(json.loads(process.stdout))


def line(result: Result) -> str:
    """The progress line of a run."""
    plan = result.plan
    lost = f"{result.lost} LOST, " if result.lost else ""
    stopped = f"stopped in {result.stop_seconds:.1f} s, " if result.stop_seconds else ""
    return (
        f"{plan.engine}, {FAULTS[plan.fault][0]}, run {plan.number}: {lost}{result.ended} of {plan.tasks} ended, "
        f"{result.calls} calls, last end to its record {result.last_delay:.1f} s, {stopped}{result.workers} workers, "
        f"{result.seconds:.0f} s"
    )


def measure(todo: Sequence[Plan], jobs: int, file: Path | None) -> tuple[list[Result], int]:
    """The results of the plans, saved one by one, and the number of runs that failed."""
    results = list[Result]()
    failed = 0
    with ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(run_apart, plan): plan for plan in todo}
        for number, future in enumerate(as_completed(running), start=1):
            plan = running[future]
            try:
                result = future.result()
            except RuntimeError as error:
                failed += 1
                print(f"[{number}/{len(todo)}] {plan.engine}, {plan.fault}, run {plan.number} FAILED: {error}")
                continue
            print(f"[{number}/{len(todo)}] {line(result)}", flush=True)
            results.append(result)
            if file is not None:
                save(result, file)
    return results, failed


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        prog="nox -s fleet --", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    engines = f"one of {', '.join(ENGINES)}; may be repeated; the default is all but airflow"
    parser.add_argument("--engine", action="append", help=engines)
    parser.add_argument("--fault", action="append", choices=FAULTS, help="may be repeated; the default is all of them")
    parser.add_argument("--repeat", type=int, default=REPEATS, help="runs of each engine with each fault (%(default)s)")
    parser.add_argument("--tasks", type=int, default=Plan.tasks, help="tasks of a run (%(default)s)")
    for name in ("ends_within", "poll_delay", "give_up"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=getattr(Plan, name), metavar="SECONDS")
    parser.add_argument("--jobs", type=int, default=JOBS, help="runs at once (%(default)s)")
    parser.add_argument(
        "--results", type=Path, help="a file of JSON lines: runs that it has are not run again, others are added"
    )
    parser.add_argument("--table-only", action="store_true", help="run nothing: make the table from --results")
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE}")
    parser.add_argument("--page", type=Path, default=PAGE, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.engine = options.engine or TOGETHER
    options.fault = options.fault or list(FAULTS)
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the plans that have no result yet. Returns the exit code."""
    options = parse(arguments)
    results = load(options.results) if options.results else []
    done = {result.plan for result in results}
    todo = [] if options.table_only else [plan for plan in plans(options) if plan not in done]
    # The large runs need both cores.
    small, large = ([plan for plan in todo if (plan.fault == "many") is many] for many in (False, True))
    failed = 0
    for some, jobs in ((small, options.jobs), (large, 1)):
        new, failures = measure(some, jobs, options.results)
        results += new
        failed += failures
    text = table(results)
    print(f"\n{text}")
    if options.write:
        write(text + NOTES, options.page)
        print(f"wrote {options.page}")
    return 1 if failed or any(result.lost for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
