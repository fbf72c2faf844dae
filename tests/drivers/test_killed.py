"""Pulling the plug: whenever a download is killed, what comes of it in the end is right byte for byte."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

from support import victim
from support.by_id import eventually
from support.files import StoredFile, names
from support.server import Server

# `nox -s kills` asks for more.
KILLS = int(os.environ.get("KILLS", "3"))
STEP = int(os.environ.get("STEP", "12"))
SEED = int(os.environ.get("SEED", "6"))


def command(store: Server, *arguments: str | Path | int) -> list[str]:
    return [sys.executable, victim.__file__, f"{store.base_url}/v?X-Signature=x", *map(str, arguments)]


def has(file: Path, size: int) -> bool:
    return file.exists() and file.stat().st_size >= size


def test_killed_at_random_moments_of_a_large_download_it_ends_up_right(store: Server, tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311 - no secret
    stored = StoredFile(store, content=chance.randbytes(32 * 1024 * 1024))
    out, part = tmp_path / "out.mp4", tmp_path / "out.mp4.part"
    # Slowly, and never to the end, so that it is under way whenever it is killed.
    most = len(stored.content) // (KILLS + 1)
    store.script(*[stored.broken(most, store.stall(), pieces=100_000, every=0.002)] * KILLS, stored)
    kept = [0]
    for _ in range(KILLS):
        moment = kept[-1] + chance.randrange(1, most)
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


def test_killed_between_any_two_steps_of_keeping_it_it_ends_up_right(store: Server, tmp_path: Path) -> None:
    stored = StoredFile(store, content=random.Random(SEED).randbytes(200_000))  # noqa: S311 - no secret
    store.script(stored)
    said = subprocess.run(command(store, tmp_path, STEP), check=True, capture_output=True, text=True).stdout
    killed = [int(line) for line in said.splitlines()]
    assert max(killed) > 100
    assert names(tmp_path) == sorted(f"killed-{line}.mp4" for line in killed)
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {stored.content}
