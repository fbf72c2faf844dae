"""The lines on the page about models work with the real FastAPI, pydantic and Celery."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any, Final

import anyio
import httpx
import pytest
from kombu.exceptions import EncodeError

from meshapi_video import Video, VideoClient, parse_task
from meshapi_video_sandbox import Sandbox

PAGE: Final = Path(__file__).parents[2] / "docs" / "models.md"


@pytest.fixture
def video(meshapi_sandbox: Sandbox) -> Video:
    task_id = meshapi_sandbox.create_task(queued_for=0, running_for=0)
    with VideoClient(meshapi_sandbox.api_key, base_url=meshapi_sandbox.base_url) as client:
        return client.wait(task_id)


def block_of(package: str, task_id: str, folder: Path) -> dict[str, Any]:
    """The names in the block of the page that imports a package."""
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (code,) = (block for block in blocks if f"\nfrom {package} " in block)
    file = folder / f"{package}_block.py"
    file.write_text(code.replace("task-id", task_id), encoding="utf-8")
    return runpy.run_path(str(file))


def test_an_endpoint_of_fastapi_returns_the_task_and_the_video(video: Video, tmp_path: Path) -> None:
    app = block_of("fastapi", video.id, tmp_path)["app"]

    async def responses() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as sender:
            return [await sender.get(f"/{kind}/{video.id}") for kind in ("tasks", "videos")]

    task, whole = anyio.run(responses)
    assert parse_task(task.content) == video.task
    assert whole.json() == video.to_dict()


def test_a_model_of_pydantic_keeps_the_task(video: Video, tmp_path: Path) -> None:
    names = block_of("pydantic", video.id, tmp_path)
    assert parse_task(names["Order"].model_validate_json(names["text"]).task) == video.task


def test_celery_stores_the_result_and_gives_it_back(video: Video, tmp_path: Path) -> None:
    names = block_of("celery", video.id, tmp_path)
    app, returned = names["app"], names["wait_for_video"](video.id)
    app.backend.store_result("result-1", returned, "SUCCESS")
    stored = app.AsyncResult("result-1").get()
    assert stored == video.to_dict()
    assert parse_task(stored["task"]) == video.task


def test_without_to_dict_none_of_them_takes_a_task(video: Video, tmp_path: Path) -> None:
    celery = block_of("celery", video.id, tmp_path)["app"]
    with pytest.raises(EncodeError, match="VideoTaskResponse is not JSON"):
        celery.backend.encode(video.task)
    with pytest.raises(ValueError, match="valid dictionary"):
        block_of("pydantic", video.id, tmp_path)["Order"](number=1, task=video.task)
