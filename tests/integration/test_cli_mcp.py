"""The command `mcp`: it serves AI clients on standard input and output, and over HTTP on this machine."""

from __future__ import annotations

import errno
import importlib.util
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult

from meshapi_video._cli.commands import run
from meshapi_video._cli.mcp_command import rephrase
from meshapi_video._mcp import serve
from meshapi_video._mcp.server import VideoServer
from meshapi_video._mcp.state import State
from meshapi_video_sandbox import Sandbox, running_sandbox
from support.cli import COMMAND, Output, exit_code_of_main
from support.mcp_client import MODEL, MODES, AIClient, User, agreeing, run_in_thread, text_of

TOOLS: dict[str, dict[str, Any]] = {
    "get_video_task": {"task_id": "t"},
    "wait_for_video": {"task_id": "t"},
    "wait_for_videos": {"task_ids": ["t"]},
    "list_video_tasks": {},
    "download_video": {"task_id": "t"},
    "create_video": {"model": MODEL, "prompt": "a lake"},
}
MOMENT = 5.0
"""Seconds in which a process ends, also on a busy machine."""


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., State]:
    """Runs the command up to the moment at which it would serve, and returns what it would serve."""

    def start(*arguments: str) -> State:
        states: list[State] = []
        monkeypatch.setattr(serve, "serve_stdio", states.append)
        assert run(["mcp", "--folder", str(tmp_path), *arguments]) == 0
        return states[0]

    return start


@pytest.mark.parametrize("mode", MODES)
def test_without_a_key_the_server_starts_and_each_tool_says_which_variable_to_set(
    mode: str, started: Callable[..., State], tmp_path: Path
) -> None:
    state = started()

    async def main() -> list[CallToolResult]:
        async with AIClient(mode, tmp_path, agreeing()).connected(state) as client:
            assert len((await client.list_tools()).tools) == len(TOOLS)
            return [await client.call_tool(tool, arguments) for tool, arguments in TOOLS.items()]

    for result in run_in_thread(main, mode):
        assert result.is_error
        assert text_of(result) == (
            "no API key: set the environment variable MESHAPI_API_KEY, or give --api-key-file. Change this in the "
            "configuration of this server, then start it again"
        )


