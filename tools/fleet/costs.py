"""Measures costs, computes what many waiting tasks need, and writes both into docs/many-machines.md.

`python -m tools.fleet.costs` takes about five minutes. Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from benchmarks.page import date_and_machine
from benchmarks.processes import running_server, server_usage
from tools.fleet.engine import POLL_DELAY
from tools.fleet.measures import CPU, OTHERS
from tools.fleet.paper import ADAPTIVE, CALLBACKS, DEFAULT, LONG, PAGE, RARE, SHORT, Load, loads
from tools.fleet.procrastinate_engine import ProcrastinateEngine
from tools.fleet.sandbox import SandboxServer

ROUNDS: Final = 3
TICKS: Final = os.sysconf("SC_CLK_TCK")
MESSAGE: Final = "a Procrastinate message, its worker"
DATABASE: Final = "a Procrastinate message, its PostgreSQL"
MANY: Final = "asynchronous `wait_many`, `[aiohttp]`"
WAITING: Final = (100_000, 1_000_000)


def measure() -> dict[str, float]:
    """Each figure: the lowest of some rounds, because other programs on the machine only add to it."""
    figures: dict[str, list[float]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        SandboxServer(Path(folder, "sandbox")) as sandbox,
        running_server(polls=10**9) as canned,
    ):
        ids = sandbox.create_tasks([0.0])
        for number in range(ROUNDS):
            for name in [*CPU, *OTHERS]:
                url, tasks = (sandbox.url, ids) if name == "response" else (canned, some_ids(500))
                command = [sys.executable, "-m", "tools.fleet.measures", name, url, *tasks]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                figures.setdefault(name, []).append(json.loads(done.stdout))
            for name, value in message_costs(canned, Path(folder, str(number))).items():
                figures.setdefault(name, []).append(value)
            print({name: values[-1] for name, values in figures.items()})
    return {name: min(values) for name, values in figures.items()}


def some_ids(count: int) -> list[str]:
    """The ids of tasks in a server that knows all ids."""
    return [f"10000000-0000-4000-8000-{number:012}" for number in range(count)]


def message_costs(url: str, folder: Path) -> dict[str, float]:
    """CPU seconds of a message a poll: of one worker with two hundred tasks, and of its database."""
    engine = ProcrastinateEngine(folder / "server")
    os.environ[POLL_DELAY] = "1"
    with engine.server:
        engine.prepare(folder, url)
        worker = engine.start_worker(folder / "record")
        try:
            engine.add(some_ids(200))
            time.sleep(6)
            before = [server_usage(url)[0], tree_cpu(worker.process.pid), tree_cpu(server_pid(engine))]
            time.sleep(10)
            after = [server_usage(url)[0], tree_cpu(worker.process.pid), tree_cpu(server_pid(engine))]
        finally:
            worker.kill()
    polls, worker_cpu, database_cpu = (b - a for a, b in zip(before, after, strict=True))
    return {MESSAGE: worker_cpu / polls, DATABASE: database_cpu / polls}


def server_pid(engine: ProcrastinateEngine) -> int:
    """The process id of PostgreSQL's first process, from its own file."""
    return int((engine.server.folder / "data" / "postmaster.pid").read_text("ascii").split()[0])


