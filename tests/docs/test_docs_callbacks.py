"""The views on the page about callbacks bring the result of a wait at once, and a forged callback does no harm."""

from __future__ import annotations

import asyncio
import re
import runpy
import threading
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from django.conf import settings
from django.test import RequestFactory

from meshapi_video import AsyncVideoClient, PollPolicy, VideoClient
from meshapi_video_sandbox import Sandbox
from support.many_tasks import eventually, eventually_async

PAGE: Final = Path(__file__).parents[2] / "docs" / "callbacks.md"
SELDOM: Final = PollPolicy(initial_delay=1000.0, max_delay=1000.0)


@pytest.fixture
def task_id(meshapi_sandbox: Sandbox) -> str:
    return meshapi_sandbox.create_task(queued_for=0, running_for=60)


def view_of(framework: str, folder: Path) -> dict[str, Any]:
    """The names in the block of the page that imports a web framework."""
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (code,) = (block for block in blocks if block.startswith(f"from {framework}"))
    file = folder / f"{framework}_view.py"
    file.write_text(code, encoding="utf-8")
    return runpy.run_path(str(file))


def callback_of(task_id: str, status: str = "succeeded") -> bytes:
    return b'{"id": "%b", "status": "%b"}' % (task_id.encode(), status.encode())


def test_the_fastapi_view_polls_the_task_at_once(meshapi_sandbox: Sandbox, task_id: str, tmp_path: Path) -> None:
    view = view_of("fastapi", tmp_path)

    async def main() -> None:
        transport = httpx.ASGITransport(view["app"])
        async with (
            AsyncVideoClient() as client,
            client.wait_many([task_id], poll=SELDOM) as results,
            httpx.AsyncClient(transport=transport, base_url="http://app") as sender,
        ):
            view["waits"].append(results)
            first = asyncio.create_task(anext(results))
            await eventually_async(lambda: results.progress.polls == 1)
            for no_hint in (b"{}", callback_of("another"), callback_of(task_id, "running")):
                await sender.post("/callback", content=no_hint)
            meshapi_sandbox.advance(60)
            assert (await sender.post("/callback", content=callback_of(task_id))).status_code == 204
            assert (await first).video is not None
            assert results.progress.polls == 2
            assert (await sender.post("/callback", content=b"{}")).status_code == 400

    asyncio.run(asyncio.wait_for(main(), 60))


def test_the_django_view_polls_the_task_at_once(meshapi_sandbox: Sandbox, task_id: str, tmp_path: Path) -> None:
    if not settings.configured:
        settings.configure()
    view = view_of("django", tmp_path)

    def status_after(body: bytes) -> int:
        request = RequestFactory().post("/callback", body, content_type="application/json")
        return int(view["callback"](request).status_code)

    with VideoClient() as client, client.wait_many([task_id], poll=SELDOM) as results:
        view["waits"].append(results)
        thread = threading.Thread(target=lambda: found.append(next(results)), daemon=True)
        found: list[Any] = []
        thread.start()
        eventually(lambda: results.progress.polls == 1)
        bodies = (b"{}", callback_of("another"), callback_of(task_id, "running"))
        assert [status_after(body) for body in bodies] == [400, 204, 204]
        meshapi_sandbox.advance(60)
        assert status_after(callback_of(task_id)) == 204
        thread.join(timeout=60)
        assert found[0].video is not None
        assert results.progress.polls == 2
