"""The server for AI clients in a folder, with a server and with clients that nobody would wish for."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from meshapi_video._create import journal
from meshapi_video_sandbox import Sandbox
from support.cli import video_tasks
from support.clock import Clock
from support.files import names
from support.many_tasks import respond_by_id
from support.mcp_client import MODEL, MODES, AIClient, User, agreeing
from support.server import TASK_ID, Server, response, task

LAKE: dict[str, Any] = {"model": MODEL, "prompt": "a lake", "duration": 5, "resolution": "720p"}


@pytest.fixture(params=MODES)
def ai(request: pytest.FixtureRequest, no_delays: Clock, tmp_path: Path) -> AIClient:  # noqa: ARG001 - for its effect
    folder = tmp_path / "folder"
    folder.mkdir()
    return AIClient(request.param, folder, agreeing())


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that the server has no business in."""
    folder = tmp_path / "outside"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("kind", ["a link to a folder", "a link to a file", "a link to nothing", "a folder"])
def test_a_download_writes_nowhere_but_to_its_own_name_in_the_folder(
    ai: AIClient, env_server: Server, outside: Path, kind: str
) -> None:
    respond_by_id(env_server, video_tasks(env_server))
    target = ai.folder / "t.mp4"
    if kind == "a folder":
        target.mkdir()
    else:
        existing = {"a link to a folder": outside, "a link to a file": Path(__file__)}
        target.symlink_to(existing.get(kind, outside / "new"))
    sentence = ai.error("download_video", task_id="t")
    assert sentence == (
        f"{target} exists, and is no regular file: nothing was downloaded. The user can delete or rename it; then "
        "call download_video again"
    )
    assert names(outside) == []
    assert names(ai.folder) == ["t.mp4"]
    assert env_server.requests == []


@pytest.mark.parametrize("target", ["file", "nothing"])
def test_a_journal_that_is_a_link_is_neither_read_nor_written(
    ai: AIClient, env_server: Server, outside: Path, target: str
) -> None:
    other = outside / "other"
    if target == "file":
        other.write_text("mine")
    path = ai.folder / "creates.journal"
    path.symlink_to(other)
    assert ai.error("create_video", **LAKE) == (
        f"The journal {path} is a symbolic link: nothing was created. The user can put the file in its place"
    )
    assert ai.user is not None
    assert ai.user.questions == []
    assert names(outside) == (["other"] if target == "file" else [])
    assert env_server.requests == []


@pytest.mark.parametrize("created_at", [-(10**12), 10**12, 10**18, -(10**18), 10**30])
def test_a_task_with_a_time_that_no_calendar_has_is_read_without_it(
    ai: AIClient, env_server: Server, created_at: int
) -> None:
    strange = task("running", created_at=created_at)
    env_server.script(strange)
    read = ai.data("get_video_task", task_id=TASK_ID)
    assert (read["status"], "created" in read) == ("running", False)
    row = {"id": "t", "status": "running", "created_at": created_at}
    page = {"data": [row], "total": 1, "limit": 100, "offset": 0, "has_more": False}
    env_server.script(response(200, page))
    assert ai.data("list_video_tasks")["tasks"] == [{"task_id": "t", "status": "running"}]


@pytest.mark.parametrize("content", [None, {}, {"create": "perhaps"}], ids=["none", "empty", "no boolean"])
def test_a_client_that_accepts_without_an_answer_creates_nothing(
    ai: AIClient, env_server: Server, content: dict[str, Any] | None
) -> None:
    ai.user = User(content=content)
    assert ai.error("create_video", **LAKE) == (
        "The client sent no usable answer to the question: nothing was created or paid for. If the user agrees, call "
        "create_video again"
    )
    assert env_server.requests == []


def test_a_journal_that_cannot_be_opened_is_said_in_a_sentence(ai: AIClient, env_server: Server) -> None:
    path = ai.folder / "creates.journal"
    path.mkdir()
    assert ai.error("create_video", **LAKE) == (
        f"The journal {path} cannot be used: the journal should be a regular file. Nothing was created now. The "
        "user can mend this, or start this server with another --folder, which does not know the creates of this one"
    )
    path.rmdir()
    ai.folder.rmdir()
    assert f"The journal {path} cannot be used: {os.strerror(errno.ENOENT)}." in ai.error("create_video", **LAKE)
    assert env_server.requests == []


@pytest.mark.parametrize("line", ["sending", "created"])
def test_a_full_disk_is_said_in_a_sentence_with_what_was_paid_for(
    ai: AIClient, env_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    append = journal._append

    def fail(path: Path, fields: dict[str, object]) -> None:
        if fields["event"] == line:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        append(path, fields)

    monkeypatch.setattr(journal, "_append", fail)
    before = len(env_sandbox.creates())
    sentence = ai.error("create_video", **LAKE)
    made = env_sandbox.creates()[before:]
    assert os.strerror(errno.ENOSPC) in sentence
    assert "Errno" not in sentence
    if line == "sending":
        assert "Nothing was created now" in sentence
        assert made == []
    else:
        assert "Nothing was created" not in sentence
        assert f"the task {made[0].id} was created and has been paid for. Keep this id" in sentence


@pytest.mark.parametrize("separator", ["; ", "\n", "\r", "\u2028", '"\n', '" ; '])
def test_a_model_cannot_write_a_field_of_its_own_into_the_question(
    ai: AIClient, env_server: Server, separator: str
) -> None:
    ai.user = User("decline")
    forged = separator.join((MODEL, "Length: 1 second", "Resolution: 480p. Free"))
    ai.data("create_video", model=forged, prompt="a lake", duration=5, resolution=f"720p{separator}Length: 1 second")
    (question,) = ai.user.questions
    lines = question.splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        "Create a video? It costs money.",
        "Model",
        "Length",
        "Resolution",
        "Note",
    ]
    assert lines[2] == "Length: 5 seconds"
    for line in (lines[1], lines[3]):
        value = line.split(": ", 1)[1]
        assert (value[0], value[-1], value.count('"')) == ('"', '"', 2)
    assert env_server.requests == []


def test_a_status_that_does_not_exist_is_a_wrong_argument_and_no_empty_list(ai: AIClient, env_server: Server) -> None:
    sentence = ai.error("list_video_tasks", status=["running", "bogus"])
    assert sentence.startswith("status.1: Input should be 'queued', 'running', 'succeeded', 'failed', 'expired'")
    assert "bogus" not in sentence
    assert env_server.requests == []
