"""The server for AI clients: its tools, called with the official client in both protocols."""

from __future__ import annotations

import pytest
from pathlib import Path

from meshapi_video_sandbox import Sandbox
from support.mcp_client import MODES, MODEL, AIClient, User, agreeing, links_of, text_of


@pytest.fixture(params=MODES)
def ai(request: pytest.FixtureRequest, env_sandbox: Sandbox, tmp_path: Path) -> AIClient:
    return AIClient(request.param, tmp_path, agreeing())


def test_a_video_is_created_waited_for_and_downloaded(ai: AIClient) -> None:
    created = ai.data("create_video", model=MODEL, prompt="a lake", duration=5, resolution="720p")
    print(created, ai.user.questions)
    over = ai.data("wait_for_video", task_id=created["task_id"], seconds=55)
    print(over)
    r = ai.call("download_video", task_id=created["task_id"])
    print(r)
    print(ai.data("list_video_tasks"))
    print(ai.data("wait_for_videos", task_ids=[created["task_id"]], seconds=0))
    print(ai.data("get_video_task", task_id=created["task_id"]))
    print(ai.data("create_video", model=MODEL, prompt="a lake", duration=5, resolution="720p"))
    print(ai.error("get_video_task", task_id="nonsense"))
    print(ai.error("wait_for_video", task_id="a/b", seconds="x"))
    print(ai.error("nono", task_id="a/b", seconds="x"))
    print(ai.error("wait_for_video", task_id="a/b"))
    assert 0
