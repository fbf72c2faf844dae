"""The SDK and the generated code work if every import of httpx is answered by httpx2.

`nox -s httpx2` runs all tests of the drivers in this way. This is the part that every run of the tests has.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.clients import KEY
from support.server import Server, finished

ANSWERED_BY_HTTPX2 = Path(__file__).parents[1] / "httpx2_for_httpx"
PROGRAM = """
import asyncio, sys
from meshapi_video import AsyncVideoClient, VideoClient

with VideoClient() as client:
    print(client.wait("task-1").url)

async def wait():
    async with AsyncVideoClient() as client:
        print((await client.wait("task-1")).url)

asyncio.run(wait())
modules = {each.__name__ for name, each in sys.modules.items() if name.partition(".")[0] in {"httpx", "httpcore"}}
print(*sorted(modules))
"""


def test_both_clients_wait_if_every_import_of_httpx_is_answered_by_httpx2(server: Server) -> None:
    server.script(finished())
    environment = {
        **os.environ,
        "PYTHONPATH": str(ANSWERED_BY_HTTPX2),
        "MESHAPI_API_KEY": KEY,
        "MESHAPI_BASE_URL": server.base_url,
    }
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
    url = "https://cdn.example/v.mp4"
    assert (done.stdout.split("\n"), done.stderr) == ([url, url, "httpcore2 httpx2", ""], "")
    assert all("httpx2/" in request.headers["user-agent"] for request in server.requests)
