"""The commands `get` and `download`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meshapi_video._cli.commands import run
from meshapi_video_sandbox import Sandbox
from support.cli import VIDEO, Output, video_tasks
from support.files import names
from support.many_tasks import respond_by_id
from support.server import Server, task


def test_get_prints_the_fields_of_a_task(env_sandbox: Sandbox, capsys: Output) -> None:
    task_id = env_sandbox.create_task(queued_for=9)
    assert run(["get", task_id]) == 0
    printed = capsys.readouterr().out
    assert f"id: {task_id}\nstatus: queued\n" in printed
    assert "error" not in printed


def test_get_prints_the_task_as_json(env_sandbox: Sandbox, capsys: Output) -> None:
    assert run(["get", "--json", env_sandbox.create_task(queued_for=9)]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "queued"


def test_download_names_a_file_in_a_folder_after_its_task(
    env_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    respond_by_id(env_server, video_tasks(env_server))
    monkeypatch.chdir(tmp_path)
    assert run(["download", "t"]) == 0
    assert capsys.readouterr().out == "t.mp4\n"
    assert run(["download", "--last-frame", "t"]) == 0
    assert capsys.readouterr().out == "t.jpg\n"
    assert run(["download", "t", "mine.mp4"]) == 0
    assert capsys.readouterr().out == "mine.mp4\n"
    assert (tmp_path / "mine.mp4").read_bytes() == b"t.mp4" + VIDEO
    assert names(tmp_path) == ["mine.mp4", "t.jpg", "t.mp4"]


def test_download_replaces_a_file_only_with_overwrite(env_server: Server, tmp_path: Path, capsys: Output) -> None:
    respond_by_id(env_server, video_tasks(env_server))
    path = tmp_path / "t.mp4"
    path.write_text("mine")
    assert run(["download", "t", str(path)]) == 74
    captured = capsys.readouterr()
    assert "meshapi-video: " in captured.err
    assert "give --overwrite to replace it" in captured.err
    assert "t.mp4" in captured.err
    assert captured.out == ""
    assert path.read_text() == "mine"
    assert run(["download", "--overwrite", "t", str(path)]) == 0
    assert path.read_bytes() == b"t.mp4" + VIDEO


def test_download_of_an_unfinished_task_names_its_status(env_server: Server, tmp_path: Path, capsys: Output) -> None:
    env_server.script(task("running", "t"))
    assert run(["download", "t", str(tmp_path)]) == 3
    printed = capsys.readouterr().err
    assert "task t" in printed
    assert "running" in printed
    env_server.script(task("failed", "t"))
    assert run(["download", "t", str(tmp_path)]) == 1
    assert names(tmp_path) == []