def tree_cpu(pid: int) -> float:
    """The CPU seconds of a process and its child processes."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text("utf-8", "replace").rpartition(")")[2].split()
            if pid in {int(stat.parent.name), int(fields[1])}:
                total += int(fields[11]) + int(fields[12])
    return total / TICKS


def measured(figures: Mapping[str, float]) -> Iterator[str]:
    """The table of the measured costs."""
    yield "| CPU of one poll | ms |"
    yield "|---|---|"
    for name in [*CPU, MESSAGE, DATABASE]:
        yield f"| {name} | {figures[name] * 1000:.2f} |"
    yield ""
    yield "| size | bytes |"
    yield "|---|---|"
    yield f"| a task that waits in `wait_many`, in memory | {figures['memory']:,.0f} |"
    yield f"| a `WaitToken`, in memory | {figures['token in memory']:,.0f} |"
    yield f"| a `WaitToken` as JSON | {figures['token as JSON']:.0f} |"
    yield f"| a request, without TLS | {figures['request']:.0f} |"
    yield f"| a response about a running task, without TLS | {figures['response']:.0f} |"
    yield ""
    yield f"<small>{date_and_machine()}; the lowest of {ROUNDS} rounds</small>"


def schedules() -> Iterator[str]:
    """The table of the polls that a schedule sends."""
    yield "| schedule | tasks of 2 minutes: polls each, lag, polls a second for 100,000 | tasks of 30 minutes |"
    yield "|---|---|---|"
    for name, short in loads(SHORT).items():
        yield f"| {name} | {_schedule(short)} | {_schedule(loads(LONG)[name])} |"
    saved = [1 - loads(kind)[CALLBACKS].rate / loads(kind)[DEFAULT].rate for kind in (SHORT, LONG)]
    yield ""
    yield (
        f"The rare schedule with callbacks sends {saved[0]:.0%} fewer polls than the default for tasks of 2 minutes, "
        f"and {saved[1]:.0%} fewer for tasks of 30 minutes."
    ).replace("%", " %")


def _schedule(each: Load) -> str:
    return f"{each.polls:.1f}, {each.lag:.1f} s, {100_000 * each.rate:,.0f}"


def needs(figures: Mapping[str, float]) -> Iterator[str]:
    """The table of what so many tasks need."""
    yield (
        "| waiting | tasks of | schedule | polls a second | cores, `wait_many` | cores, a message a poll "
        "| memory | network, in and out | of a key's limit, requests a minute |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for waiting in WAITING:
        for durations in (SHORT, LONG):
            for name in (DEFAULT, RARE, CALLBACKS, ADAPTIVE):
                yield _needs(figures, waiting, durations.name, name, loads(durations)[name])


def _needs(figures: Mapping[str, float], waiting: int, durations: str, name: str, each: Load) -> str:
    rate = waiting * each.rate
    network = [rate * figures[part] * 8 / 1e6 for part in ("response", "request")]
    cells = [
        f"{waiting:,}",
        durations,
        name,
        f"{rate:,.0f}",
        f"{rate * figures[MANY]:.1f}",
        f"{rate * (figures[MESSAGE] + figures[DATABASE]):,.0f}",
        f"{waiting * figures['memory'] / 1e9:.2f} GB",
        f"{network[0]:,.0f} and {network[1]:,.0f} Mbit/s",
        f"{rate * 60:,.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def write(sections: Mapping[str, Iterable[str]]) -> None:
    """Prints the sections, and writes them between their markers on the page."""
    text = PAGE.read_text("utf-8")
    for section, lines in sections.items():
        table = "\n".join(lines)
        print(table, end="\n\n")
        before, begin, rest = text.partition(f"<!-- {section}:begin -->")
        _, end, after = rest.partition(f"<!-- {section}:end -->")
        if not end:
            raise ValueError(f"{PAGE} has no place for the table {section}")
        text = f"{before}{begin}\n\n{table}\n\n{end}{after}"
    PAGE.write_text(text, "utf-8")


def main() -> None:
    """Measures, computes, prints and writes."""
    description = "Measures costs, and writes what many waiting tasks need into docs/many-machines.md, in five minutes."
    parser = argparse.ArgumentParser(prog="python -m tools.fleet.costs", description=description)
    parser.parse_args()
    if find_spec("aiohttp") is None:
        parser.error("the rows with [aiohttp] need the extra: install -e '.[aiohttp,sandbox]' and the group engines")
    figures = measure()
    write({"costs": measured(figures), "schedules": schedules(), "needs": needs(figures)})


if __name__ == "__main__":
    main()
