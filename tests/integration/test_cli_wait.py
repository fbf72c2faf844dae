"""The command `wait`: results, exit codes, downloads, interruptions."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from meshapi_video import PollPolicy
from meshapi_video._cli.commands import run
from meshapi_video._cli.output import print_line
from meshapi_video_sandbox import Sandbox
from support.cli import Output, video_tasks
from support.clock import Clock
from support.files import names
from support.many_tasks import respond_by_id
from support.server import Response, Server, finished, response, serving, task


def video_url(sandbox: Sandbox, task_id: str) -> str:
    """The URL in the sandbox's database."""
    inspection = httpx.get(f"{sandbox.base_url}/_sandbox/tasks/{task_id}").json()
    return str(inspection["row"]["content"]["video_url"])


def test_one_task_prints_its_url_on_stdout_and_its_statuses_on_stderr(env_sandbox: Sandbox, capsys: Output) -> None:
    task_id = env_sandbox.create_task(running_for=20)
    assert run(["wait", task_id]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{video_url(env_sandbox, task_id)}\n"
    statuses = ("queued", "running", "succeeded")
    assert captured.err.splitlines() == [f"task {task_id} has the status {status}" for status in statuses]


def test_json_is_one_line_with_all_keys(env_sandbox: Sandbox, capsys: Output) -> None:
    task_id = env_sandbox.create_task()
    assert run(["wait", "--json", task_id]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    result = json.loads(line)
    assert list(result) == ["task_id", "status", "video_url", "last_frame_url", "path", "error", "task"]
    assert (result["task_id"], result["status"], result["error"], result["path"]) == (task_id, "succeeded", None, None)
    assert result["video_url"] == result["task"]["content"]["video_url"]


def test_a_wait_may_have_no_limit(env_sandbox: Sandbox) -> None:
    assert run(["wait", env_sandbox.create_task(running_for=1000), "--timeout", "inf"]) == 0


def test_different_results_are_a_line_of_json_each_and_the_worst_is_the_exit_code(
    env_sandbox: Sandbox, capsys: Output
) -> None:
    statuses = {env_sandbox.create_task(status): status for status in ("succeeded", "failed", "expired", "cancelled")}
    assert run(["wait", "--json", *statuses]) == 1
    captured = capsys.readouterr()
    results = [json.loads(line) for line in captured.out.splitlines()]
    assert {result["task_id"]: result["status"] for result in results} == statuses
    assert {result["status"]: result["error"] and result["error"]["type"] for result in results} == {
        "succeeded": None,
        "failed": "TaskFailed",
        "expired": "TaskExpired",
        "cancelled": "TaskCancelled",
    }
    assert captured.err.splitlines()[-1] == "4 tasks: 1 with a video, 3 ended without a video"
    assert sum(line.startswith("meshapi-video: task ") for line in captured.err.splitlines()) == 3


@pytest.mark.parametrize(
    ("exceptions", "code", "summary"),
    [
        ({"b": task("failed", "b")}, 1, "2 tasks: 1 with a video, 1 ended without a video"),
        (
            {"b": task("failed", "b"), "c": task("running", "c")},
            4,
            "3 tasks: 1 with a video, 1 ended without a video, 1 timed out",
        ),
        (
            {"c": task("running", "c"), "d": response(404, {})},
            3,
            "3 tasks: 1 with a video, 1 timed out, 1 with an API or download error",
        ),
    ],
)
def test_an_error_that_a_second_run_may_fix_decides_the_exit_code(
    env_server: Server, exceptions: dict[str, Response], code: int, summary: str, capsys: Output
) -> None:
    respond_by_id(env_server, video_tasks(env_server, **exceptions))
    assert run(["wait", "--timeout", "30", "a", *exceptions]) == code
    assert capsys.readouterr().err.splitlines()[-1] == summary


def test_a_task_without_any_response_has_json_too(env_server: Server, capsys: Output) -> None:
    env_server.script(response(404, {}))
    assert run(["wait", "--json", "t"]) == 3
    result = json.loads(capsys.readouterr().out)
    assert (result["status"], result["video_url"], result["task"]) == (None, None, None)
    assert result["error"]["type"] == "NotFoundError"


def test_a_wait_that_times_out_has_the_last_task_in_its_json(env_server: Server, capsys: Output) -> None:
    env_server.script(task("running", "t"))
    assert run(["wait", "--json", "--timeout", "10", "t"]) == 4
    result = json.loads(capsys.readouterr().out)
    assert (result["status"], result["task"]["status"]) == ("running", "running")
    assert result["error"]["type"] == "WaitTimeout"


def test_a_wrong_key_ends_the_wait_at_the_first_refused_poll(env_server: Server, capsys: Output) -> None:
    env_server.script(response(401, {"error": {"code": "unauthorized", "message": "Missing or invalid API key"}}))
    ids = [f"t{number}" for number in range(200)]
    assert run(["wait", "--max-in-flight", "5", *ids]) == 3
    assert len(env_server.requests) < 50
    refused, summary = capsys.readouterr().err.splitlines()
    assert "HTTP 401 unauthorized" in refused
    assert summary == "200 tasks: 1 with an API or download error, 199 without a result"


def test_failed_polls_are_printed_while_the_wait_continues(env_server: Server, capsys: Output) -> None:
    env_server.script(response(503, {"error": {"message": "[bold]maintenance[/bold]"}}), finished("t"))
    assert run(["wait", "t"]) == 0
    failed, ended = capsys.readouterr().err.splitlines()
    assert re.fullmatch(
        r"poll 1 of task t failed after 0\.\d+ s: HTTP 503: \[bold]maintenance\[/bold]; next poll in \d\.\d s", failed
    )
    assert ended == "task t has the status succeeded"


def test_a_wait_for_a_server_that_refuses_says_so_in_one_line(
    env_server: Server, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(down=True) as down:
        monkeypatch.setenv("MESHAPI_BASE_URL", down.base_url)
        assert run(["wait", "--timeout", "5", "a", "b"]) == 4
    first, *rest = [line for line in capsys.readouterr().err.splitlines() if "WaitTimeout" not in line]
    assert re.match(rf"poll 1 of task [ab] failed after \d\.\d+ s: no complete response from {down.base_url}: ", first)
    assert not [line for line in rest if line.startswith("poll")]
    assert env_server.requests == []


def test_videos_are_downloaded_into_a_new_folder(env_sandbox: Sandbox, tmp_path: Path, capsys: Output) -> None:
    ids = [env_sandbox.create_task() for _ in range(6)]
    folder = tmp_path / "new" / "videos"
    assert run(["wait", "--download", str(folder), *ids]) == 0
    printed = sorted(capsys.readouterr().out.splitlines())
    assert printed == sorted(f"{task_id}\t{folder / task_id}.mp4" for task_id in ids)
    assert names(folder) == sorted(f"{task_id}.mp4" for task_id in ids)


def test_a_task_whose_video_is_already_there_is_not_polled(env_server: Server, tmp_path: Path, capsys: Output) -> None:
    respond_by_id(env_server, video_tasks(env_server))
    arguments = ["wait", "--json", "--download", str(tmp_path), "a", "b"]
    assert run(arguments) == 0
    first = capsys.readouterr()
    env_server.requests.clear()
    assert run(arguments) == 0
    second = capsys.readouterr()
    assert env_server.requests == []
    paths = [
        [(result["task_id"], result["path"]) for result in map(json.loads, captured.out.splitlines())]
        for captured in (first, second)
    ]
    assert sorted(paths[0]) == paths[1] == [("a", f"{tmp_path}/a.mp4"), ("b", f"{tmp_path}/b.mp4")]
    assert second.err.splitlines() == ["2 tasks: 2 with a video"]


@pytest.mark.parametrize(("make", "kind"), [(Path.mkdir, "a folder"), (os.mkfifo, "a named pipe")])
def test_what_is_no_file_is_not_taken_for_a_video(
    env_server: Server, tmp_path: Path, capsys: Output, make: Callable[[Path], None], kind: str
) -> None:
    respond_by_id(env_server, video_tasks(env_server))
    make(tmp_path / "t.mp4")
    assert run(["wait", "t", "--download", str(tmp_path)]) == 74
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"{tmp_path}/t.mp4 is {kind}, and only a regular file is replaced: choose another path" in printed.err


def test_a_wait_gives_no_advice_with_an_option_that_it_lacks(
    env_server: Server, tmp_path: Path, capsys: Output
) -> None:
    respond_by_id(env_server, video_tasks(env_server))
    (tmp_path / "t.mp4").symlink_to("nowhere")
    # The command before has the option.
    assert run(["download", "t", str(tmp_path)]) == 74
    assert "t.mp4 already exists: give --overwrite to replace it" in capsys.readouterr().err
    assert run(["wait", "t", "--download", str(tmp_path)]) == 74
    assert "t.mp4 already exists: delete it, or choose another path" in capsys.readouterr().err


def test_the_same_command_after_an_interruption_downloads_what_is_missing(
    env_server: Server, no_delays: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    respond_by_id(env_server, video_tasks(env_server, b=task("running", "b")))

    def interrupt_after_a_download(*_arguments: object) -> float:
        no_delays.now += 1
        if (tmp_path / "a.mp4").exists():
            signal.raise_signal(signal.SIGINT)
        return 0

    arguments = ["wait", "--download", str(tmp_path), "a", "b"]
    with monkeypatch.context() as patch:
        patch.setattr(PollPolicy, "delay", interrupt_after_a_download)
        assert run(arguments) == 130
    assert "task b continues" in capsys.readouterr().err
    requests = respond_by_id(env_server, video_tasks(env_server))
    assert run(arguments) == 0
    assert requests == {"b": 1, "b.mp4?s=1": 1}
    assert names(tmp_path) == ["a.mp4", "b.mp4"]


def test_ctrl_c_after_the_last_result_does_not_say_that_a_task_continues(
    env_server: Server, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    env_server.script(finished("t"))
    original_echo = print_line

    def print_and_interrupt(text: object) -> None:
        original_echo(text)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("meshapi_video._cli.batch.print_line", print_and_interrupt)
    assert run(["wait", "t"]) == 130
    captured = capsys.readouterr()
    assert captured.out == "https://cdn.example/v.mp4\n"
    assert captured.err.splitlines()[-1] == "meshapi-video: interrupted"
    assert "continues" not in captured.err


def test_a_failed_download_is_the_error_of_its_task(env_server: Server, tmp_path: Path, capsys: Output) -> None:
    respond_by_id(env_server, video_tasks(env_server, b_mp4=response(404, {})))
    assert run(["wait", "--json", "--download", str(tmp_path), "a", "b"]) == 3
    captured = capsys.readouterr()
    results = {result["task_id"]: result for result in map(json.loads, captured.out.splitlines())}
    assert results["a"]["path"] == f"{tmp_path}/a.mp4"
    assert (results["b"]["status"], results["b"]["path"]) == ("succeeded", None)
    assert results["b"]["error"]["type"] == "DownloadError"
    assert captured.err.splitlines()[-1] == "2 tasks: 1 with a video, 1 with an API or download error"
    assert "task b" in captured.err
    assert names(tmp_path) == ["a.mp4"]
