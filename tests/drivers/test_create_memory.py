"""A large reference is in memory once, as base64, whatever the size of the request that sends it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.server import Server, response

SIZE = 50_000_000
"""The largest reference video. With base64, the request has 67 MB."""
LONG = 80.0
"""Seconds, in which each process ends."""
HEAD = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"

# Prints the growth of the process's maximum of resident memory during the create, in bytes.
PROGRAM = """\
import base64, pathlib, re, sys
kind, source, path, base_url = sys.argv[1:]
if kind in {"asyncio", "trio"}:
    sys.modules["aiohttp"] = None
import anyio
from meshapi_video import AsyncVideoClient, VideoClient, reference_video

def kibibytes(name):
    return int(re.search(name + r":\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])

reference = path
if source != "file":
    reference = pathlib.Path(path).read_bytes()
if source == "data URI":
    reference = "data:video/mp4;base64," + base64.b64encode(reference).decode()
content = [reference_video(reference)]
# From now on, the maximum is the present memory.
pathlib.Path("/proc/self/clear_refs").write_text("5")
before = kibibytes("VmRSS")

async def create():
    async with AsyncVideoClient("key-of-a-test", base_url=base_url) as client:
        await client.create("a-model", "a lake", content=content)

if kind == "sync":
    with VideoClient("key-of-a-test", base_url=base_url) as client:
        client.create("a-model", "a lake", content=content)
else:
    anyio.run(create, backend="trio" if kind == "trio" else "asyncio")
print((kibibytes("VmHWM") - before) * 1024)
"""


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("references") / "dance.mp4"
    path.write_bytes(HEAD + bytes(range(256)) * (SIZE // 256))
    with path.open("r+b") as file:
        file.truncate(SIZE)
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the maximum of the memory since a moment")
@pytest.mark.parametrize(
    ("kind", "source", "most"),
    [
        ("sync", "file", 1.75),
        ("asyncio", "file", 1.75),
        ("asyncio with aiohttp", "file", 1.75),
        ("trio", "file", 1.75),
        # The caller has the bytes, too: they are not counted here.
        ("sync", "bytes", 1.5),
        ("asyncio with aiohttp", "bytes", 1.5),
        # The caller has the whole text.
        ("sync", "data URI", 0.3),
        ("asyncio with aiohttp", "data URI", 0.3),
    ],
)
def test_a_create_needs_no_more_memory_than_its_base64(
    server: Server, video: Path, kind: str, source: str, most: float
) -> None:
    server.script(response(200, {"id": "task-1"}))
    command = [sys.executable, "-c", PROGRAM, kind, source, str(video), server.base_url]
    # While a program is traced, as for its coverage, Python copies a text that it extends.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONG, env=environment)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < most * SIZE
    (request,) = server.requests
    (_prompt, reference) = json.loads(request.body)["content"]
    sent = reference["video_url"]["url"].removeprefix("data:video/mp4;base64,")
    assert base64.b64decode(sent) == video.read_bytes()
