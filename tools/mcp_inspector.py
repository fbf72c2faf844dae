"""Calls `meshapi-video mcp` with the command line of the MCP Inspector, against the sandbox.

The Inspector is a program of the protocol's own project, in TypeScript: it shares no code with the server. It comes
from npm's registry, and needs Node.js 22.19 or newer, which the session installs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from meshapi_video_sandbox import Sandbox, running_sandbox

INSPECTOR: Final = "@modelcontextprotocol/inspector@2.12.0"
_TOOL_FAILED: Final = 5
"""The exit code of the Inspector for a tool's error."""
_TIMEOUT: Final = 300
"""Seconds of one call. The first one downloads the Inspector."""
_COMMAND: Final = [sys.executable, "-m", "meshapi_video", "mcp", "--folder"]
_TOOLS: Final = {
    *("get_video_task", "wait_for_video", "wait_for_videos", "list_video_tasks", "download_video", "create_video")
}


class Inspector:
    """The Inspector's command line, for one server."""

    def __init__(self, sandbox: Sandbox, folder: str, *options: str, has_key: bool = True) -> None:
        # The Inspector gives the server only these variables.
        self._environment = ["-e", f"MESHAPI_BASE_URL={sandbox.base_url}"]
        if has_key:
            self._environment += ["-e", f"MESHAPI_API_KEY={sandbox.api_key}"]
        self._server = [*_COMMAND, folder, *options]

    def run(self, method: str, *arguments: str, code: int = 0) -> dict[str, Any]:
        """The result of a method."""
        command = ["npx", "--yes", INSPECTOR, "--cli", *self._server, *self._environment]
        done = subprocess.run(
            [*command, "--method", method, *arguments], capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def call(self, tool: str, *arguments: str, code: int = 0) -> dict[str, Any]:
        """The result of a tool."""
        pairs = [part for pair in arguments for part in ("--tool-arg", pair)]
        print(f"{tool} {' '.join(arguments)}")
        return self.run("tools/call", "--tool-name", tool, *pairs, code=code)


def check(sandbox: Sandbox, folder: str) -> None:
    """Calls every tool. Fails if a result is not the promised one."""
    inspector = Inspector(sandbox, folder)
    # With --strict, the Inspector exits with 6 for a schema that not every client can read.
    listed = inspector.run("tools/list", "--strict")["tools"]
    assert {tool["name"] for tool in listed} == _TOOLS

    task_id = sandbox.create_task(queued_for=0, running_for=0)
    for tool, pair in (
        ("get_video_task", f"task_id={task_id}"),
        ("wait_for_video", f"task_id={task_id}"),
        ("wait_for_videos", f'task_ids=["{task_id}"]'),
        ("list_video_tasks", "page=1"),
    ):
        result = inspector.call(tool, pair)
        assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
        assert task_id in result["content"][0]["text"]

    link = inspector.call("download_video", f"task_id={task_id}")["content"][1]
    assert link["type"] == "resource_link"
    assert link["uri"] == Path(folder, f"{task_id}.mp4").resolve().as_uri()
    assert Path(folder, f"{task_id}.mp4").stat().st_size == link["size"]

    running = sandbox.create_task(queued_for=1e6)
    waited = inspector.call("wait_for_video", f"task_id={running}", "seconds=1")
    assert not waited["structuredContent"]["is_over"]

    video = ("model=byteplus/dreamina-seedance-2-0", "prompt=a lake")
    refused = inspector.call("create_video", *video, code=_TOOL_FAILED)
    assert "cannot ask the user" in refused["content"][0]["text"]
    assert sandbox.creates() == []
    paying = Inspector(sandbox, folder, "--allow-paid")
    assert paying.call("create_video", *video)["structuredContent"]["is_new"]
    assert not paying.call("create_video", *video)["structuredContent"]["is_new"]
    assert len(sandbox.creates()) == 1

    without_key = Inspector(sandbox, folder, has_key=False).call("list_video_tasks", "page=1", code=_TOOL_FAILED)
    assert "MESHAPI_API_KEY" in without_key["content"][0]["text"]


def main() -> None:
    """Runs all calls."""
    with running_sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        check(sandbox, folder)
    print(f"{INSPECTOR}: every result is the promised one")


if __name__ == "__main__":
    main()
