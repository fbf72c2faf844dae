"""Figure 6: the download of a large file from a server on the same machine."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx
import msgspec

from benchmarks import limit, polls
from benchmarks.goals import Goal, goals_table
from benchmarks.plan import Plan, Section
from benchmarks.processes import (
    GRACE_PERIOD,
    ContenderFailed,
    Reply,
    resident_memory,
    running_child,
    serve_parent,
    start_watchdog,
)
from benchmarks.tables import Column, Results, in_rounds, table

TIMEOUT: Final = 120.0
"""Seconds for one download."""
MEMORY_FOLDER: Final = Path("/dev/shm")  # noqa: S108 - the benchmark makes its own folder in it
"""A folder in memory, if the system has this one: otherwise the disk would be measured."""


class Download(msgspec.Struct):
    """The request to download the file."""

    contender: str
    base_url: str
    path: str


class Downloaded(Reply):
    """The cost of the download."""

    seconds: float
    cpu: float
    memory: int
    """The maximum of resident bytes, minus those before."""


def curl(request: Download) -> Callable[[], object]:
    """The program curl."""
    program = shutil.which("curl")
    if program is None:
        raise ContenderFailed("curl is not installed")
    command = [program, "--silent", "--show-error", "--fail", "--output", request.path, _url(request)]
    return lambda: subprocess.run(command, check=True, timeout=TIMEOUT)


def raw_socket(request: Download) -> Callable[[], object]:
    """The limit: a request written by hand, and a copy of the body to a file."""

    def download() -> None:
        connection = limit.Socket(request.base_url)
        with Path(request.path).open("wb", buffering=0) as file:
            connection.send(limit.get("/video.mp4", polls.KEY))
            connection.copy_to(file)

    return download


def httpx_stream(request: Download) -> Callable[[], object]:
    """`httpx.stream`, with each part of the body written to a file."""

    def download() -> None:
        with Path(request.path).open("wb") as file, httpx.stream("GET", _url(request)) as response:
            file.writelines(response.iter_bytes())

    return download


def this_sdk(request: Download) -> Callable[[], object]:
    """`VideoClient.download`."""
    from meshapi_video import VideoClient

    client = VideoClient(polls.KEY, base_url=request.base_url)
    video = client.wait("task")
    return lambda: client.download(video, request.path)


def this_sdk_async(request: Download) -> Callable[[], object]:
    """`AsyncVideoClient.download`."""
    from meshapi_video import AsyncVideoClient, VideoClient

    with VideoClient(polls.KEY, base_url=request.base_url) as client:
        video = client.wait("task")

    async def download() -> None:
        async with AsyncVideoClient(polls.KEY, base_url=request.base_url) as client:
            await client.download(video, request.path)

    return lambda: asyncio.run(download())


def _url(request: Download) -> str:
    return f"{request.base_url}/video.mp4"


CONTENDERS: Final = {
    "a raw socket (the limit)": raw_socket,
    "curl": curl,
    "`httpx.stream`": httpx_stream,
    "`VideoClient.download`": this_sdk,
    "`AsyncVideoClient.download`": this_sdk_async,
}
_, CURL, _, SYNC, ASYNC = CONTENDERS


def run(request: Download) -> Downloaded:
    """Downloads the file in a child."""
    download = CONTENDERS[request.contender](request)
    gc.collect()
    memory_before = max_memory = resident_memory()

    def sample() -> None:
        nonlocal max_memory
        max_memory = max(max_memory, resident_memory())

    watchdog = start_watchdog(TIMEOUT, 0.01, sample, lambda: os._exit(1))
    started, cpu = time.perf_counter(), _cpu_seconds()
    download()
    seconds, cpu = time.perf_counter() - started, _cpu_seconds() - cpu
    watchdog.set()
    sample()
    return Downloaded(seconds, cpu, max_memory - memory_before)


def _cpu_seconds() -> float:
    """The CPU time of this process and of the processes that it has run."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def measure(plan: Plan) -> Section:
    """The tables."""
    size, rounds = 50_000_000 if plan.quick else 500_000_000, plan.rounds_of(7, quick=2)
    results = Results()
    with tempfile.TemporaryDirectory(dir=MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None) as folder:
        source, target = Path(folder, "source.mp4"), Path(folder, "target.mp4")
        with source.open("wb") as file:
            megabyte = os.urandom(1_000_000)
            for _ in range(size // len(megabyte)):
                file.write(megabyte)
        with running_child("benchmarks.file_server", str(source)) as server:
            base_url = f"http://127.0.0.1:{int(server.read_line(GRACE_PERIOD))}"
            for name in plan.measured(in_rounds(list(CONTENDERS), rounds)):
                plan.log(f"figure 6: {name}")
                try:
                    with running_child("benchmarks.downloading") as child:
                        cost = child.call(Download(name, base_url, str(target)), Downloaded, TIMEOUT)
                    if target.stat().st_size != size:
                        raise ContenderFailed(f"downloaded {target.stat().st_size} bytes")  # noqa: TRY301
                except (ContenderFailed, FileNotFoundError) as error:
                    results.record_failure(name, str(error), "rate", "cpu", "memory")
                else:
                    memory = None if name == CURL else cost.memory / 2**20
                    results.record(name, rate=size / cost.seconds / 1e6, cpu=cost.cpu, memory=memory)
                target.unlink(missing_ok=True)
    columns = [
        Column("MB/s", "rate", "{:.0f}"),
        Column("over curl", "rate", over=CURL),
        Column("CPU, s", "cpu"),
        Column("memory, MiB", "memory", "{:.1f}"),
    ]
    goals = [Goal(f"MB/s, {name} over curl", results.ratio("rate", name, CURL), at_least=0.8) for name in (SYNC, ASYNC)]
    goals += [Goal(f"MiB added by {name}", results.series(name, "memory"), at_most=16) for name in (SYNC, ASYNC)]
    heading = f"{size / 1e6:.0f} MB; {rounds} rounds"
    return Section(f"{table(heading, results, CONTENDERS, columns)}\n\n{goals_table(goals)}")


if __name__ == "__main__":
    serve_parent(Download, run)
