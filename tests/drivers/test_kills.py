"""A download that is killed at any moment can be resumed byte for byte, and an interrupted one closes everything."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

from support import interrupted_download, killed_download
from support.files import StoredFile, names
from support.many_tasks import eventually
from support.server import Server

# `nox -s kills` sets larger numbers of kills.
KILLS = int(os.environ.get("KILLS", "3"))
STEP = int(os.environ.get("STEP", "12"))
SEED = int(os.environ.get("SEED", "6"))


def command(store: Server, *arguments: str | Path | int) -> list[str]:
    return [sys.executable, killed_download.__file__, f"{store.base_url}/v?X-Signature=x", *map(str, arguments)]


def has(file: Path, size: int) -> bool:
    return file.exists() and file.stat().st_size >= size


def test_a_large_download_that_is_killed_at_random_moments_is_resumed_correctly(store: Server, tmp_path: Path) -> None:
    rand = random.Random(SEED)  # noqa: S311 - no secret
    stored = StoredFile(store, content=rand.randbytes(16 * 1024 * 1024))
    out, part = tmp_path / "out.mp4", tmp_path / "out.mp4.part"
    # Slowly, and never to the end, so that each kill happens during the transfer.
    most_per_process = len(stored.content) // (KILLS + 1)
    store.script(*[stored.broken(most_per_process, store.stall(), pieces=100_000, every=0.002)] * KILLS, stored)
    kept = [0]
    for _ in range(KILLS):
        moment = kept[-1] + rand.randrange(1, most_per_process)
        with subprocess.Popen(command(store, out)) as running:
            eventually(partial(has, part, moment))
            running.kill()
        assert running.returncode == -signal.SIGKILL
        kept.append(part.stat().st_size)
        assert part.read_bytes() == stored.content[: kept[-1]]
        assert not out.exists()
    subprocess.run(command(store, out), check=True)
    assert out.read_bytes() == stored.content
    assert names(tmp_path) == ["out.mp4"]
    assert [request.headers.get("range") for request in store.requests] == [
        f"bytes={size}-" if size else None for size in kept
    ]


def test_a_download_that_is_killed_before_any_line_of_the_partial_file_is_resumed_correctly(
    store: Server, tmp_path: Path
) -> None:
    stored = StoredFile(store, content=random.Random(SEED).randbytes(200_000))  # noqa: S311 - no secret
    store.script(stored)
    output = subprocess.run(command(store, tmp_path, STEP), check=True, capture_output=True, text=True).stdout
    killed = [int(line) for line in output.splitlines()]
    assert max(killed) > 100
    assert names(tmp_path) == sorted(f"killed-{line}.mp4" for line in killed)
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {stored.content}


def test_an_interruption_at_any_moment_closes_all_files_and_connections(store: Server, tmp_path: Path) -> None:
    stored = StoredFile(store, content=random.Random(SEED).randbytes(50_000))  # noqa: S311 - no secret
    store.script(stored)
    arguments = [f"{store.base_url}/v", tmp_path, STEP]
    # A download that waits for ever, as for a lock that nobody releases, is a failure as well.
    output = subprocess.run(
        [sys.executable, interrupted_download.__file__, *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
        timeout=600,
    ).stdout
    left_open = {int(moment): int(count) for moment, count in map(str.split, output.splitlines())}
    assert max(left_open) > 100
    assert {moment: count for moment, count in left_open.items() if count} == {}
