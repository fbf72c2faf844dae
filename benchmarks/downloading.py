"""Figure 6: a large file from this machine itself."""

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

from benchmarks import looks
from benchmarks.plan import Plan, Section
from benchmarks.processes import PATIENCE, Answer, Failed, answer_questions, child, resident, watched
from benchmarks.tables import Claim, Column, Results, in_rounds, table, verdicts

BOUND: Final = 120.0
"""Seconds that a download may take."""
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of this benchmark's own in it
"""A disk would be what is measured, where there is this instead."""


class Download(msgspec.Struct):
    """Fetch the file."""

    contender: str
    base_url: str
    path: str


class Downloaded(Answer):
    """What that took."""

    seconds: float
    cpu: float
    memory: int
    """Bytes resident at most, above what was before."""


def by_curl(question: Download) -> Callable[[], object]:
    """The program curl."""
    program = shutil.which("curl")
    if program is None:
        raise Failed("curl is not installed")
    command = [program, "--silent", "--show-error", "--fail", "--output", question.path, _address(question)]
    return lambda: subprocess.run(command, check=True, timeout=BOUND)


def by_httpx(question: Download) -> Callable[[], object]:
    """`httpx.stream`, written to a file part by part as they come."""

    def fetch() -> None:
        with Path(question.path).open("wb") as file, httpx.stream("GET", _address(question)) as answer:
            file.writelines(answer.iter_bytes())

    return fetch


def ours(question: Download) -> Callable[[], object]:
    """`VideoClient.download`."""
    from meshapi_video import VideoClient

    client = VideoClient(looks.KEY, base_url=question.base_url)
    video = client.wait("task")
    return lambda: client.download(video, question.path)


def ours_async(question: Download) -> Callable[[], object]:
    """`AsyncVideoClient.download`."""
    from meshapi_video import AsyncVideoClient, VideoClient

    with VideoClient(looks.KEY, base_url=question.base_url) as client:
        video = client.wait("task")

    async def fetch() -> None:
        async with AsyncVideoClient(looks.KEY, base_url=question.base_url) as client:
            await client.download(video, question.path)

    return lambda: asyncio.run(fetch())


def _address(question: Download) -> str:
    return f"{question.base_url}/video.mp4"


CONTENDERS: Final = {
    "curl": by_curl,
    "`httpx.stream`": by_httpx,
    "`VideoClient.download`": ours,
    "`AsyncVideoClient.download`": ours_async,
}
CURL, _, SYNC, ASYNC = CONTENDERS


def run(question: Download) -> Downloaded:
    """In a child."""
    fetch = CONTENDERS[question.contender](question)
    gc.collect()
    before = most = resident()

    def look() -> None:
        nonlocal most
        most = max(most, resident())

    over = watched(BOUND, 0.01, look, lambda: os._exit(1))
    begun, cpu = time.perf_counter(), _cpu()
    fetch()
    seconds, cpu = time.perf_counter() - begun, _cpu() - cpu
    over.set()
    look()
    return Downloaded(seconds, cpu, most - before)


def _cpu() -> float:
    """Seconds that this process and what it has run have used."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def measure(plan: Plan) -> Section:
    """The table and the verdicts."""
    size, rounds = (50_000_000, plan.rounds or 2) if plan.quick else (500_000_000, plan.rounds or 7)
    results = Results()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        source, target = Path(folder, "source.mp4"), Path(folder, "target.mp4")
        with source.open("wb") as file:
            piece = os.urandom(1_000_000)
            for _ in range(size // len(piece)):
                file.write(piece)
        with child("benchmarks.file_server", str(source)) as server:
            base_url = f"http://127.0.0.1:{int(server.line(PATIENCE))}"
            for name in in_rounds(list(CONTENDERS), rounds):
                plan.say(f"figure 6: {name}")
                try:
                    with child("benchmarks.downloading") as one:
                        done = one.ask(Download(name, base_url, str(target)), Downloaded, BOUND)
                    if target.stat().st_size != size:
                        raise Failed(f"fetched {target.stat().st_size} bytes")  # noqa: TRY301
                except (Failed, FileNotFoundError) as error:
                    results.fail(name, str(error), "rate", "cpu", "memory")
                else:
                    memory = None if name == CURL else done.memory / 2**20
                    results.take(name, rate=size / done.seconds / 1e6, cpu=done.cpu, memory=memory)
                target.unlink(missing_ok=True)
    columns = [
        Column("MB/s", "rate", "{:.0f}"),
        Column("over curl", "rate", over=CURL),
        Column("CPU, s", "cpu"),
        Column("memory, MiB", "memory", "{:.1f}"),
    ]
    claims = [Claim(f"{name} over curl", results.ratio("rate", name, CURL), at_least=0.8) for name in (SYNC, ASYNC)]
    claims += [
        Claim(f"MiB more while {name} fetches", results.series(name, "memory"), at_most=16) for name in (SYNC, ASYNC)
    ]
    heading = f"{size / 1e6:.0f} MB; rounds: {rounds}"
    return Section(f"{table(heading, results, CONTENDERS, columns)}\n\n{verdicts(claims)}")


if __name__ == "__main__":
    answer_questions(Download, run)