def test_a_wrong_base_url_is_said_in_the_result_of_a_tool(
    started: Callable[..., State], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESHAPI_BASE_URL", "nonsense")
    monkeypatch.setenv("MESHAPI_API_KEY", "rsk_test")
    state = started()
    assert state.client is None
    assert "the base URL in MESHAPI_BASE_URL should" in state.no_client
    assert state.no_client.endswith(". Change this in the configuration of this server, then start it again")


def test_the_key_may_come_from_a_file(started: Callable[..., State], tmp_path: Path) -> None:
    (tmp_path / "key").write_text("rsk_test\n")
    state = started("--api-key-file", str(tmp_path / "key"))
    assert state.client is not None
    assert not state.allow_paid
    assert started("--allow-paid").allow_paid


def test_the_folder_is_made_and_does_not_move(
    started: Callable[..., State], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert started("-o", "new/videos").folder == tmp_path / "new" / "videos"
    assert (tmp_path / "new" / "videos").is_dir()


def test_the_folder_may_begin_with_the_home_of_the_user(
    started: Callable[..., State], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    # No shell expands the configuration of an AI client.
    assert started("-o", "~/videos").folder == tmp_path / "home" / "videos"
    assert not (tmp_path / "~").exists()


def test_the_home_of_a_user_that_does_not_exist_is_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def fail(_path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", fail)
    assert run(["mcp", "-o", "~nobody-here/videos"]) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_appears_during_a_download_is_said_rephrase_for_a_model() -> None:
    sentence = rephrase("/videos/t.mp4 already exists, and overwrite is not set")
    assert sentence == "/videos/t.mp4 already exists: call download_video again, which keeps it"


def test_a_folder_that_cannot_be_made_ends_the_command(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert exit_code_of_main("mcp", "-o", str(tmp_path / "file" / "videos")) == 74


def test_http_needs_no_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ports: list[int] = []

    def serve_http(_state: State, port: int, _on_start: Callable[[str], object]) -> None:
        ports.append(port)

    monkeypatch.setattr(serve, "serve_http", serve_http)
    assert run(["mcp", "-o", str(tmp_path), "--http"]) == 0
    assert run(["mcp", "--http", "7000", "-o", str(tmp_path)]) == 0
    assert ports == [8765, 7000]


def test_a_port_that_is_in_use_ends_the_command(tmp_path: Path, capsys: Output) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert exit_code_of_main("mcp", "-o", str(tmp_path), "--http", port) == 74
    assert os.strerror(errno.EADDRINUSE) in capsys.readouterr().err


@pytest.mark.parametrize(("error", "code"), [(BrokenPipeError(), 141), (OSError(errno.ENOSPC, "full"), 74)])
def test_a_client_that_no_longer_reads_ends_the_command_without_a_crash(
    error: OSError, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def serve_stdio(_state: State) -> None:
        raise ExceptionGroup("in a task group", [error])

    monkeypatch.setattr(serve, "serve_stdio", serve_stdio)
    assert exit_code_of_main("mcp", "-o", str(tmp_path)) == code


def test_without_standard_input_the_command_says_why_it_ends(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert run(["mcp"]) == 2
    assert "standard input is closed" in capsys.readouterr().err


def test_without_the_package_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    find_spec = importlib.util.find_spec

    def find(name: str) -> ModuleSpec | None:
        return None if name == "mcp" else find_spec(name)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    assert run(["mcp"]) == 2
    assert "pip install 'meshapi-video[mcp]'" in capsys.readouterr().err


def test_ctrl_c_and_sigterm_end_the_process_without_waiting_for_the_client(
    started: Callable[..., State], monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    serve_stdio = serve.serve_stdio
    state = started()

    async def press(_server: VideoServer) -> None:
        for number in before:
            signal.raise_signal(number)

    monkeypatch.setattr(VideoServer, "run_stdio_async", press)
    try:
        serve_stdio(state)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert codes == [0, 0]


@pytest.fixture(scope="module")
def real_sandbox() -> Generator[Sandbox]:
    with running_sandbox() as sandbox:
        sandbox.plan_creates(queued_for=0, running_for=0)
        yield sandbox


@pytest.fixture
def environment(real_sandbox: Sandbox) -> dict[str, str]:
    return {**os.environ, "MESHAPI_BASE_URL": real_sandbox.base_url, "MESHAPI_API_KEY": real_sandbox.api_key}


async def use(client: Client, user: User) -> dict[str, Any]:
    """Creates, waits and downloads, as an AI client does. Returns the result of the download."""
    created = await client.call_tool("create_video", {"model": MODEL, "prompt": "a lake", "duration": 5})
    task_id = json.loads(text_of(created))["task_id"]
    assert json.loads(text_of(await client.call_tool("wait_for_video", {"task_id": task_id})))["is_over"]
    assert len(user.questions) == 1
    downloaded: dict[str, Any] = json.loads(text_of(await client.call_tool("download_video", {"task_id": task_id})))
    return downloaded


@pytest.mark.parametrize("mode", MODES)
def test_a_video_is_made_over_standard_input_and_output(mode: str, environment: dict[str, str], tmp_path: Path) -> None:
    arguments = [*COMMAND[1:], "mcp", "--folder", str(tmp_path), "--debug"]
    process = StdioServerParameters(command=COMMAND[0], args=arguments, env=environment)

    async def main() -> dict[str, Any]:
        user = agreeing()
        async with Client(process, mode=mode, elicitation_callback=user) as client:
            return await use(client, user)

    downloaded = run_in_thread(main)
    assert Path(downloaded["path"]).stat().st_size == downloaded["received_bytes"]


@contextmanager
def serving(environment: dict[str, str], folder: Path, *arguments: str) -> Generator[subprocess.Popen[str]]:
    command = [*COMMAND, "mcp", "--folder", str(folder), *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}


def send(process: subprocess.Popen[str], *messages: dict[str, Any]) -> dict[str, Any]:
    """Sends messages, and returns the next one that comes back."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.writelines(f"{json.dumps(message)}\n" for message in messages)
    process.stdin.flush()
    received: dict[str, Any] = json.loads(process.stdout.readline())
    return received


@pytest.mark.parametrize("how", ["closed stdin", "SIGINT"])
def test_the_process_ends_at_once_also_during_a_wait(
    how: str, environment: dict[str, str], real_sandbox: Sandbox, tmp_path: Path
) -> None:
    wait = {
        "jsonrpc": "2.0",
        "id": 2,
        "method": "tools/call",
        "params": {
            "name": "wait_for_video",
            "arguments": {"task_id": real_sandbox.create_task(queued_for=1e6), "seconds": 50},
            "_meta": {"progressToken": 7},
        },
    }
    with serving(environment, tmp_path) as process:
        assert "serverInfo" in send(process, INITIALIZE)["result"]
        progress = send(process, {"jsonrpc": "2.0", "method": "notifications/initialized"}, wait)
        assert progress["method"] == "notifications/progress"
        began = time.monotonic()
        if how == "closed stdin":
            assert process.stdin is not None
            process.stdin.close()
        else:
            process.send_signal(signal.Signals[how])
        assert process.wait(timeout=20) == 0
        assert time.monotonic() - began < MOMENT
        assert process.stdout is not None
        assert process.stderr is not None
        assert all(json.loads(line)["jsonrpc"] == "2.0" for line in process.stdout)
        assert process.stderr.read() == ""


def test_http_serves_this_machine_in_both_protocols_and_no_web_page(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with serving(environment, tmp_path, "--http", "0") as process:
        assert process.stderr is not None
        url = process.stderr.readline().split()[1].rstrip(";")
        assert url.startswith("http://127.0.0.1:")

        async def main() -> None:
            for mode in MODES:
                user = agreeing()
                async with Client(url, mode=mode, elicitation_callback=user) as client:
                    if mode == MODES[0]:
                        await use(client, user)
                    else:
                        await client.call_tool("create_video", {"model": MODEL, "prompt": "a hill"})
                    assert len(user.questions) == 1

        run_in_thread(main)
        headers = {"accept": "application/json, text/event-stream"}
        for name, value, status in (("host", "evil.example", 421), ("origin", "https://evil.example", 403)):
            response = httpx.post(url, json=INITIALIZE, headers={**headers, name: value}, trust_env=False)
            assert response.status_code == status
        # A page of another server may send plain text without a question. For JSON, a browser asks first.
        plain = {**headers, "content-type": "text/plain", "origin": "http://localhost:3000"}
        assert httpx.post(url, content=json.dumps(INITIALIZE), headers=plain, trust_env=False).status_code == 400
        asked = httpx.options(url, headers={"origin": "http://localhost:3000"}, trust_env=False)
        assert asked.status_code == 405
        assert not [name for name in asked.headers if name.startswith("access-control")]
        with httpx.stream("POST", url, json=INITIALIZE, headers=headers, trust_env=False) as response:
            session = response.headers["mcp-session-id"]
        # The stream of a session stays open.
        with httpx.stream("GET", url, headers={**headers, "mcp-session-id": session}, trust_env=False):
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 0
            assert time.monotonic() - began < MOMENT
        assert process.stdout is not None
        assert process.stdout.read() == ""


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_ends_http_without_a_traceback_also_if_it_is_pressed_twice(
    environment: dict[str, str], tmp_path: Path, presses: int
) -> None:
    with serving(environment, tmp_path, "--http", "0") as process:
        assert process.stderr is not None
        url = process.stderr.readline().split()[1].rstrip(";")
        headers = {"accept": "application/json, text/event-stream"}
        with httpx.stream("POST", url, json=INITIALIZE, headers=headers, trust_env=False) as response:
            session = response.headers["mcp-session-id"]
        with httpx.stream("GET", url, headers={**headers, "mcp-session-id": session}, trust_env=False):
            for _ in range(presses):
                process.send_signal(signal.SIGINT)
                # Two signals at the same time are one.
                time.sleep(0.1)
            assert process.wait(timeout=20) == 0
        assert process.stderr.read() == ""


def test_the_second_ctrl_c_ends_http_at_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    # The level of uvicorn's logger goes back after the test.
    caplog.set_level(logging.WARNING, "uvicorn")
    server = serve.QuietServer(uvicorn.Config("no app", log_config=None))
    server.handle_exit(signal.SIGINT, None)
    assert server.should_exit
    assert codes == []
    server.handle_exit(signal.SIGINT, None)
    assert codes == [0]
